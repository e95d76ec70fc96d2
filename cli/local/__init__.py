"""The local runtime as a process in the background."""
