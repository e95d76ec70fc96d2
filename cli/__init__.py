"""flinkctl: the command line, and the way into the server programs."""
