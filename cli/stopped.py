"""Who wanted that nothing of an object runs, and what starts it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from cli import verdicts
from cli.verdicts import Object
from core import conditions, names
from core.states import Phase, RestartPolicy, StoppedBy


class Rest(NamedTuple):
    """`start` is a command, or what to change."""

    why: str
    start: str = ""


def by_person(item: Object) -> bool:
    """Is it down on request, so that one more would change nothing?"""
    status = verdicts.status_of(item)
    asked = status.get("stopped") if item["kind"] == names.CLUSTER else status.get("stoppedBy") == StoppedBy.PERSON
    return at_rest(item) is not None and bool(asked)


def starts_with_cluster(job: Object, cluster: Object) -> bool:
    """Does it run again after a start of its cluster? One that runs is taken along to the new pods, whatever its
    policy; one that was stopped with its cluster comes back as the policy says. One that is yet to be stopped with it
    just goes on."""
    status, body = verdicts.status_of(job), job.get("spec") or {}
    always = status.get("restartPolicy") == RestartPolicy.ALWAYS
    if verdicts.phase(job) == Phase.STARTED:
        return conditions.is_true(job, conditions.READY) and not verdicts.report_of(cluster).stopped
    with_it = verdicts.phase(job) == Phase.STOPPED and status.get("stoppedBy") == StoppedBy.CLUSTER
    return always and with_it and bool(body.get("jobParallelism")) and not body.get("suspend")


def at_rest(item: Object) -> Rest | None:
    """None while something runs or is on its way."""
    if not verdicts.seen(item) or verdicts.pending(item) or verdicts.phase(item) != Phase.STOPPED:
        return None
    if item["kind"] == names.DEPLOYMENT:
        return None  # its parts say it
    return _cluster(item) if item["kind"] == names.CLUSTER else _job(item)


def _cluster(item: Object) -> Rest | None:
    status = verdicts.status_of(item)
    if status.get("suspended"):
        return Rest("suspended by spec.suspend", _resumed(item))
    return Rest("stopped on request", _command(item, "start")) if status.get("stopped") else None


def _job(item: Object) -> Rest | None:
    status, body = verdicts.status_of(item), item.get("spec") or {}
    match status.get("stoppedBy"):
        case StoppedBy.PERSON:
            return Rest("stopped on request, which no restart policy undoes", _startable(item))
        case StoppedBy.SPEC | StoppedBy.CLUSTER if body.get("suspend"):
            return Rest("suspended by spec.suspend", _resumed(item))
        case StoppedBy.SPEC | StoppedBy.CLUSTER if not body.get("jobParallelism"):
            return Rest("suspended: spec.jobParallelism is 0", _command(item, "scale", "--parallelism N"))
        case StoppedBy.CLUSTER if status.get("restartPolicy") == RestartPolicy.ALWAYS:
            return Rest("stopped with its cluster, and starts with it")
        case StoppedBy.CLUSTER:
            policy = status.get("restartPolicy")
            return Rest(f"stopped with its cluster; restartPolicy is {policy}", _command(item, "start"))
    return None


def _startable(item: Object) -> str:
    body, start = item.get("spec") or {}, _command(item, "start")
    if body.get("suspend"):
        return f"{_resumed(item)}, then: {start}"
    return start if body.get("jobParallelism") else f"{_command(item, 'scale', '--parallelism N')}, then: {start}"


def _command(item: Object, *words: str) -> str:
    noun, (verb, *options) = item["kind"].removeprefix("Flink").lower(), words
    metadata = item["metadata"]
    return " ".join([f"flinkctl {noun} {verb}", metadata["name"], *options, f"-n {metadata.get('namespace', '')}"])


def _resumed(item: Object) -> str:
    """Where the field is: in the FlinkDeployment that the object is made from, if there is one."""
    owners = item["metadata"].get("ownerReferences") or ()
    owner = next((one["name"] for one in owners if one["kind"] == names.DEPLOYMENT), "")
    if not owner:
        return "set spec.suspend to false"
    is_cluster = item["kind"] == names.CLUSTER
    part = "spec.cluster" if is_cluster else f"job {item['metadata']['name'].removeprefix(f'{owner}-')}"
    return f"set suspend of {part} in FlinkDeployment {owner} to false"
