"""flinkctl hooks run: the webhooks' server."""

from __future__ import annotations

import click


@click.group()
def command() -> None:
    """Metacontroller's webhooks (server)."""


@command.command()
@click.option("--address", default="0.0.0.0", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on.")
@click.option("--threads", default=16, show_default=True, help="Requests answered at a time.")
@click.option("--log-answers", is_flag=True, help="Log a line for each answer: what was observed, and what shall be.")
def run(address: str, port: int, threads: int, log_answers: bool) -> None:
    """Answer Metacontroller's webhooks until told to stop."""
    from cli.logs import configure
    from hooks.server import run as serve

    configure()
    serve(address=address, port=port, threads=threads, log_answers=log_answers)
