"""What hands that know kubectl type does here what they mean."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cli.habits import behind
from cli.main import root
from clients.kube import resources

from .conftest import JOB_SPEC, Run, World

TITLE = "flinkjob.nextbreakpoint.com"
REQUESTED = "operator.nextbreakpoint.com/requested-action"


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("-n orders get fj", "get fj -n orders"),
        ("-norders --context=a get fj", "get fj -norders --context=a"),
        ("-v --kubeconfig k get", "-v get --kubeconfig k"),
        ("get fj -n orders", "get fj -n orders"),
        ("-n", "-n"),
        ("--help", "--help"),
        ("", ""),
    ],
)
def test_where_may_stand_before_the_command(line: str, meant: str) -> None:
    assert behind(line.split()) == meant.split()


def test_so_it_is_for_every_command_that_has_it_and_for_no_other(run: Run, world: World) -> None:
    world.client.create(resources.NAMESPACES, {"metadata": {"name": "other"}})
    world.add(resources.FLINK_JOBS, "x", JOB_SPEC, namespace="other")
    assert run("-n", "other", "get", "fj", "-o", "name").stdout == f"{TITLE}/x\n"
    assert run("-n", "other", "job", "stop", "x").exit_code == 0
    assert run("-n", "other", "completion", "bash").exit_code == 2


@pytest.mark.parametrize("option", ["-o=json", "-ojson", "--output=json"])
def test_a_short_option_may_have_its_value_after_an_equals_sign(run: Run, world: World, option: str) -> None:
    world.job()
    assert json.loads(run("get", "fj", "demo-one", "-n=default", option).stdout)["kind"] == "FlinkJob"
    assert run("get", "fj", "-l=a=b", "-o=name").stdout == ""
    assert run("validate", "-f=/none").stderr == "error: /none: No such file or directory\n"


def test_a_name_may_be_what_o_name_prints(run: Run, world: World) -> None:
    world.job()
    for word in (f"{TITLE}/demo-one", "fj/demo-one"):
        assert run("job", "stop", word).stdout == f"{TITLE}/demo-one stop requested\n"
    assert world.annotations(resources.FLINK_JOBS, "demo-one")[REQUESTED] == "STOP"
    for word, told in (("fc/demo-one", "fc/demo-one is no FlinkJob"), ("sofa/x", "no kind 'sofa'")):
        result = run("job", "stop", word)
        assert (result.exit_code, told in result.stderr) == (2, True)


def test_several_kinds_in_one_word(run: Run, world: World) -> None:
    world.cluster()
    world.job()
    found = run("get", "fc,fj", "-o", "name").stdout
    assert found == f"flinkcluster.nextbreakpoint.com/demo\n{TITLE}/demo-one\n"
    assert run("get", "fc,sofa").exit_code == 2


@pytest.mark.parametrize("format", ["table", "json", "name"])
def test_what_there_is_is_shown_and_the_rest_is_told(run: Run, world: World, format: str) -> None:
    world.job()
    result = run("get", "fj", "nope", "demo-one", "none", "-o", format)
    assert (result.exit_code, result.stdout.count("demo-one")) == (
        1,
        run("get", "fj", "-o", format).stdout.count("demo-one"),
    )
    missing = [
        f'error: flinkjobs.nextbreakpoint.com "{name}" not found in namespace "default"' for name in ("nope", "none")
    ]
    assert result.stderr.splitlines() == missing
    assert run("get", "fj", "nope", "-o", format).stdout == ""


def test_scale_takes_kubectls_replicas(run: Run, world: World) -> None:
    world.job()
    assert run("job", "scale", "demo-one", "--replicas=3").stdout == f"{TITLE}/demo-one scaled to 3\n"
    assert world.get(resources.FLINK_JOBS, "demo-one")["spec"]["jobParallelism"] == 3


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("delete", "job delete"),
        ("delete pod x", "job delete"),
        ("delete fd x", "deployment delete x"),
        ("scale fc/x --replicas=3", "cluster scale x --replicas=3"),
        ("version", "--version"),
        ("jbo", "job"),
    ],
)
def test_a_command_that_is_another_one_here_is_named(line: str, meant: str) -> None:
    result = CliRunner().invoke(root, line.split())
    assert f"there is no command '{line.split()[0]}'; did you mean {meant}?" in result.stderr
