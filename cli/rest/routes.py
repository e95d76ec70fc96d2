"""What is served: one table of methods, paths and bodies, and the verb behind each. Knows no Flask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import crds
from cli import flink, manifests, verbs, verdicts
from cli.session import Session
from clients.kube import NotFound, Resource
from clients.kube import resources as r

Object = dict[str, Any]
Names = Mapping[str, str]
DEPLOYMENT, CLUSTER = "/deployments/{deployment}", "/clusters/{cluster}"
JOB = f"{CLUSTER}/jobs/{{job}}"
OBJECT = {"type": "object"}
BOOLEAN = {"type": "boolean", "default": False}


def _fields(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


START = _fields(withoutSavepoint=BOOLEAN)
START_JOB = _fields(withoutSavepoint=BOOLEAN, savepointPath={"type": "string", "description": "Start from there."})
STOP = _fields(withoutSavepoint=BOOLEAN, drain=BOOLEAN)


class Call(NamedTuple):
    """One request: on whose behalf, what its path names, and its body."""

    session: Session
    names: Names
    body: Any = None


class Route(NamedTuple):
    """`act` answers with the output, None for none.

    `body` is the schema of a body that is needed; `shown` a stricter one, where the verb itself checks it.
    """

    method: str
    path: str
    summary: str
    act: Callable[[Call], Any]
    body: Mapping[str, Any] | None = None
    shown: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        """GET /clusters/{cluster}/jobs: get-clusters-cluster-jobs."""
        return "-".join([self.method.lower(), *(word.strip("{}") for word in self.path.split("/") if word)])


class Kind(NamedTuple):
    """A kind below a path: its objects there, one of them, and the name of a new one."""

    path: str
    resource: Resource
    list: Callable[[Call], list[str]]
    find: Callable[[Call], Object]
    name: Callable[[Names], str]


# ---- the three kinds -----------------------------------------------------------------------------------------------


def _plain(path: str, resource: Resource, word: str) -> Kind:
    return Kind(
        path,
        resource,
        list=lambda call: [item["metadata"]["name"] for item in call.session.some(resource, ())],
        find=lambda call: call.session.get(resource, call.names[word]),
        name=lambda names: names[word],
    )


def _job_name(names: Names) -> str:
    return f"{names['cluster']}-{names['job']}"


def _find_job(call: Call) -> Object:
    """CLUSTER-JOB, as the Toolbox names it; or JOB, if that is bound to the cluster by its spec or a label."""
    session, name = call.session, call.names["job"]
    try:
        return session.client.get(r.FLINK_JOBS, _job_name(call.names), namespace=session.namespace)
    except NotFound as error:
        bound = session.binding()
        for item in session.some(r.FLINK_JOBS, ()):
            if item["metadata"]["name"] == name and bound(item) == call.names["cluster"]:
                return item
        raise session.not_found(error) from error


def _list_jobs(call: Call) -> list[str]:
    """Without the name of the cluster where they begin with it."""
    session, cluster = call.session, call.names["cluster"]
    session.get(r.FLINK_CLUSTERS, cluster)
    bound = session.binding()
    found = [item["metadata"]["name"] for item in session.some(r.FLINK_JOBS, ()) if bound(item) == cluster]
    return [name.removeprefix(f"{cluster}-") for name in found]


DEPLOYMENTS = _plain(DEPLOYMENT, r.FLINK_DEPLOYMENTS, "deployment")
CLUSTERS = _plain(CLUSTER, r.FLINK_CLUSTERS, "cluster")
JOBS = Kind(JOB, r.FLINK_JOBS, _list_jobs, _find_job, _job_name)


# ---- the table -----------------------------------------------------------------------------------------------------


def routes() -> list[Route]:
    kinds = (DEPLOYMENTS, CLUSTERS, JOBS)
    return [
        *(route for kind in kinds for route in _objects(kind)),
        *(route for kind in kinds[1:] for route in _requests(kind)),
        _scale(CLUSTERS, "taskManagers"),
        _scale(JOBS, "parallelism"),
        Route("PUT", f"{JOB}/savepoint", "Take a savepoint", _trigger),
        Route("DELETE", f"{JOB}/savepoint", "Forget all recovery points: the next start is an empty one", _forget),
        *_told_by_flink(),
    ]


def _objects(kind: Kind) -> Iterator[Route]:
    title, path = kind.resource.kind, kind.path
    spec = crds.schema(title)["properties"]["spec"]
    yield Route("GET", path.rpartition("/")[0], f"The names of the {title}s", kind.list)
    yield Route("GET", f"{path}/status", f"The status of a {title}", lambda call: verdicts.status_of(kind.find(call)))

    def create(call: Call) -> None:
        manifest = manifests.of_spec("body", kind.resource, kind.name(call.names), call.body)
        verbs.create(call.session, manifest)

    def update(call: Call) -> None:
        name = kind.find(call)["metadata"]["name"]
        verbs.update(call.session, manifests.of_spec("body", kind.resource, name, call.body))

    def delete(call: Call) -> None:
        verbs.delete(call.session, kind.find(call))

    yield Route("POST", path, f"Make a {title} of this spec", create, OBJECT, spec)
    yield Route("PUT", path, f"Merge this into the spec of a {title}", update, OBJECT)
    yield Route("DELETE", path, f"Delete a {title}", delete)


def _requests(kind: Kind) -> Iterator[Route]:
    title = kind.resource.kind

    def start(call: Call) -> None:
        without, origin = call.body.get("withoutSavepoint", False), call.body.get("savepointPath", "")
        verbs.start(call.session, kind.find(call), without=without, origin=origin)

    def stop(call: Call) -> None:
        without, drain = call.body.get("withoutSavepoint", False), call.body.get("drain", False)
        verbs.stop(call.session, kind.find(call), without=without, drain=drain)

    yield Route(
        "PUT",
        f"{kind.path}/start",
        f"Start a {title}; one that runs is restarted",
        start,
        START_JOB if title == "FlinkJob" else START,
    )
    yield Route("PUT", f"{kind.path}/stop", f"Stop a {title}, with a savepoint", stop, STOP)


def _scale(kind: Kind, field: str) -> Route:
    figure = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
    body = {"type": "object", "required": [field], "properties": {field: figure}, "additionalProperties": False}

    def scale(call: Call) -> None:
        verbs.scale(call.session, kind.find(call), call.body[field])

    return Route("PUT", f"{kind.path}/scale", f"Change the size of a {kind.resource.kind}", scale, body)


def _trigger(call: Call) -> None:
    verbs.trigger_savepoint(call.session, _find_job(call))


def _forget(call: Call) -> None:
    verbs.forget_savepoints(call.session, _find_job(call))


def _told_by_flink() -> Iterator[Route]:
    def of_job(ask: Callable[[Session, Object], Any]) -> Callable[[Call], Any]:
        return lambda call: ask(call.session, _find_job(call))

    def of_cluster(ask: Callable[[Session, str], Any]) -> Callable[[Call], Any]:
        return lambda call: ask(call.session, call.names["cluster"])

    def of_taskmanager(ask: Callable[[Session, str, str], Any]) -> Callable[[Call], Any]:
        return lambda call: ask(call.session, call.names["cluster"], call.names["taskmanager"])

    one = f"{CLUSTER}/taskmanagers/{{taskmanager}}"
    yield Route("GET", f"{JOB}/details", "What Flink tells about a job", of_job(flink.details))
    yield Route("GET", f"{JOB}/metrics", "The metrics of a job", of_job(flink.job_metrics))
    yield Route("GET", f"{CLUSTER}/jobmanager/metrics", "Those of its JobManager", of_cluster(flink.jobmanager_metrics))
    yield Route("GET", f"{CLUSTER}/taskmanagers", "The TaskManagers of a cluster", of_cluster(flink.taskmanagers))
    yield Route("GET", f"{one}/details", "What Flink tells about one", of_taskmanager(flink.taskmanager_details))
    yield Route("GET", f"{one}/metrics", "The metrics of one", of_taskmanager(flink.taskmanager_metrics))
