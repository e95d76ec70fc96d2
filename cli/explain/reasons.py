"""Why an object is as it is, and what to do next. Pure: each rule looks at the scene and says what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from cli import output, slots, verdicts
from cli.explain import advice
from cli.explain.scene import Object, Scene, role
from cli.stopped import at_rest
from core import cluster as clusters
from core import conditions, names, pods, times
from core.states import Phase

DOCTOR = "flinkctl doctor"


class Reason(NamedTuple):
    """`next` is a command to run, or what to change."""

    text: str
    next: str = ""


Rule = Callable[[Scene], Iterator[Reason]]


def reasons(scene: Scene) -> list[Reason]:
    """The most likely ones first, none twice, not in fewer words either; none when it is as its spec wants it."""
    found = [*dict.fromkeys(reason for rule in RULES[scene.item["kind"]] for reason in rule(scene))]
    return [one for one in found if not any(one is not other and _within(one, other) for other in found)]


def _within(one: Reason, other: Reason) -> bool:
    return one.next == other.next and one.text in other.text


# ---- every kind ----------------------------------------------------------------------------------------------------


def _invalid(scene: Scene) -> Iterator[Reason]:
    ready = verdicts.condition(scene.item, conditions.READY)
    if ready.get("reason") == "InvalidSpec":
        yield Reason(
            f"its spec is wrong: {ready.get('message')}", "correct the field; flinkctl validate -f FILE checks it"
        )


def _unseen(scene: Scene) -> Iterator[Reason]:
    """Its status is the hooks', or for a job its supervisor's."""
    if scene.status and verdicts.seen(scene.item):
        return
    if scene.item["kind"] != names.JOB:
        yield Reason("no hook has answered for its newest spec", DOCTOR)
    elif scene.cluster is not None:
        yield Reason("the supervisor of its cluster has not seen its newest spec", _logs(scene, names.SUPERVISOR))


def _request(scene: Scene) -> Iterator[Reason]:
    stops = verdicts.phase(scene.item) == Phase.STOPPING  # which comes first
    if scene.status and not stops and (action := verdicts.pending(scene.item)):
        yield Reason(f"{action} is asked for, and the supervisor has not taken it up", _logs(scene, names.SUPERVISOR))


def _supervisor(scene: Scene) -> Iterator[Reason]:
    """One that does not run keeps everything as it is. A cluster whose supervisor is shared has no pod of it."""
    troubled = [text for _, text in scene.troubles(names.SUPERVISOR)]
    found = scene.of(names.SUPERVISOR)
    if found and not any(pods.is_ready(pod) for pod in found):
        made = max(times.from_text(pod["metadata"].get("creationTimestamp")) or scene.now for pod in found)
        young = f"the supervisor is not ready yet; its pod is {output.age(made, scene.now)} old"
        told = f"the supervisor does not run: {troubled[0]}" if troubled else young
        yield Reason(told, _logs(scene, names.SUPERVISOR))


# ---- FlinkDeployment -----------------------------------------------------------------------------------------------


def _children(scene: Scene) -> Iterator[Reason]:
    for child in scene.children:
        title = _short(child)
        if text := verdicts.waits_for(child):
            yield Reason(f"{title}: {_line(text)}", _explain(child))
        elif rest := at_rest(child):
            yield Reason(f"{title} is {rest.why}", rest.start)


# ---- FlinkCluster --------------------------------------------------------------------------------------------------


def _down(scene: Scene) -> Iterator[Reason]:
    if rest := at_rest(scene.item):
        yield Reason(f"it is {rest.why}", rest.start)


def _taken_back(scene: Scene) -> Iterator[Reason]:
    """Pods that did not work: those from before are back."""
    stalled = verdicts.condition(scene.item, conditions.STALLED)
    if stalled.get("status") == "True" and stalled.get("reason") == "RolledBack":
        again = f"flinkctl cluster start {scene.name} -n {scene.namespace}"
        yield Reason(_line(stalled.get("message")), f"mend the spec, or try it once more: {again}")


def _flink_pods(scene: Scene) -> Iterator[Reason]:
    for pod, text in scene.troubles(names.JOBMANAGER, names.TASKMANAGER):
        name = pod["metadata"]["name"]
        yield Reason(f"pod {name}: {text}", advice.of_pod(text) or _logs(scene, role(pod)))


def _held(scene: Scene) -> Iterator[Reason]:
    """A change or a stop waits for the jobs."""
    if verdicts.phase(scene.item) not in (Phase.STOPPING, "Deleting"):
        return
    for job in scene.children:
        status = verdicts.status_of(job)
        if status.get("clusterRevision"):
            yield Reason(f"{_short(job)} has not let go of it: {_line(status.get('message'))}", _explain(job))


def _jobmanager(scene: Scene) -> Iterator[Reason]:
    if verdicts.phase(scene.item) == Phase.STARTED and not verdicts.report_of(scene.item).answering:
        yield Reason("its JobManager does not answer", _logs(scene, names.JOBMANAGER))


def _unfitting(scene: Scene) -> Iterator[Reason]:
    for job in scene.children:
        if told := slots.too_many(scene.item, job):
            yield Reason(f"{_short(job)}: {told}", slots.REMEDY)


# ---- FlinkJob ------------------------------------------------------------------------------------------------------


def _homeless(scene: Scene) -> Iterator[Reason]:
    if scene.cluster is None:
        named = f"its cluster {scene.cluster_name} is not there" if scene.cluster_name else "it names no cluster"
        yield Reason(named, "flinkctl get clusters shows those that there are; spec.clusterName names one")


def _cluster(scene: Scene) -> Iterator[Reason]:
    if scene.cluster is not None and (text := verdicts.waits_for(scene.cluster)):
        yield Reason(f"its cluster {scene.cluster_name}: {_line(text)}", _explain(scene.cluster))
    elif scene.cluster is not None and conditions.is_true(scene.cluster, conditions.SUSPENDED):
        yield Reason(f"its cluster {scene.cluster_name} is stopped or suspended", _explain(scene.cluster))


def _jar(scene: Scene) -> Iterator[Reason]:
    if verdicts.phase(scene.item) != Phase.STARTING and not scene.status.get("update"):
        return
    for pod, text in scene.troubles(names.BOOTSTRAP):
        yield Reason(
            f"pod {pod['metadata']['name']} cannot bring the JAR: {text}", advice.of_pod(text) or _logs_of_job(scene)
        )


def _slots(scene: Scene) -> Iterator[Reason]:
    """More than the cluster may ever have, or than it has."""
    if scene.cluster is None or "waiting for slots" not in str(scene.status.get("message")):
        return
    cluster = clusters.read(scene.cluster)
    if told := slots.too_many(scene.cluster, scene.item):
        yield Reason(told, slots.REMEDY)
    elif cluster.supervisor.by_job_parallelism:
        next = slots.FULL if slots.is_full(scene.cluster) else _explain(scene.cluster)
        yield Reason(f"{scene.status['message']}; {slots.room(scene.cluster)}", next)
    else:
        yield Reason(
            f"{scene.status['message']}; rescalePolicy None keeps {cluster.task_managers} TaskManagers",
            f"flinkctl cluster scale {cluster.name} --task-managers N -n {scene.namespace}",
        )


def _failed(scene: Scene) -> Iterator[Reason]:
    """What the conditions say went wrong, by its stable reason."""
    troubles = {
        str(found.get("message")): str(found.get("reason"))
        for type in (conditions.STALLED, conditions.DEGRADED)
        if (found := verdicts.condition(scene.item, type)).get("status") == "True"
    }
    for text, reason in troubles.items():
        word = text.split(":", 1)[0] if text.split(":", 1)[0] in advice.ADVICE else reason
        if word != "InvalidSpec":
            yield Reason(_line(text), _advice(scene, word, text))
    retry = times.from_text(verdicts.tried_again(scene.item))
    if retry and retry > scene.now:
        at_once = f"flinkctl job start {scene.name} -n {scene.namespace} tries at once"
        body = scene.item.get("spec") or {}
        runs = body.get("jobParallelism") and not body.get("suspend") and not _deleted(scene)
        yield Reason(f"it is tried again at {scene.status['retryAt']}", at_once if runs else "")


def _advice(scene: Scene, word: str, text: str) -> str:
    if _deleted(scene):
        return f"to delete it without a last savepoint, set savepointOnDelete of {_short(scene.item)} to false"
    if "allowNonRestoredState" in text:
        return "set spec.bootstrap.allowNonRestoredState to true, if the state that has no place any more may go"
    return advice.of(word, scene.name, scene.namespace)


def _deleted(scene: Scene) -> bool:
    return "deletionTimestamp" in scene.item["metadata"]


def _exception(scene: Scene) -> Iterator[Reason]:
    if scene.exception and scene.exception not in str(scene.status.get("failure")):
        yield Reason(f"Flink's newest exception: {scene.exception}", _logs(scene, names.TASKMANAGER))


def _unprotected(scene: Scene) -> Iterator[Reason]:
    """It has a state, and what is known of it goes with its pods."""
    status = scene.status
    if verdicts.phase(scene.item) == Phase.STARTED and status.get("hadState") and not status.get("recoveryPoints"):
        save = f"flinkctl savepoint trigger {scene.name} -n {scene.namespace}"
        yield Reason(
            "only its JobManager holds its state: should that end, the job does not come back by itself",
            f"set execution.checkpointing.dir; until then: {save}",
        )


def _finished(scene: Scene) -> Iterator[Reason]:
    word, policy = scene.status.get("jobStatus"), scene.status.get("restartPolicy")
    if verdicts.phase(scene.item) == Phase.STOPPED and not at_rest(scene.item) and word in ("FINISHED", "CANCELED"):
        start = f"flinkctl job start {scene.name} -n {scene.namespace}"
        yield Reason(f"the job is {word} in Flink; restartPolicy is {policy}", f"{start} runs it again")


RULES: dict[str, tuple[Rule, ...]] = {
    names.DEPLOYMENT: (_invalid, _unseen, _children),
    names.CLUSTER: (
        _invalid,
        _supervisor,
        _unseen,
        _request,
        _taken_back,
        _flink_pods,
        _held,
        _jobmanager,
        _unfitting,
        _down,
    ),
    names.JOB: (
        _invalid,
        _homeless,
        _supervisor,
        _unseen,
        _request,
        _failed,
        _exception,
        _jar,
        _slots,
        _cluster,
        _down,
        _unprotected,
        _finished,
    ),
}


# ---- words ---------------------------------------------------------------------------------------------------------


def _short(item: Object) -> str:
    return f"{item['kind']} {item['metadata']['name']}"


def _explain(item: Object) -> str:
    noun = item["kind"].removeprefix("Flink").lower()
    return f"flinkctl explain {noun}/{item['metadata']['name']} -n {item['metadata'].get('namespace', '')}"


def _logs(scene: Scene, component: str) -> str:
    return f"flinkctl logs cluster/{scene.cluster_name} -c {component} -n {scene.namespace}"


def _logs_of_job(scene: Scene) -> str:
    return f"flinkctl logs job/{scene.name} -c {names.BOOTSTRAP} -n {scene.namespace}"


def _line(text: Any) -> str:
    return " ".join(str(text or "").split())
