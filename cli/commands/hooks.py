"""flinkctl hooks run: the webhooks' server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli import options
from hooks.install import Install

if TYPE_CHECKING:
    from flask import Flask


@click.group()
def command() -> None:
    """Metacontroller's webhooks (server)."""


@command.command()
@options.address("Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on.")
@click.option("--threads", default=16, show_default=True, help="Requests answered at a time.")
@click.option("--log-answers", is_flag=True, help="Log a line for each answer: what was observed, and what shall be.")
@click.option(
    "--supervisor-role",
    envvar="FLINK_SUPERVISOR_ROLE",
    default=Install.supervisor_role,
    show_default=True,
    show_envvar=True,
    help="ClusterRole that each supervisor gets in its own namespace.",
)
@click.option(
    "--image-volumes",
    envvar="FLINK_IMAGE_VOLUMES",
    is_flag=True,
    show_envvar=True,
    help="Mount a JAR's image as a volume instead of copying the JAR out of it (Kubernetes >= 1.35).",
)
@click.option(
    "--shared-supervisor",
    envvar="FLINK_SHARED_SUPERVISOR",
    is_flag=True,
    show_envvar=True,
    help="Make no supervisor for any FlinkCluster: one that is installed beside the hooks serves all.",
)
def run(address: str, port: int, threads: int, log_answers: bool, **install: Any) -> None:
    """Answer Metacontroller's webhooks until told to stop."""
    from cli.logs import configure
    from hooks.app import create_app
    from hooks.server import Server

    def application() -> Flask:
        return create_app(Install(**install), log_answers=log_answers)

    configure()
    Server(application, address=address, port=port, threads=threads).run()
