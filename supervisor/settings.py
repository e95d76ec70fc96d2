"""What a submission sets in Flink's configuration for this one job, where neither cluster nor spec says anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# Without this a cancelled job leaves no checkpoint behind. How many are kept is a setting of the cluster: see hooks/.
RETENTION = "execution.checkpointing.externalized-checkpoint-retention"
RETAINED = "RETAIN_ON_CANCELLATION"
SAVEPOINT_DIRECTORY = ("execution.checkpointing.savepoint-dir", "state.savepoints.dir")
INTERVAL = "execution.checkpointing.interval"
CHECKPOINT_DIRECTORY = ("execution.checkpointing.dir", "state.checkpoints.dir")
DIRECTORY_OF_RUN = ("execution.checkpointing.create-subdir", "state.checkpoints.create-subdir")
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
    return _first(SAVEPOINT_DIRECTORY, {**cluster, **spec})


def checkpoint_directory(spec: Mapping[str, str], cluster: Mapping[str, str], run: str) -> str:
    """Where that run keeps its checkpoints, as far as its code does not say otherwise; '' for no place of its own."""
    settings = {**cluster, **spec}
    parent = _first(CHECKPOINT_DIRECTORY, settings).rstrip("/")
    shared = _first(DIRECTORY_OF_RUN, settings).lower() == "false"
    return f"{parent}/{run}" if parent and not shared else ""


def keeps_checkpoints_in_memory(spec: Mapping[str, str], cluster: Mapping[str, str]) -> bool:
    """Are there checkpoints, and only the JobManager to hold them? As far as image and code do not say otherwise."""
    settings = {**cluster, **spec}
    return bool(settings.get(INTERVAL)) and not _first(CHECKPOINT_DIRECTORY, settings)


def retained_checkpoints(spec: Mapping[str, str], cluster: Mapping[str, str]) -> int:
    """How many completed checkpoints Flink keeps of a job; 1 when nobody says anything."""
    found = _first(RETAINED_NUMBER, {**cluster, **spec})
    return int(found) if found.isdecimal() else 1


def _first(keys: Iterable[str], settings: Mapping[str, str]) -> str:
    """By the first of its names that has a value: Flink knows the old ones too."""
    return next((settings[key] for key in keys if settings.get(key)), "")
