"""What a submission sets in Flink's configuration for this one job, where neither cluster nor spec says anything."""

from __future__ import annotations

from collections.abc import Mapping

# Without this a cancelled job leaves no checkpoint behind. How many are kept is a setting of the cluster: see hooks/.
RETENTION = "execution.checkpointing.externalized-checkpoint-retention"
RETAINED = "RETAIN_ON_CANCELLATION"
SAVEPOINT_DIRECTORY = ("execution.checkpointing.savepoint-dir", "state.savepoints.dir")
RETAINED_NUMBER = ("execution.checkpointing.num-retained", "state.checkpoints.num-retained")


def for_job(spec: Mapping[str, str], cluster: Mapping[str, str]) -> dict[str, str]:
    """`spec` is the job's flinkConfiguration, `cluster` the JobManager's configuration; both win over ours."""
    ours = {} if RETENTION in cluster else {RETENTION: RETAINED}
    return {**ours, **spec}


def retains_checkpoints(spec: Mapping[str, str], cluster: Mapping[str, str]) -> bool:
    """Do the checkpoints of a job submitted with these outlive its cancellation?"""
    return {**cluster, **for_job(spec, cluster)}[RETENTION] == RETAINED


def savepoint_directory(spec: Mapping[str, str], cluster: Mapping[str, str]) -> str:
    """Where Flink writes a savepoint that no directory is named for; '' for nowhere."""
    settings = {**cluster, **spec}
    return next((settings[key] for key in SAVEPOINT_DIRECTORY if settings.get(key)), "")


def retained_checkpoints(spec: Mapping[str, str], cluster: Mapping[str, str]) -> int:
    """How many completed checkpoints Flink keeps of a job; 1 when nobody says anything."""
    settings = {**cluster, **spec}
    found = next((settings[key] for key in RETAINED_NUMBER if key in settings), "1")
    return int(found) if found.isdecimal() else 1
