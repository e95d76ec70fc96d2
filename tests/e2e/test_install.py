"""What users install, on a real API server: every overlay is taken, and one team's own runs beside the default."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator

import pytest
import yaml

from clients.kube import KubeError, Resource
from clients.kube import resources as r
from core import names
from tests.manifests.rendering import OVERLAYS, around, choices

from . import places
from .manifests import cluster, flink_cluster, flink_deployment, job
from .world import Object, World

pytestmark = [pytest.mark.e2e, pytest.mark.only_on_a_cluster, pytest.mark.timeout(600)]
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
# The Prometheus Operator is not a part of what is tested here.
COMPONENTS = ("image-volumes", "network-policy")


def kubectl(items: Iterable[Object], *words: str) -> str:
    """What it says on stderr: warnings of the API server."""
    text = yaml.safe_dump_all(items).replace(places.RELEASED_IMAGE, places.OWN_IMAGE)
    done = subprocess.run(
        ["kubectl", *words, "-f", "-"], input=text, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize(("overlay", "components"), choices(OVERLAYS, COMPONENTS), ids=str)
def test_the_api_server_takes_it(world: World, overlay: str, components: tuple[str, ...]) -> None:
    """All admission included, and with nothing to say about the pods."""
    where = {"namespace": world.namespace} if overlay == "namespaced" else {}
    said = kubectl(around(overlay, components, **where), "apply", "--dry-run=server")
    assert "violate" not in said


@pytest.fixture
def team(world: World) -> Iterator[World]:
    """A namespace with an install of its own, where the restricted level is enforced."""
    with world.elsewhere() as team:
        name = team.namespace
        team.client.patch(r.NAMESPACES, name, {"metadata": {"labels": {places.ENFORCE: "restricted"}}})
        items = around("namespaced", namespace=name, namePrefix=f"{name}-")
        kubectl(items, "apply")
        try:
            team.settled(f"{name}-flink-hooks", name)
            yield team
        finally:
            # First what has finalizers, then those who remove them.
            places.remove_all(team.client, name)
            kubectl(items, "delete", "--ignore-not-found")


def labelled(item: Object, install: str) -> Object:
    return {**item, "metadata": {**item["metadata"], "labels": {names.LABEL_INSTALL: install}}}


def test_a_teams_own_install_serves_the_team_alone(team: World) -> None:
    """Unlabelled is refused, labelled runs; the default install touches nothing of it; it stays the team's."""
    with pytest.raises(KubeError, match=f"{names.LABEL_INSTALL} must be {team.namespace}"):
        team.apply(flink_cluster("nobody", cluster(team.place)))
    team.apply(labelled(flink_deployment("own", cluster(team.place), {"main": job(team.place)}), team.namespace))
    team.steady("own", "own-main")
    found = [team.get(kind, name) for kind, name in ((r.FLINK_CLUSTERS, "own"), (r.FLINK_JOBS, "own-main"))]
    for item in found:
        assert item["metadata"]["labels"][names.LABEL_INSTALL] == team.namespace
        (finalizer,) = item["metadata"]["finalizers"]
        assert f"controller-{team.namespace}-flink-" in finalizer
    binding = team.get(ROLE_BINDINGS, names.supervisor_deployment("own"))
    assert binding["roleRef"]["name"] == f"{team.namespace}-flink-supervisor"
    with pytest.raises(KubeError, match="cannot be changed"):
        labels = {"metadata": {"labels": {names.LABEL_INSTALL: None}}}
        team.client.patch(r.FLINK_CLUSTERS, "own", labels, namespace=team.namespace)
