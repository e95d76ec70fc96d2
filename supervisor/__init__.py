"""One program per FlinkCluster with a memory and side effects: run, savepoint, stop, restart, recover."""
