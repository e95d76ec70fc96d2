"""Where state is that nobody was told of.

A job that has stopped with a savepoint is FINISHED: Flink discards its checkpoints, and only its JobManager knows where
the savepoint is. When that goes before it is asked, the next one looks into the directory, with Flink's own file
systems: FindState.java makes a plan whose name is the answer, and nothing runs. So it does in the directory of
checkpoints of a run that was lost.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from clients.flink import FlinkClient
from supervisor import bootstrap
from supervisor.decision import FindState

JAR = Path(__file__).with_name("finder.jar")
# The cluster's own may ask for uids, which the finder's operators have not, and for classes that only its jobs carry.
CLASSES = (
    "execution.job-listeners",
    "pipeline.default-kryo-serializers",  # to 1.20, like the next two
    "pipeline.registered-kryo-types",
    "pipeline.registered-pojo-types",
    "pipeline.serialization-config",  # from 1.20
)
CONFIGURATION = {"pipeline.auto-generate-uids": "true", **dict.fromkeys(CLASSES, "")}


class Found(NamedTuple):
    """`number` is its place among the checkpoints of its run, `written` when it was complete, in milliseconds by the
    clock of the store; no path: there is none."""

    number: int = 0
    written: int = 0
    path: str = ""

    @classmethod
    def of(cls, answer: str) -> Found:
        """ValueError for what is no answer of the finder's."""
        if answer == "none":
            return cls()
        number, written, path = answer.split(" ", 2)
        return cls(int(number), int(written), path)

    def answer(self) -> str:
        return f"{self.number} {self.written} {self.path}" if self.path else "none"


def find(flink: FlinkClient, what: FindState) -> str:
    """Of the newest savepoint or checkpoint of that run; see Found.

    Raises FlinkError: Rejected when the directory cannot be read.
    """
    return flink.plan(
        bootstrap.delivered(flink, JAR, bootstrap.content_name(JAR)),
        entry_class=None,
        arguments=(what.directory, what.job_id, str(what.since), *filter(None, [what.known])),
        parallelism=1,
        flink_configuration=CONFIGURATION,
        timeout_seconds=what.seconds,
    )
