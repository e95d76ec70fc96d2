"""What a plan says: the world as it would be without the edit, beside the world with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from cli import slots, verdicts
from cli.plan.differences import Field, fields
from cli.plan.rehearsal import Rehearsal
from cli.plan.state import Object, State, key_of, problems_of
from cli.plan.supervision import Step
from core import cluster as clusters
from core import job as jobs
from core import names
from supervisor import settings

SIZES = {names.CLUSTER: "taskManagers", names.JOB: "jobParallelism"}
FLINK = (names.DEPLOYMENT, *SIZES)


@dataclass(frozen=True)
class Change:
    """What happens to one object: create, change or delete."""

    verb: str
    kind: str
    namespace: str
    name: str
    fields: tuple[Field, ...] = ()

    @property
    def metadata_only(self) -> bool:
        return bool(self.fields) and all(field.path.startswith("metadata.") for field in self.fields)

    def is_surplus(self, pods: tuple[Change, ...]) -> bool:
        """A TaskManager that goes alone, without its JobManager: only Flink knows which ones will be idle then."""
        role, _, stem = self.name.partition("-")
        managers = {pod.name for pod in pods if pod.namespace == self.namespace and pod.verb == self.verb}
        return role == names.TASKMANAGER and f"{names.JOBMANAGER}-{stem.rpartition('-')[0]}" not in managers


@dataclass(frozen=True)
class Wait:
    """Where a resource would stay."""

    kind: str
    namespace: str
    name: str
    text: str


@dataclass(frozen=True)
class Outcome:
    changes: tuple[Change, ...] = ()  # without the pods
    pods: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()  # in their order
    set_back: tuple[Change, ...] = ()  # what the manifests say, and the object's owner does not let stay
    waits: tuple[Wait, ...] = ()
    trials: tuple[Wait, ...] = ()  # clusters that get other pods, and what becomes of those that do not work
    kept: tuple[Wait, ...] = ()  # figures that a scale set, beside those of the manifests
    limited: tuple[Wait, ...] = ()  # figures that the limits of their spec change
    unprotected: tuple[Wait, ...] = ()  # jobs that start, and whose state goes with their JobManager
    still: tuple[Wait, ...] = ()  # what the manifests say waits already, and goes on to
    under_way: tuple[Step, ...] = ()  # what happens to jobs anyway
    averted: tuple[Step, ...] = ()  # what would happen to them without the manifests
    settled: bool = True

    def __bool__(self) -> bool:
        return bool(self.changes or self.pods or self.steps)

    def to_json(self) -> dict[str, Any]:
        return {
            "changes": bool(self),
            "objects": [_document(change) for change in self.changes],
            "pods": [_document(pod) for pod in self.pods],
            "jobs": [asdict(step) for step in self.steps],
            "setBack": [_document(change) for change in self.set_back],
            "waits": [asdict(wait) for wait in self.waits],
            "trials": [asdict(trial) for trial in self.trials],
            "kept": [asdict(kept) for kept in self.kept],
            "limited": [asdict(limited) for limited in self.limited],
            "unprotected": [asdict(unprotected) for unprotected in self.unprotected],
            "still": [asdict(still) for still in self.still],
            "underWay": [asdict(step) for step in self.under_way],
            "averted": [asdict(step) for step in self.averted],
            "settled": self.settled,
        }


def _document(change: Change) -> dict[str, Any]:
    plain = {"verb": change.verb, "kind": change.kind, "namespace": change.namespace, "name": change.name}
    if not change.fields:
        return plain
    return {**plain, "fields": [field._asdict() for field in change.fields], "metadataOnly": change.metadata_only}


def foresee(state: State, edits: list[Object], now: datetime) -> Outcome:
    """What becomes of the state by these objects, which are as the API server would store them."""
    without, edited = Rehearsal(state.copy(), now), Rehearsal(state.copy(), now)
    for item in edits:
        edited.state.put(item)
    without.run()
    edited.run()
    changes = sorted(_changes(without.state, edited.state), key=_order)
    steps, averted = _beyond(edited.steps, without.steps), _beyond(without.steps, edited.steps)
    return Outcome(
        changes=tuple(change for change in changes if change.kind != "Pod"),
        pods=tuple(change for change in changes if change.kind == "Pod"),
        steps=steps,
        set_back=tuple(_set_back(edits, edited.state)),
        waits=tuple(_waits(without.state, edited.state)),
        trials=tuple(_trials(without.state, edited.state)),
        kept=tuple(_kept(edits, edited.state)),
        limited=tuple(_limited(without.state, edited.state)),
        unprotected=tuple(dict.fromkeys(_unprotected(steps, edited.state))),
        still=tuple(dict.fromkeys(_still(edits, without.state, edited.state))),
        under_way=_beyond(without.steps, list(averted)),
        averted=averted,
        settled=edited.settled,
    )


def _order(change: Change) -> tuple[int, str, str, str]:
    """From the objects that people write to what is made of them; what goes before what comes."""
    rank = FLINK.index(change.kind) if change.kind in FLINK else len(FLINK)
    return rank, change.kind, change.namespace, f"{change.verb != 'delete'}{change.name}"


def _changes(before: State, after: State) -> Iterator[Change]:
    there, then = ({key_of(item): item for item in state} for state in (before, after))
    for key in there.keys() | then.keys():
        if key not in then:
            yield Change("delete", *key)
        elif key not in there:
            yield Change("create", *key)
        elif key[0] != "Pod" and (found := fields(there[key], then[key])):
            yield Change("change", *key, fields=found)


def _set_back(edits: list[Object], after: State) -> Iterator[Change]:
    """A child of a FlinkDeployment is as the FlinkDeployment says."""
    for item in edits:
        there = after.get(key_of(item))
        if there and (lost := tuple(field for field in fields(item, there) if field.path.startswith("spec"))):
            yield Change("change", *key_of(item), fields=lost)


def _beyond(steps: list[Step], known: list[Step]) -> tuple[Step, ...]:
    rest, found = list(known), []
    for step in steps:
        if step in rest:
            rest.remove(step)
        else:
            found.append(step)
    return tuple(found)


def _waits(before: State, after: State) -> Iterator[Wait]:
    """Of clusters and jobs; those of a FlinkDeployment only repeat them."""
    for item in (found for kind in SIZES for found in after.of(kind)):
        text = _wait(item, after)
        if text and text != _wait(before.get(key_of(item)), before):
            yield Wait(*key_of(item), text)


def _trials(before: State, after: State) -> Iterator[Wait]:
    """Only pods that worked can be come back to."""
    for item in after.of(names.CLUSTER):
        cluster, there = clusters.read(item), before.get(key_of(item))
        known = clusters.read_status(there or {})
        is_new = clusters.read_status(item).revision not in ("", known.revision, known.stable.revision)
        if is_new and cluster.rollback and known.stable.revision:
            yield Wait(*key_of(item), f"pods that do not work within {cluster.update_timeout} s are taken back")


def _wait(item: Object | None, state: State) -> str:
    """What it waits for, and whether that can come."""
    text = verdicts.waits_for(item) if item else ""
    if not (item and text and item["kind"] == names.JOB) or problems_of(item):
        return text
    namespace, status = item["metadata"].get("namespace", ""), verdicts.status_of(item)
    cluster = state.get((names.CLUSTER, namespace, str(status.get("clusterName", ""))))
    if not cluster:
        return f"its cluster {jobs.read(item).cluster_name or '(none)'} is not there"
    never = slots.too_many(cluster, item)
    return f"{text}; for ever, as {never}" if never else text


def _still(edits: list[Object], before: State, after: State) -> Iterator[Wait]:
    """A spec that was refused waits for another one, and nothing changes: that does not mean that all is well."""
    for edit in edits:
        for item in (after.get(key_of(edit)), *(child for kind in SIZES for child in after.owned(edit, kind))):
            text = _wait(item, after) if item and item["kind"] in SIZES else ""
            if item and text and text == _wait(before.get(key_of(item)), before):
                yield Wait(*key_of(item), text)


def _limited(before: State, after: State) -> Iterator[Wait]:
    for item in (found for kind in SIZES for found in after.of(kind)):
        text, there = _limit(item), before.get(key_of(item))
        if text and not (there and text == _limit(there)):
            yield Wait(*key_of(item), text)


def _limit(item: Object) -> str:
    if problems_of(item):  # the spec of an object that is there may be one that the API server would refuse today
        return ""
    figure = item["spec"].get(SIZES[item["kind"]])
    told = slots.clamped(item, figure) if figure and not _by_jobs(item) else ""
    return f"{SIZES[item['kind']]} is {figure}; {told}" if told else ""


def _unprotected(steps: Iterable[Step], after: State) -> Iterator[Wait]:
    for step in steps:
        key = names.JOB, step.namespace, step.job
        item = after.get(key) if step.verb == "start" else None
        cluster = after.get((names.CLUSTER, step.namespace, jobs.read(item).cluster_name)) if item else None
        if not (item and cluster):
            continue
        own, shared = jobs.read(item).flink_configuration, clusters.read(cluster).flink_configuration
        if settings.keeps_checkpoints_in_memory(own, shared):
            told = f"without {settings.CHECKPOINT_DIRECTORY[0]} only its JobManager holds its checkpoints"
            yield Wait(*key, f"{told}: should that end, the job does not come back by itself")


def _kept(edits: list[Object], after: State) -> Iterator[Wait]:
    """What a scale set stays, until the FlinkDeployment declares another figure than before."""
    for parent in (item for item in edits if item["kind"] == names.DEPLOYMENT):
        for kind, field in SIZES.items():
            for child in after.owned(parent, kind):
                declared = (child["metadata"].get("annotations") or {}).get(names.DECLARED)
                now = str(child["spec"].get(field, 0))
                if declared not in (None, "", now) and not _by_jobs(child):
                    yield Wait(*key_of(child), f"{field} {now} by scale, {declared} here; kept")


def _by_jobs(item: Object) -> bool:
    """Then taskManagers says nothing."""
    return item["kind"] == names.CLUSTER and clusters.read(item).supervisor.by_job_parallelism
