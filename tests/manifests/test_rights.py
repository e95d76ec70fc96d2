"""Who may do what: as much as the code does, verb by verb, and no more."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

import supervisor
from clients.kube import resources
from core import names
from hooks.app import create_app
from hooks.install import DEFAULT

from .rendering import INSTALL, Resource, documents

Right = tuple[str, str, str]  # group, resource, verb


def rights(rules: Iterable[Resource]) -> set[Right]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def role(name: str, path: Path) -> list[Resource]:
    items = yaml.safe_load_all(path.read_text("utf-8"))
    found: list[Resource] = next(item for item in items if item["metadata"]["name"] == name)["rules"]
    return found


# The supervisor.

VERBS = {
    "get": ("get",),
    "list": ("list",),
    "create": ("create",),
    "patch": ("patch",),
    "replace": ("update",),
    "_cache": ("list", "watch"),
}


def calls(source: str) -> set[Right]:
    """Of the Kubernetes API, as the source says them: each is a verb of the client's with a resource by its name."""
    found: set[Right] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(attr=method),
                args=[ast.Attribute(value=ast.Name("resources"), attr=constant), *_],
                keywords=keywords,
            ):
                resource = getattr(resources, constant)
                below = [word.value.value for word in keywords if word.arg == "subresource"]  # type: ignore[attr-defined]
                named = "/".join([resource.plural, *below])
                found |= {(resource.group, named, verb) for verb in VERBS[method]}
    return found


@pytest.mark.defect(24)
def test_the_supervisor_may_do_what_its_source_does_and_nothing_else() -> None:
    sources = [path.read_text("utf-8") for path in Path(supervisor.__path__[0]).rglob("*.py")]
    done = set().union(*(calls(source) for source in sources))
    # A watch that begins anew, and a client that repeats, list and get what they already may.
    assert rights(role(DEFAULT.supervisor_role, INSTALL / "base" / "supervisor.yaml")) == done


def test_the_supervisor_has_no_other_way_to_the_api() -> None:
    """The check above sees every call only if each names its resource, and none is made by hand."""
    for path in Path(supervisor.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "_kube":
                assert node.attr in VERBS, f"{path.name}: {node.attr}"


# Metacontroller.


def plural_and_group(rule: Resource) -> tuple[str, str]:
    return rule["resource"], rule["apiVersion"].rpartition("/")[0]


def needed() -> tuple[set[Right], set[Right]]:
    """What Metacontroller reads everywhere, and what it does where it may, for the controllers as they are declared."""
    read, write = set[Right](), set[Right]()
    for item in documents("controllers.yaml"):
        spec, composite = item["spec"], item["kind"] == "CompositeController"
        parents = [spec["parentResource"]] if composite else spec["resources"]
        children = spec["childResources"] if composite else spec["attachments"]
        for plural, group in map(plural_and_group, [*parents, *children]):
            read |= {(group, plural, verb) for verb in ("list", "watch")}
        for plural, group in map(plural_and_group, parents):
            write |= {(group, f"{plural}/finalizers", "update")}
            if composite:
                write |= {(group, plural, "get"), (group, f"{plural}/status", "update")}
            if "finalize" in spec["hooks"]:
                write |= {(group, plural, "update")}
        for plural, group in map(plural_and_group, children):
            # A decorator adopts nothing, and these are never changed in place.
            verbs = ("get", "create", "update", "delete") if composite else ("create", "delete")
            write |= {(group, plural, verb) for verb in verbs}
    return read, write


def test_metacontroller_reads_what_the_controllers_name() -> None:
    assert rights(role("flink-metacontroller-read", INSTALL / "base" / "metacontroller.yaml")) == needed()[0]


def test_what_the_hooks_ask_to_see_is_read_too() -> None:
    for path, kind in (("/cluster/customize", names.CLUSTER), ("/job/customize", names.JOB)):
        parent = {"apiVersion": names.API_VERSION, "kind": kind, "metadata": {"name": "x", "namespace": "team"}}
        answer = create_app().test_client().post(path, json={"controller": {}, "parent": parent}).get_json()
        for plural, group in map(plural_and_group, answer["relatedResources"]):
            assert {(group, plural, "list"), (group, plural, "watch")} <= needed()[0]


@pytest.mark.defect(24)
def test_metacontroller_writes_what_the_controllers_name() -> None:
    rules = role("flink-metacontroller-write", INSTALL / "base" / "metacontroller.yaml")
    bind = ("rbac.authorization.k8s.io", "clusterroles", "bind")
    assert rights(rules) == needed()[1] | {bind}
    (hands_out,) = [rule for rule in rules if "bind" in rule["verbs"]]
    assert hands_out["resourceNames"] == [DEFAULT.supervisor_role]


def test_nobody_may_do_everything() -> None:
    for path in INSTALL.rglob("*.yaml"):
        for item in yaml.safe_load_all(path.read_text("utf-8")):
            if isinstance(item, dict) and item.get("kind") in ("ClusterRole", "Role"):
                assert not [right for right in rights(item["rules"]) if "*" in right or right[1] == "secrets"], path


# People and the hooks.


def test_editors_may_scale_and_not_write_status() -> None:
    found = rights(role("flink-edit", INSTALL / "kinds" / "people.yaml"))
    assert ("nextbreakpoint.com", "flinkjobs/scale", "patch") in found
    assert not [right for right in found if right[1].endswith("/status")]


def test_the_hooks_have_no_access_to_the_kubernetes_api() -> None:
    deployment: Any = next(item for item in documents("hooks.yaml") if item["kind"] == "Deployment")
    assert deployment["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in deployment["spec"]["template"]["spec"]
