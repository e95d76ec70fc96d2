"""The states of a job and the ways between them. What is not in the table does not happen: decide() refuses it."""

from __future__ import annotations

from core.states import Phase

TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    # first sight; deleted before it began
    Phase.UNKNOWN: frozenset({Phase.STARTING, Phase.TERMINATED}),
    # submitted and running; stop, or a start that takes too long; start failed, suspended; deleted
    Phase.STARTING: frozenset({Phase.STARTED, Phase.STOPPING, Phase.STOPPED, Phase.TERMINATED}),
    # lost with its JobManager; stop; ended by itself
    Phase.STARTED: frozenset({Phase.STARTING, Phase.STOPPING, Phase.STOPPED}),
    # restart; the savepoint failed and the job goes on; stopped; deleted
    Phase.STOPPING: frozenset({Phase.STARTING, Phase.STARTED, Phase.STOPPED, Phase.TERMINATED}),
    Phase.STOPPED: frozenset({Phase.STARTING, Phase.TERMINATED}),
    Phase.TERMINATED: frozenset(),
}


def allowed(before: Phase, after: Phase) -> bool:
    return after == before or after in TRANSITIONS[before]
