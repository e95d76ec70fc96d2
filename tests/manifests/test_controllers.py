"""The controllers fit the hooks' routes, and the kinds that the hooks answer with."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from core import names
from hooks.app import create_app
from hooks.protocol import finished

from .rendering import ROOT, documents

Resource = dict[str, Any]

CONTROLLERS = documents("controllers.yaml")
PARENTS = {"flink-deployment": "flinkdeployments", "flink-cluster": "flinkclusters", "flink-job": "flinkjobs"}


def hooks() -> list[tuple[str, str, Resource]]:
    return [
        (item["metadata"]["name"], name, hook) for item in CONTROLLERS for name, hook in item["spec"]["hooks"].items()
    ]


def test_each_kind_has_one_controller() -> None:
    spec = {item["metadata"]["name"]: item["spec"] for item in CONTROLLERS}
    parents = {name: (it.get("parentResource") or it["resources"][0])["resource"] for name, it in spec.items()}
    assert parents == PARENTS


@pytest.mark.parametrize(
    ("controller", "name", "hook"), hooks(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_hook_is_a_route_of_the_service(controller: str, name: str, hook: Resource) -> None:
    routes = {rule.rule for rule in create_app().url_map.iter_rules() if "POST" in (rule.methods or ())}
    service = next(item for item in documents("hooks.yaml") if item["kind"] == "Service")
    webhook = hook["webhook"]
    assert hook["version"] == "v2"
    assert webhook["path"] == f"/{controller.removeprefix('flink-')}/{name}" and webhook["path"] in routes
    assert webhook["service"]["name"] == service["metadata"]["name"]
    assert webhook["service"]["namespace"] == service["metadata"]["namespace"]
    assert webhook["service"]["port"] in [port["port"] for port in service["spec"]["ports"]]


def test_every_route_is_called() -> None:
    routes = {rule.rule for rule in create_app().url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert routes == {hook["webhook"]["path"] for _, _, hook in hooks()}


# Kind: (apiVersion, resource, what Metacontroller does with a difference)
CHILDREN = {
    "flink-deployment": {
        ("nextbreakpoint.com/v1", "flinkclusters", "InPlace"),
        ("nextbreakpoint.com/v1", "flinkjobs", "InPlace"),
    },
    "flink-cluster": {
        ("v1", "pods", "OnDelete"),
        ("v1", "services", "InPlace"),
        ("v1", "serviceaccounts", "InPlace"),
        ("apps/v1", "deployments", "InPlace"),
        ("rbac.authorization.k8s.io/v1", "rolebindings", "InPlace"),
    },
    "flink-job": {("batch/v1", "jobs", "OnDelete")},
}


@pytest.mark.parametrize("controller", CONTROLLERS, ids=lambda item: item["metadata"]["name"])
def test_update_strategies(controller: Resource) -> None:
    """Never rolling, never recreated: pods and Jobs by name only, all else in place."""
    spec = controller["spec"]
    found = {
        (item["apiVersion"], item["resource"], item["updateStrategy"]["method"])
        for item in spec.get("childResources") or spec["attachments"]
    }
    assert found == CHILDREN[controller["metadata"]["name"]]


@pytest.mark.parametrize("literal", ["cluster", "cluster-with-every-option", "bootstrap"])
def test_a_controller_watches_every_kind_that_its_hook_answers_with(literal: str) -> None:
    """A kind that is not listed would be made, and never changed or deleted."""
    controller = "flink-job" if literal == "bootstrap" else "flink-cluster"
    path = ROOT / "tests" / "data" / "children" / f"{literal}.yaml"
    made = finished(yaml.safe_load_all(path.read_text("utf-8")))
    answered = {(child["apiVersion"], f"{child['kind'].lower()}s") for child in made}
    assert answered <= {(version, resource) for version, resource, _ in CHILDREN[controller]}


def test_selectors_are_generated_for_composites() -> None:
    assert all(item["spec"]["generateSelector"] for item in CONTROLLERS if item["kind"] == "CompositeController")


def test_the_clusters_own_status_wakes_its_hook() -> None:
    """The handshake is published in it, and taken up by the next sync."""
    cluster = next(item for item in CONTROLLERS if item["metadata"]["name"] == "flink-cluster")
    assert "ignoreStatusChanges" not in cluster["spec"]["parentResource"]


def test_nobody_waits_for_long_when_the_hooks_are_back() -> None:
    """Of an object whose syncs have failed Metacontroller's queue says "later": after 17 failures in 11 minutes."""
    assert {item["spec"]["resyncPeriodSeconds"] for item in CONTROLLERS} == {60}


@pytest.mark.parametrize("controller", CONTROLLERS, ids=lambda item: item["metadata"]["name"])
def test_what_belongs_to_another_install_is_left_alone(controller: Resource) -> None:
    spec = controller["spec"]
    parent = spec.get("parentResource") or spec["resources"][0]
    expression = {"key": names.LABEL_INSTALL, "operator": "DoesNotExist"}
    assert parent["labelSelector"] == {"matchExpressions": [expression]}
