"""The states of a cluster and a job, in Flink K8s Toolbox 1.4's own words, so that its users' scripts go on reading."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """`.status.supervisorStatus` of a FlinkCluster and of a FlinkJob."""

    UNKNOWN = "Unknown"
    STARTING = "Starting"
    STARTED = "Started"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    TERMINATED = "Terminated"


class ResourceStatus(StrEnum):
    """`.status.resourceStatus`: has the resource converged on its spec?"""

    UNKNOWN = "Unknown"
    UPDATING = "Updating"
    UPDATED = "Updated"


class RequestedAction(StrEnum):
    """What a person asks for in the annotation `requested-action`."""

    START = "START"
    STOP = "STOP"
    TRIGGER_SAVEPOINT = "TRIGGER_SAVEPOINT"
    FORGET_SAVEPOINT = "FORGET_SAVEPOINT"


class ClaimMode(StrEnum):
    """Whose the state is that a job was started from: still its owner's, or Flink's, which deletes it in time."""

    NO_CLAIM = "NO_CLAIM"
    CLAIM = "CLAIM"


class Cleanup(StrEnum):
    """What becomes of the savepoints of ours that fall out of the history."""

    KEEP = "Keep"
    DISPOSE = "Dispose"


class RestartPolicy(StrEnum):
    ALWAYS = "Always"
    ONLY_IF_FAILED = "OnlyIfFailed"
    NEVER = "Never"


class UnhealthyPolicy(StrEnum):
    """What follows when a job runs badly: only a condition and an Event, or also a new run from its newest state."""

    REPORT = "Report"
    RESTART = "Restart"


class SavepointMode(StrEnum):
    """Automatic: a savepoint is part of each stop. Manual: a stop cancels, and the newest checkpoint remains."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class StoppedBy(StrEnum):
    """Who stopped a job; it decides what may start it again."""

    NOBODY = ""
    PERSON = "Person"
    SPEC = "Spec"
    CLUSTER = "Cluster"
    FLINK = "Flink"
    SUPERVISOR = "Supervisor"


HEALTHY = "HEALTHY"
UNHEALTHY = "UNHEALTHY"
