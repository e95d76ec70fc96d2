"""A FlinkJob as the code reads it: the spec with its defaults, and what a person asks for in its annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core import canonical, names, spec
from core.states import ClaimMode, Cleanup, RestartPolicy, SavepointMode, UnhealthyPolicy

BOOTSTRAP_DEFAULTS = {
    "pullPolicy": "IfNotPresent",
    "serviceAccount": "default",
    "allowNonRestoredState": False,
}


@dataclass(frozen=True)
class Bootstrap:
    """`spec.bootstrap`: the JAR and how to run it."""

    image: str
    class_name: str
    jar_path: str
    arguments: tuple[str, ...]
    allow_non_restored_state: bool


@dataclass(frozen=True)
class Savepoints:
    """`spec.savepoint`; the interval in seconds, 0 for none."""

    mode: SavepointMode
    initial_path: str
    interval: int
    schedule: str  # cron, '' for none
    target_path: str
    format: str
    on_delete: bool
    history_limit: int
    max_state_age: int  # seconds; 0: any
    history_max_age: int  # seconds, 0 for any
    cleanup: Cleanup
    claim_mode: ClaimMode


@dataclass(frozen=True)
class Restart:
    """`spec.restart`; times in seconds."""

    policy: RestartPolicy
    delay: int
    max_delay: int
    timeout: int
    rollback: bool
    unhealthy_policy: UnhealthyPolicy
    unhealthy_restarts: int
    unhealthy_window: int


@dataclass(frozen=True)
class Job:
    """A FlinkJob's identity, spec and annotations, defaults resolved."""

    name: str
    namespace: str
    uid: str
    generation: int
    deleting: str  # since when, '' for not at all
    deletion_deadline: int  # seconds
    cluster_name: str  # by spec or label; '' while unbound
    parallelism: int  # wanted, within the limits; 0 when suspended
    suspend: bool
    bootstrap: Bootstrap
    bootstrap_spec: dict[str, Any]
    bootstrap_digest: str
    savepoint: Savepoints
    savepoint_digest: str
    restart: Restart
    restart_digest: str
    flink_configuration: dict[str, str]
    action: str  # what a person asked for, '' for nothing; may be a word we do not know
    action_token: str  # tells one request from the next
    without_savepoint: bool
    from_savepoint: str  # where this START shall begin; '' for the newest recovery point
    drain: bool


def read(resource: Mapping[str, Any]) -> Job:
    """The FlinkJob of an API object; ValueError when an enum holds a word that the API does not have."""
    metadata, body = resource["metadata"], resource.get("spec") or {}
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    bootstrap, savepoint, restart = (spec.part(body, key) for key in ("bootstrap", "savepoint", "restart"))
    suspend = spec.flag(body, "suspend")
    wanted = spec.whole(body, "jobParallelism", 0)
    low, high = spec.whole(body, "minJobParallelism", 0), spec.whole(body, "maxJobParallelism", 32)
    flink_configuration = spec.texts(body, "flinkConfiguration")
    action = requested_action(annotations)
    origin = annotations.get(names.FROM_SAVEPOINT, "").strip() if action == "START" else ""
    return Job(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        uid=metadata.get("uid", ""),
        generation=metadata.get("generation", 0),
        deleting=metadata.get("deletionTimestamp") or "",
        deletion_deadline=deletion_deadline(body),
        cluster_name=names.bound_cluster(metadata, body, ()),
        # No limit undoes a suspension.
        parallelism=0 if suspend or wanted == 0 else spec.clamp(wanted, low, high),
        suspend=suspend,
        bootstrap=read_bootstrap(bootstrap),
        bootstrap_spec=bootstrap,
        bootstrap_digest=_bootstrap_digest(bootstrap, flink_configuration),
        savepoint=_savepoints(savepoint),
        savepoint_digest=canonical.digest(canonical.stripped(savepoint)),
        restart=_restart(restart),
        restart_digest=canonical.digest(canonical.stripped(restart)),
        flink_configuration=flink_configuration,
        action=action,
        action_token=f"{action}@{annotations.get(names.ACTION_TIMESTAMP, '')}" if action else "",
        without_savepoint=not origin and annotations.get(names.WITHOUT_SAVEPOINT, "").lower() == "true",
        from_savepoint=origin,
        drain=annotations.get(names.DRAIN, "").lower() == "true",
    )


