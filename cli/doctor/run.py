"""flinkctl doctor: looks at an installation, and prints what the checks say."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

import crds
from cli import output
from cli.doctor import checks
from cli.doctor.checks import Check, Hook, Installation
from cli.errors import FAILED
from cli.options import Shape
from cli.session import Session
from clients.kube import ApiError, Forbidden, KubeClient, KubeError, NotFound, resources
from clients.kube.resources import segment
from core import names

T = TypeVar("T")
Object = dict[str, Any]
SELECTOR = "app.kubernetes.io/name=metacontroller"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RIGHTS: Mapping[str, Mapping[str, str]] = {
    "read jobs": {"group": names.GROUP, "resource": "flinkjobs", "verb": "list"},
    "start, stop and edit jobs": {"group": names.GROUP, "resource": "flinkjobs", "verb": "patch"},
    "reach Flink through the API server": {"resource": "services", "subresource": "proxy", "verb": "get"},
    "read pods": {"resource": "pods", "verb": "list"},
    "read logs": {"resource": "pods", "subresource": "log", "verb": "get"},
    "read events": {"resource": "events", "verb": "list"},
}
COLOURS = {checks.OK: "green", checks.WARNING: "yellow", checks.FAILED: "red", checks.UNKNOWN: "yellow"}


def doctor(session: Session, shape: Shape) -> None:
    """Exit code 1 when a check has failed."""
    found = checks.check(look(session))
    if shape.format == "text":
        for one in found:
            output.data(_line(one))
    else:
        output.data(output.document([one._asdict() for one in found], shape.format))
    if any(one.level == checks.FAILED for one in found):
        raise click.exceptions.Exit(FAILED)


def _line(one: Check) -> str:
    level = output.styled(f"{one.level:<8}", COLOURS[one.level], sys.stdout)
    return f"{level} {one.text}{f'  ({one.next})' if one.next else ''}"


def look(session: Session) -> Installation:
    client = session.client
    version = str(client.version().get("gitVersion", ""))
    controllers = _allowed(lambda: [*_controllers(client)])
    return Installation(
        server=version,
        local=version.endswith("+flinkctl.local"),
        crds=dict(_crds(client)),
        controllers=None if controllers is None else tuple(controllers),
        metacontrollers=_allowed(lambda: tuple(client.list(resources.PODS, label_selector=SELECTOR)["items"])),
        leases=_allowed(lambda: tuple(_leases(client, session.scope))),
        hooks=tuple(_hooks(client, controllers or [])),
        rights={what: _may(client, session.namespace, right) for what, right in RIGHTS.items()},
        clusters=_or_none(client, resources.FLINK_CLUSTERS, session.scope),
        supervisors=_or_none(client, resources.PODS, session.scope, f"{names.LABEL_ROLE}={names.SUPERVISOR}"),
        now=datetime.now(UTC),
    )


def _allowed(ask: Callable[[], T]) -> T | None:
    """None for what may not be looked at."""
    try:
        return ask()
    except Forbidden:
        return None


def _or_none(client: KubeClient, kind: Any, namespace: str | None, selector: str | None = None) -> tuple[Object, ...]:
    """Nothing where the kind is not installed, which another check says."""
    try:
        return tuple(client.list(kind, namespace=namespace, label_selector=selector)["items"])
    except (Forbidden, NotFound):
        return ()


def _crds(client: KubeClient) -> Iterator[tuple[str, Object | None]]:
    """Those that are installed; None for one that may not be read."""
    for kind, plural in crds.KINDS.items():
        try:
            yield kind, client.get(resources.CRDS, f"{plural}.{names.GROUP}")
        except Forbidden:
            yield kind, None
        except NotFound:
            continue


def _controllers(client: KubeClient) -> Iterator[Object]:
    for kind in (resources.COMPOSITE_CONTROLLERS, resources.DECORATOR_CONTROLLERS):
        try:
            yield from client.list(kind)["items"]
        except NotFound:
            continue


def _leases(client: KubeClient, scope: str | None) -> Iterator[Object]:
    for lease in client.list(resources.LEASES, namespace=scope)["items"]:
        if "supervisor" in lease["metadata"]["name"] or "metacontroller" in lease["metadata"]["name"]:
            yield lease


def _hooks(client: KubeClient, controllers: list[Object]) -> Iterator[Hook]:
    """Each Service that controllers of ours call, once."""
    ours = (item for item in controllers if checks.PARENTS.keys() & checks.parents(item))
    webhooks = (hook.get("webhook") or {} for item in ours for hook in (item["spec"].get("hooks") or {}).values())
    services = {(s["namespace"], s["name"], s.get("port", 80)) for hook in webhooks if (s := hook.get("service"))}
    for namespace, name, port in sorted(services):
        yield Hook(namespace, name, _answer(client, namespace, name, port))


def _answer(client: KubeClient, namespace: str, name: str, port: int) -> str | None:
    path = resources.SERVICES.path(namespace, segment(f"{name}:{port}"), "proxy")
    try:
        client.request("GET", f"{path}/readyz", accept="text/plain, */*", repeat_server_errors=False)
    except Forbidden:
        return None
    except KubeError as error:
        return str(error)
    return ""


def _may(client: KubeClient, namespace: str, right: Mapping[str, str]) -> bool | None:
    body = {"spec": {"resourceAttributes": {"namespace": namespace, **right}}}
    try:
        answer = client.request("POST", REVIEWS, json=body).json()
    except ApiError:
        return None
    return bool((answer.get("status") or {}).get("allowed"))
