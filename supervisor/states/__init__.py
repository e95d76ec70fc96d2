"""One module per state of a job, each with one function: decide(world) -> Decision."""
