"""What is checked of an installation, and what to do about it. Pure: each check looks at what was found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import crds
from cli import verdicts
from core import cluster as clusters
from core import names, pods, times
from core.states import Phase

Object = Mapping[str, Any]
OK, WARNING, FAILED, UNKNOWN = "ok", "warning", "FAILED", "unknown"
METACONTROLLER = (4, 17, 2)  # the oldest that will do
QPS = "--client-go-qps"
PARENTS = {"flinkdeployments": "FlinkDeployment", "flinkclusters": "FlinkCluster", "flinkjobs": "FlinkJob"}
CRDS = "kubectl apply -k metacontroller/kinds"
INSTALL = "kubectl apply -k metacontroller/overlays/default"


class Check(NamedTuple):
    level: str
    text: str
    next: str = ""


@dataclass(frozen=True)
class Hook:
    """A Service that controllers call, and what it answers: '' for yes, else why not; None: you may not ask."""

    namespace: str
    name: str
    trouble: str | None


@dataclass(frozen=True)
class Installation:
    """What was found. None stands for what may not be looked at."""

    server: str  # the version of the API server
    local: bool
    crds: Mapping[str, Object | None]  # by kind
    controllers: tuple[Object, ...] | None
    metacontrollers: tuple[Object, ...] | None  # its pods
    leases: tuple[Object, ...] | None
    hooks: tuple[Hook, ...]
    rights: Mapping[str, bool | None]  # of the user, by what they are for
    clusters: tuple[Object, ...]
    supervisors: tuple[Object, ...]  # pods
    now: datetime


def check(found: Installation) -> list[Check]:
    return [one for rule in RULES for one in rule(found)]


def _server(found: Installation) -> Iterator[Check]:
    yield Check(OK, f"the API server answers: {found.server}{', the local runtime' if found.local else ''}")


def _crds(found: Installation) -> Iterator[Check]:
    for kind in crds.KINDS:
        if kind not in found.crds:
            yield Check(FAILED, f"the CRD of {kind} is not installed", CRDS)
        elif (crd := found.crds[kind]) is None:
            yield Check(UNKNOWN, "you may not read CRDs")
        else:
            yield _crd(kind, crd)


def _crd(kind: str, crd: Object) -> Check:
    """By its fields: those that one knows and the other does not."""
    differs = sorted(_fields(crds.schema(kind)) ^ _fields(_schema(crd)))
    if not differs:
        return Check(OK, f"the CRD of {kind} is that of this flinkctl")
    return Check(WARNING, f"the CRD of {kind} is another version's: {', '.join(differs[:3])}", CRDS)


def _schema(crd: Object) -> Mapping[str, Any]:
    served = (item for item in crd["spec"]["versions"] if item.get("served"))
    return ((next(served, None) or {}).get("schema") or {}).get("openAPIV3Schema") or {}


def _fields(schema: Mapping[str, Any], path: str = "") -> set[str]:
    """The paths of all fields below: what a server adds to a schema is none."""
    found: set[str] = set()
    for name, inner in (schema.get("properties") or {}).items():
        if path or name in ("spec", "status"):
            found |= {f"{path}{name}"} | _fields(inner, f"{path}{name}.")
    items = schema.get("items")
    return found | (_fields(items, f"{path}[].") if isinstance(items, Mapping) else set())


def _controllers(found: Installation) -> Iterator[Check]:
    if found.controllers is None:
        yield Check(UNKNOWN, "you may not read Metacontroller's controllers")
        return
    for plural, kind in PARENTS.items():
        own = [item for item in found.controllers if plural in parents(item)]
        if not own:
            yield Check(FAILED, f"no controller has {kind}s", INSTALL)
        for item in own:
            name = f"{item['kind']} {item['metadata']['name']}"
            if item["kind"] == "CompositeController" and not item["spec"].get("generateSelector"):
                yield Check(FAILED, f"{name} has no generateSelector", INSTALL)
            else:
                yield Check(OK, f"{name} has {kind}s")


def parents(controller: Object) -> set[str]:
    spec = controller["spec"]
    rules = [spec["parentResource"]] if "parentResource" in spec else spec.get("resources") or []
    ours = [rule for rule in rules if str(rule.get("apiVersion")).startswith(f"{names.GROUP}/")]
    return {str(rule.get("resource")) for rule in ours}


def _metacontroller(found: Installation) -> Iterator[Check]:
    if found.local:
        return  # it is part of the runtime
    if found.metacontrollers is None:
        yield Check(UNKNOWN, "you may not read pods of all namespaces: Metacontroller is not looked at")
    elif not found.metacontrollers:
        yield Check(
            FAILED, "no pod is labelled app.kubernetes.io/name=metacontroller", "install Metacontroller >= 4.17.2"
        )
    for pod in found.metacontrollers or ():
        yield from _metacontroller_pod(pod)


def _metacontroller_pod(pod: Object) -> Iterator[Check]:
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    container: Object = next(iter((pod.get("spec") or {}).get("containers") or []), {})
    image, arguments = str(container.get("image", "")), [*container.get("command", []), *container.get("args", [])]
    version = re.search(r":v?(\d+)\.(\d+)\.(\d+)", image)
    if not pods.is_ready(pod):
        yield Check(
            FAILED,
            f"Metacontroller's pod {name} is not ready: {pods.trouble(pod)}",
            f"kubectl logs -n {name.replace('/', ' ')}",
        )
    if not version:
        yield Check(UNKNOWN, f"Metacontroller's version is not in its image {image}", "it must be >= 4.17.2")
    elif tuple(map(int, version.groups())) < METACONTROLLER:
        yield Check(FAILED, f"Metacontroller {image.rpartition(':')[2]} is too old", "install Metacontroller >= 4.17.2")
    else:
        yield Check(OK, f"Metacontroller {image.rpartition(':')[2]} in {name}")
    if not any(str(argument).startswith(QPS) for argument in arguments):
        yield Check(
            WARNING,
            f"Metacontroller runs without {QPS}: many clusters at once are slow",
            "see metacontroller/README.md, flags",
        )


def _leader(found: Installation) -> Iterator[Check]:
    """Of several Metacontrollers, or supervisors, the holder of a Lease acts."""
    for lease in found.leases or ():
        spec, name = lease.get("spec") or {}, f"{lease['metadata'].get('namespace')}/{lease['metadata']['name']}"
        renewed = times.from_text(spec.get("renewTime"))
        late = timedelta(seconds=float(spec.get("leaseDurationSeconds") or 15))
        if not spec.get("holderIdentity"):
            yield Check(WARNING, f"nobody holds the Lease {name}")
        elif renewed is None or found.now - renewed > late:
            since = f"{int((found.now - renewed).total_seconds())} s" if renewed else "ever"
            yield Check(WARNING, f"the Lease {name} was not renewed for {since} by {spec['holderIdentity']}")
        else:
            yield Check(OK, f"{spec['holderIdentity']} leads by the Lease {name}")


def _hooks(found: Installation) -> Iterator[Check]:
    for hook in found.hooks:
        name = f"{hook.namespace}/{hook.name}"
        if hook.trouble is None:
            yield Check(UNKNOWN, f"you may not ask the hooks of Service {name}")
        elif hook.trouble:
            yield Check(
                FAILED,
                f"the hooks of Service {name} do not answer: {hook.trouble}",
                f"kubectl get pods -n {hook.namespace}",
            )
        else:
            yield Check(OK, f"the hooks of Service {name} answer")


def _rights(found: Installation) -> Iterator[Check]:
    if found.local:
        return  # nobody has any there, and everybody may do everything
    for what, allowed in found.rights.items():
        if allowed is None:
            yield Check(UNKNOWN, f"whether you may {what}")
        elif allowed:
            yield Check(OK, f"you may {what}")
        else:
            yield Check(WARNING, f"you may not {what}", "ask for the ClusterRole of metacontroller/kinds/people.yaml")


def _supervisors(found: Installation) -> Iterator[Check]:
    """Of each cluster. Where one supervisor is shared it has no pod of the cluster's; its report tells."""
    for item in found.clusters:
        name = f"{item['metadata'].get('namespace')}/{item['metadata']['name']}"
        own = [pod for pod in found.supervisors if _is_of(pod, item)]
        why = f"flinkctl explain cluster/{item['metadata']['name']} -n {item['metadata'].get('namespace')}"
        report = clusters.Report.parse((item["metadata"].get("annotations") or {}).get(names.REPORT))
        runs = verdicts.phase(item) in (Phase.STARTING, Phase.STARTED)
        if own and not any(map(pods.is_ready, own)):
            yield Check(FAILED, f"the supervisor of {name} is not ready: {pods.trouble(own[0])}", why)
        elif runs and not report.revision:
            yield Check(WARNING, f"no supervisor has reported about {name} yet", why)
        elif verdicts.phase(item) == Phase.STARTED and not report.answering:
            yield Check(WARNING, f"the JobManager of {name} does not answer its supervisor", why)
        else:
            yield Check(OK, f"FlinkCluster {name} is supervised")


def _is_of(pod: Object, cluster: Object) -> bool:
    labels = pod["metadata"].get("labels") or {}
    place = (pod["metadata"].get("namespace"), labels.get(names.LABEL_CLUSTER))
    return place == (cluster["metadata"].get("namespace"), cluster["metadata"]["name"])


RULES: tuple[Callable[[Installation], Iterator[Check]], ...] = (
    _server,
    _crds,
    _controllers,
    _metacontroller,
    _leader,
    _hooks,
    _rights,
    _supervisors,
)
