"""The REST interface: the Toolbox's paths and envelope, with the caller's own rights."""
