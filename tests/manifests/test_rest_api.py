"""The REST interface beside every overlay: reached by its Service, over TLS only, and without any right of its own."""

from __future__ import annotations

import click
import pytest

from cli.commands.server import command
from tests.hooks.security import restricted_violations

from .rendering import OVERLAYS, Resource, around, identity, kubectl, of_kind

pytestmark = kubectl
NAME = "flink-rest-api"


def added(overlay: str, **settings: str) -> list[Resource]:
    alone = {identity(item) for item in around(overlay, **settings)}
    return [item for item in around(overlay, ("rest-api",), **settings) if identity(item) not in alone]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_adds_a_server_and_its_service_and_no_right(overlay: str) -> None:
    items = added(overlay)
    assert sorted(item["kind"] for item in items) == ["Deployment", "Service"]
    (deployment,), (service,) = of_kind(items, "Deployment"), of_kind(items, "Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
    assert service["spec"]["selector"].items() <= labels.items()
    others = of_kind(around(overlay), "Service", "Deployment")
    assert all(item["spec"]["selector"] != service["spec"]["selector"] for item in others)
    spec = deployment["spec"]["template"]["spec"]
    assert restricted_violations(spec) == []
    assert spec["automountServiceAccountToken"] is False
    sources = [source for volume in spec["volumes"] for source in volume.get("projected", {}).get("sources", [])]
    assert [list(source) for source in sources] == [["configMap"]]


def test_a_prefix_and_a_namespace_reach_it() -> None:
    items = added("default", namePrefix="x-", namespace="elsewhere")
    assert {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items} == {("elsewhere", f"x-{NAME}")}


def test_its_arguments_are_flinkctls_and_ask_for_tls() -> None:
    (deployment,) = of_kind(added("default"), "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    noun, verb, *arguments = container["args"]
    assert (noun, verb) == ("server", "run")
    run = command.commands[verb]
    known = {option for parameter in run.params if isinstance(parameter, click.Option) for option in parameter.opts}
    given = dict(argument.split("=") for argument in arguments)
    assert set(given) <= known
    assert given["--port"] == str(container["ports"][0]["containerPort"])
    mounted = next(mount for mount in container["volumeMounts"] if mount["name"] == "tls")["mountPath"]
    assert (given["--tls-cert"], given["--tls-key"]) == (f"{mounted}/tls.crt", f"{mounted}/tls.key")
