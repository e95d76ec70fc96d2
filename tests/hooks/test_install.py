"""What an install says of itself reaches the children, and no install takes another's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from cli.main import root
from core import names
from hooks.install import Install

from .test_job import ORDERED
from .worlds import (
    CLUSTER_SPEC,
    JOB_SPEC,
    Post,
    World,
    cluster_body,
    deployment_body,
    flink_cluster,
    flink_job,
    job_body,
    resource,
    taken,
)


def test_the_supervisors_role_has_the_name_that_the_install_gave_it():
    answer = Post(Install(supervisor_role="team-flink-supervisor")).ok("/cluster/sync", cluster_body(flink_cluster()))
    (binding,) = (child for child in answer["children"] if child["kind"] == "RoleBinding")
    assert binding["roleRef"]["name"] == "team-flink-supervisor"


OWN_SUPERVISOR = {"Deployment", "RoleBinding", "ServiceAccount"}


@pytest.mark.parametrize("wrong", [{}, {"taskManager": {"taskSlots": "many"}}])
def test_a_cluster_that_shares_a_supervisor_gets_none_of_its_own(wrong):
    """Nor keeps the one that it had; nothing else of it moves, also while its spec is wrong."""
    world = World(flink_cluster())
    world.settle()
    world.report(answering=True, task_managers=1)
    world.settle()
    assert world.phase == "Started"
    world.edit(**wrong)
    world.settle()
    before, status = set(world.children), world.status
    world.post = Post(Install(shared_supervisor=True))
    world.settle()
    assert {kind for kind, _ in before - set(world.children)} == OWN_SUPERVISOR
    assert world.status == status


def test_without_a_supervisor_of_its_own_a_cluster_lives_and_goes_as_ever():
    world = World(flink_cluster())
    world.post = Post(Install(shared_supervisor=True))
    world.settle()
    world.report(answering=True, task_managers=1)
    world.settle()
    assert world.phase == "Started" and not {kind for kind, _ in world.children} & OWN_SUPERVISOR
    world.delete("2026-01-01T00:00:00Z")
    world.settle("/cluster/finalize")
    assert world.answer["finalized"] is True and not world.children


@pytest.mark.parametrize("image_volumes", [False, True])
def test_a_jar_is_copied_or_mounted(image_volumes):
    (job,) = Post(Install(image_volumes=image_volumes)).ok("/job/sync", job_body(flink_job(status=ORDERED)))[
        "attachments"
    ]
    spec = job["spec"]["template"]["spec"]
    assert ("image" in spec["volumes"][0]) is image_volumes
    assert ("initContainers" in spec) is not image_volumes


@pytest.mark.parametrize("labels", [None, {}, {"team": "a"}, {names.LABEL_INSTALL: "team", "team": "a"}])
def test_children_belong_to_the_install_of_their_parent(labels):
    """And get no other label of it."""
    spec = {"cluster": CLUSTER_SPEC, "jobs": [{"name": "a", "spec": JOB_SPEC}]}
    parent = taken(resource("FlinkDeployment", "demo", spec))
    parent["metadata"]["labels"] = labels
    children = Post().ok("/deployment/sync", deployment_body(parent))["children"]
    expected = (labels or {}).get(names.LABEL_INSTALL)
    assert [child["metadata"]["labels"].get(names.LABEL_INSTALL) for child in children] == [expected, expected]
    assert not [child for child in children if "team" in child["metadata"]["labels"]]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, Install()),
        ({"FLINK_SUPERVISOR_ROLE": "x", "FLINK_IMAGE_VOLUMES": "true"}, Install("x", image_volumes=True)),
        ({"FLINK_SHARED_SUPERVISOR": "true"}, Install(shared_supervisor=True)),
    ],
)
def test_the_server_takes_it_from_the_variables_of_its_pod(monkeypatch, variables, expected):
    served = []
    monkeypatch.setattr("hooks.app.create_app", lambda install, **_: served.append(install))
    monkeypatch.setattr("hooks.server.Server", lambda application, **_: SimpleNamespace(run=application))
    done = CliRunner().invoke(root, ["hooks", "run"], env={"FLINK_SUPERVISOR_ROLE": None, **variables})
    assert (done.exit_code, served) == (0, [expected]), done.output


@pytest.mark.parametrize(("both", "address"), [(True, "::"), (False, "0.0.0.0")])
def test_the_server_listens_on_ipv6_too_where_there_is_any(monkeypatch, both, address):
    heard = []
    monkeypatch.setattr("socket.has_dualstack_ipv6", lambda: both)
    monkeypatch.setattr("hooks.server.Server", lambda _, **to: heard.append(to["address"]) or SimpleNamespace(run=int))
    assert CliRunner().invoke(root, ["hooks", "run"]).exit_code == 0
    assert heard == [address]
