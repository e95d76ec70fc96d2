"""A bare NAME, without its kind."""

from __future__ import annotations

import pytest

from .conftest import Run, World


@pytest.mark.parametrize("command", ["explain", "describe", "status"])
def test_a_name_that_one_object_has_is_enough(run: Run, world: World, command: str) -> None:
    world.cluster()
    world.job()
    assert run(command, "demo-one").stdout.startswith("FlinkJob default/demo-one")


@pytest.mark.parametrize("command", ["explain", "describe", "status", "logs", "ui"])
def test_a_name_that_several_have_needs_its_kind(run: Run, world: World, command: str) -> None:
    world.cluster()
    world.job("demo")
    result = run(command, "demo")
    assert result.exit_code == 2
    assert "there are several demo; did you mean fc/demo or fj/demo?" in result.stderr


def test_each_of_several_names(run: Run, world: World) -> None:
    world.cluster()
    world.job()
    world.job("demo-two")
    result = run("status", "demo-one", "demo-two")
    assert result.stdout.count("FlinkJob default/demo-") == 2
    assert "give KIND NAME..., or KIND/NAME... of one kind" in run("status", "demo", "demo-one").stderr


def test_what_is_neither_kind_nor_name_is_said_so(run: Run) -> None:
    result = run("explain", "x")
    assert result.exit_code == 1
    assert "'x' is no kind, and no fd, fc, fj of that name is in \"default\"" in result.stderr


def test_logs_and_ui_are_of_clusters_and_jobs(run: Run) -> None:
    for command in ("logs", "ui"):
        assert "give one fc/NAME or fj/NAME" in run(command, "fd/demo").stderr