def deletion_deadline(body: Any) -> int:
    """Of a spec that may be wrong."""
    found = body.get("deletionDeadline") if isinstance(body, Mapping) else None
    return found if isinstance(found, int) and found >= 0 else 300


def with_bootstrap(job: Job, bootstrap: dict[str, Any], flink_configuration: dict[str, str]) -> Job:
    """The job with another `spec.bootstrap` and `spec.flinkConfiguration`: all that a submission is made of."""
    return replace(
        job,
        bootstrap=read_bootstrap(bootstrap),
        bootstrap_spec=bootstrap,
        bootstrap_digest=_bootstrap_digest(bootstrap, flink_configuration),
        flink_configuration=flink_configuration,
    )


OURS = b"metacont".hex()  # how the ids of our runs end: what people submit themselves is none of our business


def flink_job_id(uid: str, attempt: int) -> str:
    """Flink's job id of one attempt: the same for everyone who computes it, and Flink refuses the second one. It begins
    with what tells runs apart, since Flink names a savepoint after the first six digits."""
    return canonical.digest(["job", uid, attempt], 16) + OURS


def requested_action(annotations: Mapping[str, str]) -> str:
    """The word in the annotation, upper case; '' for none. The Toolbox accepts any case, and NONE for nothing."""
    word = annotations.get(names.REQUESTED_ACTION, "").strip().upper()
    return "" if word == "NONE" else word


def read_bootstrap(body: Mapping[str, Any]) -> Bootstrap:
    """A `spec.bootstrap`, as it is in a FlinkJob or was kept in its status."""
    return Bootstrap(
        image=spec.text(body, "image"),
        class_name=spec.text(body, "className"),
        jar_path=spec.text(body, "jarPath"),
        arguments=tuple(str(argument) for argument in spec.items(body, "arguments")),
        allow_non_restored_state=spec.flag(body, "allowNonRestoredState"),
    )


def _bootstrap_digest(bootstrap: Mapping[str, Any], flink_configuration: Mapping[str, str]) -> str:
    """Changes when the job must be submitted anew: the JAR, its arguments, its Flink configuration."""
    return canonical.digest([canonical.without_defaults(bootstrap, BOOTSTRAP_DEFAULTS), dict(flink_configuration)])


def _savepoints(body: Mapping[str, Any]) -> Savepoints:
    return Savepoints(
        mode=SavepointMode(spec.text(body, "savepointMode", SavepointMode.AUTOMATIC)),
        initial_path=spec.unquoted(spec.text(body, "savepointPath")),
        interval=max(0, spec.whole(body, "savepointInterval", 0)),
        schedule=spec.text(body, "savepointSchedule"),
        target_path=spec.text(body, "savepointTargetPath"),
        format=spec.text(body, "savepointFormat", "CANONICAL"),
        on_delete=spec.flag(body, "savepointOnDelete"),
        history_limit=max(1, spec.whole(body, "historyLimit", 10)),
        max_state_age=max(0, spec.whole(body, "maxStateAge", 0)),
        history_max_age=max(0, spec.whole(body, "historyMaxAge", 0)),
        claim_mode=ClaimMode(spec.text(body, "claimMode", ClaimMode.NO_CLAIM)),
        cleanup=Cleanup(spec.text(body, "cleanup", Cleanup.KEEP)),
    )


def _restart(body: Mapping[str, Any]) -> Restart:
    return Restart(
        policy=RestartPolicy(spec.text(body, "restartPolicy", RestartPolicy.NEVER)),
        delay=max(0, spec.whole(body, "restartDelay", 60)),
        max_delay=max(0, spec.whole(body, "restartMaxDelay", 600)),
        timeout=max(1, spec.whole(body, "restartTimeout", 180)),
        rollback=spec.flag(body, "rollback", True),
        unhealthy_policy=UnhealthyPolicy(spec.text(body, "unhealthyPolicy", UnhealthyPolicy.REPORT)),
        unhealthy_restarts=max(1, spec.whole(body, "unhealthyRestarts", 5)),
        unhealthy_window=max(60, spec.whole(body, "unhealthyWindow", 600)),
    )
