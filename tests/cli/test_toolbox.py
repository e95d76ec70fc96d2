"""Each client command of Flink K8s Toolbox 1.4 is understood as its users write it."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from cli.main import root

CLUSTER = "--cluster-name demo"
JOB = f"{CLUSTER} --job-name one"
COMMANDS = [
    "deployments list",
    "deployment create --deployment-name demo --deployment-spec spec.json",
    "deployment update --deployment-name demo --deployment-spec spec.json",
    "deployment delete --deployment-name demo",
    "deployment status --deployment-name demo",
    "clusters list",
    f"cluster create {CLUSTER} --cluster-spec spec.json",
    f"cluster update {CLUSTER} --cluster-spec spec.json",
    f"cluster delete {CLUSTER}",
    f"cluster status {CLUSTER}",
    f"cluster start {CLUSTER} --without-savepoint",
    f"cluster stop {CLUSTER} --without-savepoint",
    f"cluster scale {CLUSTER} --task-managers 2",
    f"jobs list {CLUSTER}",
    f"job create {JOB} --job-spec spec.json",
    f"job update {JOB} --job-spec spec.json",
    f"job delete {JOB}",
    f"job status {JOB}",
    f"job details {JOB}",
    f"job metrics {JOB}",
    f"job start {JOB} --without-savepoint",
    f"job stop {JOB} --without-savepoint",
    f"job scale {JOB} --parallelism 2",
    f"savepoint trigger {JOB}",
    f"savepoint forget {JOB}",
    f"jobmanager metrics {CLUSTER}",
    f"taskmanagers list {CLUSTER}",
    f"taskmanager details {CLUSTER} --taskmanager-id t",
    f"taskmanager metrics {CLUSTER} --taskmanager-id t",
]


def parsed(line: str) -> click.Context:
    """The context of the last command in the line; UsageError for what is not understood."""
    context = root.make_context("flinkctl", shlex.split(line))
    while isinstance(context.command, click.Group):
        name, command, arguments = context.command.resolve_command(context, context._protected_args + context.args)
        assert name and command
        context = command.make_context(name, arguments, parent=context)
    return context


@pytest.mark.parametrize("line", COMMANDS)
def test_it_is_understood(line: str, tmp_path: Path) -> None:
    assert not isinstance(parsed(line).command, click.Group)


def test_what_nobody_knows_is_not() -> None:
    with pytest.raises(click.UsageError):
        parsed(f"job stop {JOB} --without-savepoints-please")
