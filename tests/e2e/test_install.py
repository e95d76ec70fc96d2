"""What users install, on a real API server: every overlay is taken, and one team's own runs beside the default."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import yaml

from clients.kube import KubeError, Resource
from clients.kube import resources as r
from core import names
from tests.manifests.rendering import OVERLAYS, around, choices, identity

from . import accounts, places
from .manifests import cluster, flink_cluster, flink_deployment, job
from .world import Object, World

pytestmark = [pytest.mark.e2e, pytest.mark.only_on_a_cluster, pytest.mark.timeout(600)]
SECRETS = Resource("", "v1", "secrets", "Secret")
REST, SYSTEM = "flink-rest-api", "flink-system"
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


def _refused(team: World, why: str) -> bool:
    """An API server heeds a new policy some moments after it has taken it."""
    try:
        body = flink_cluster("nobody", cluster(team.place))
        team.client.create(r.FLINK_CLUSTERS, body, namespace=team.namespace, dry_run=True)
    except KubeError as error:
        assert why in str(error)
        return True
    return False


def test_a_teams_own_install_serves_the_team_alone(team: World) -> None:
    """Unlabelled is refused, labelled runs; the default install touches nothing of it; it stays the team's."""
    team.wait("what has no label is refused", lambda: _refused(team, f"{names.LABEL_INSTALL} must be {team.namespace}"))
    team.apply(labelled(flink_deployment("own", cluster(team.place), {"main": job(team.place)}), team.namespace))
    team.steady("own", "own-main")
    found = [team.get(kind, name) for kind, name in ((r.FLINK_CLUSTERS, "own"), (r.FLINK_JOBS, "own-main"))]
    for item in found:
        assert item["metadata"]["labels"][names.LABEL_INSTALL] == team.namespace
        (finalizer,) = item["metadata"]["finalizers"]
        assert f"controller-{team.namespace}-flink-" in finalizer
    binding = team.get(accounts.BINDINGS, names.supervisor_deployment("own"))
    assert binding["roleRef"]["name"] == f"{team.namespace}-flink-supervisor"
    with pytest.raises(KubeError, match="cannot be changed"):
        labels = {"metadata": {"labels": {names.LABEL_INSTALL: None}}}
        team.client.patch(r.FLINK_CLUSTERS, "own", labels, namespace=team.namespace)


@pytest.fixture
def certificate(world: World, tmp_path: Path) -> Iterator[Path]:
    """Its own authority, and the Secret that the REST interface waits for."""
    pair = {"tls.crt": tmp_path / "tls.crt", "tls.key": tmp_path / "tls.key"}
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", pair["tls.key"])
    whose = ("-subj", f"/CN={REST}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    subprocess.run(["openssl", "req", "-x509", *key, *whose, "-out", pair["tls.crt"]], check=True, capture_output=True)
    head = {"name": f"{REST}-tls", "namespace": SYSTEM}
    data = {name: base64.b64encode(path.read_bytes()).decode() for name, path in pair.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": head, "data": data}
    world.client.create(SECRETS, body)
    yield pair["tls.crt"]
    world.client.delete(SECRETS, head["name"], namespace=SYSTEM)


@contextmanager
def forwarded(service: str) -> Iterator[str]:
    """host:port of this machine."""
    command = ["kubectl", "port-forward", "-n", SYSTEM, f"service/{service}", ":https"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as it:
        try:
            assert it.stdout
            told = it.stdout.readline()
            assert told.startswith("Forwarding from 127.0.0.1:"), told
            yield told.split()[2]
        finally:
            it.terminate()


def test_the_rest_interface_has_no_rights_but_those_of_its_callers(world: World, certificate: Path) -> None:
    """Behind its own certificate: nobody is refused, a stranger may see nothing, and an editor starts a cluster."""
    alone = {identity(item) for item in around("default")}
    items = [item for item in around("default", ("rest-api",)) if identity(item) not in alone]
    editor, stranger = accounts.token(world, "editor", role="edit"), accounts.token(world, "stranger")
    world.apply(flink_cluster("rest", cluster(world.place)))
    try:
        world.steady("rest")
        kubectl(items, "apply")
        world.settled(REST, SYSTEM)
        with forwarded(REST) as address, requests.Session() as session:
            session.verify, session.trust_env = str(certificate), False  # REQUESTS_CA_BUNDLE would come first
            url = f"https://{address}/api/v1/clusters"

            def ask(token: str, path: str = "", method: str = "GET") -> tuple[int, str]:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                found = session.request(
                    method, f"{url}{path}", params={"namespace": world.namespace}, headers=headers, timeout=20
                )
                return found.status_code, found.json()["status"]

            assert ask("") == (401, "ERROR")
            assert ask(stranger) == ask(stranger, "/rest/stop", "PUT") == (403, "ERROR")
            assert ask(editor) == ask(editor, "/rest/jobmanager/metrics") == (200, "OK")
            assert ask(editor, "/rest/stop", "PUT") == (200, "OK")
        world.wait("it is stopped", lambda: world.cluster("rest")["supervisorStatus"] == "Stopped")
    finally:
        kubectl(items, "delete", "--ignore-not-found")
        world.remove((r.FLINK_CLUSTERS, "rest"))
