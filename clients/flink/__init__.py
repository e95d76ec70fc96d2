"""Flink over REST: the one door to a JobManager, for the supervisor, the bootstrap and the tests.

Errors, and what each allows the caller to conclude:

    FlinkError
    ├── Rejected(status, text)   Flink itself said no: a definite answer
    │   ├── NotFound             no such job, or the operation's result is no longer kept
    │   └── Duplicate            a job with that id is already known, running or finished
    └── Unknown                  time-out, broken connection, 5xx, an answer that is not Flink's:
        │                        nobody knows whether it happened; look before repeating
        ├── Failed(text)         Flink's own words, and not how far it had come
        ├── TimedOut             asked, and no answer in the time that was given
        └── NotReachable         no connection was made, so nothing was sent and nothing happened
"""

from clients.flink.client import FlinkClient
from clients.flink.errors import Duplicate, Failed, FlinkError, NotFound, NotReachable, Rejected, TimedOut, Unknown
from clients.flink.records import (
    Capabilities,
    Checkpoints,
    Jar,
    JobDetails,
    JobSummary,
    Operation,
    Overview,
    Restored,
    Snapshot,
    TaskManager,
    Vertex,
)

__all__ = [
    "Capabilities",
    "Checkpoints",
    "Duplicate",
    "Failed",
    "FlinkClient",
    "FlinkError",
    "Jar",
    "JobDetails",
    "JobSummary",
    "NotFound",
    "NotReachable",
    "Operation",
    "Overview",
    "Rejected",
    "Restored",
    "Snapshot",
    "TaskManager",
    "TimedOut",
    "Unknown",
    "Vertex",
]
