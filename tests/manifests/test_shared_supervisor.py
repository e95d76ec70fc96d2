"""The overlay in which one supervisor serves all: it is as a cluster's own, and serves what the controllers serve."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import root
from core import cluster as clusters
from core import names
from hooks.children import supervisor
from supervisor.cache import Scope
from tests.hooks.worlds import flink_cluster

from .rendering import INSTALL, Resource, around, documents, identity, kubectl, of_kind
from .test_rights import rights, role

pytestmark = kubectl
NAME = "flink-shared-supervisor"


def shared(**settings: str) -> Resource:
    found = of_kind(around("shared-supervisor", **settings), "Deployment")
    return next(item for item in found if item["metadata"]["name"].endswith(NAME))


def container(deployment: Resource) -> Resource:
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_it_is_the_default_with_a_supervisor() -> None:
    more = {identity(item) for item in around("shared-supervisor")} - {identity(item) for item in around("default")}
    everywhere = {"ClusterRole", "ClusterRoleBinding"}
    kinds = ("Deployment", "PodDisruptionBudget", "ServiceAccount", "Role", "RoleBinding", *everywhere)
    assert more == {(kind, "" if kind in everywhere else "flink-system", NAME) for kind in kinds}


def test_the_hooks_make_none_beside_it() -> None:
    for overlay, told in (("default", False), ("shared-supervisor", True)):
        hooks = next(item for item in of_kind(around(overlay), "Deployment") if item["metadata"]["name"] != NAME)
        variables = {item["name"]: item.get("value") for item in container(hooks)["env"]}
        assert (variables.get("FLINK_SHARED_SUPERVISOR") == "true") is told


def test_it_runs_as_a_clusters_own_does() -> None:
    """The same probes, ports and security: what was learnt about one holds for the other."""
    made = supervisor.make_all(clusters.read(flink_cluster()), role="x")
    (own,) = of_kind(made, "Deployment")
    for key in ("livenessProbe", "readinessProbe", "ports", "securityContext", "name"):
        assert container(shared())[key] == container(own)[key], key
    ours, theirs = (item["spec"]["template"]["spec"] for item in (shared(), own))
    for key in ("securityContext", "terminationGracePeriodSeconds", "enableServiceLinks"):
        assert ours[key] == theirs[key], key


@pytest.mark.parametrize("settings", [{}, {"namePrefix": "x-", "namespace": "elsewhere"}], ids=str)
def test_its_arguments(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    """It serves what the controllers select, and holds the one Lease that it may."""
    served: list[Any] = []
    monkeypatch.setattr("clients.kube.connect", lambda _: None)
    monkeypatch.setattr("clients.kube.KubeClient", lambda _: None)
    monkeypatch.setattr("supervisor.main.run", lambda _, fleet, **how: served.append((fleet.scopes, how)))
    deployment = shared(**settings)
    namespace = deployment["metadata"]["namespace"]
    arguments = [word.replace("$(NAMESPACE)", namespace) for word in container(deployment)["args"]]
    done = CliRunner().invoke(root, arguments)
    assert done.exit_code == 0, done.output
    ((scopes, how),) = served
    (deployments,) = (item for item in documents("controllers.yaml") if item["metadata"]["name"] == "flink-deployment")
    (term,) = deployments["spec"]["parentResource"]["labelSelector"]["matchExpressions"]
    assert term == {"key": names.LABEL_INSTALL, "operator": "DoesNotExist"}
    assert scopes == [Scope(None, None, f"!{term['key']}")]
    assert how["lease"] == (namespace, NAME)
    assert deployment["spec"]["replicas"] == 2
    (lease,) = of_kind(around("shared-supervisor", **settings), "Role")
    assert lease["metadata"]["namespace"] == namespace
    assert [rule.get("resourceNames") for rule in lease["rules"]] == [[NAME], None]


def test_it_may_do_what_a_clusters_own_may_but_holds_no_lease_of_others() -> None:
    """Who may write every Lease could depose the scheduler."""
    items = {
        item["kind"]: rights(item["rules"])
        for item in around("shared-supervisor")
        if item["metadata"]["name"] == NAME and "rules" in item
    }
    own = rights(role("flink-supervisor", INSTALL / "base" / "supervisor.yaml"))
    assert items["ClusterRole"] | items["Role"] == own
    assert {resource for _, resource, _ in items["Role"]} == {"leases"}
    assert not items["ClusterRole"] & items["Role"]
