"""flinkctl supervisor run: the supervisor of one or more clusters."""

from __future__ import annotations

import click


@click.group()
def command() -> None:
    """The supervisor of a FlinkCluster (server)."""


@command.command()
@click.option("--namespace", required=True, help="Namespace of the clusters.")
@click.option(
    "--cluster-name", "clusters", required=True, multiple=True, help="FlinkCluster to serve; may be repeated."
)
@click.option("--address", default="0.0.0.0", show_default=True, help="Address of probes and metrics.")
@click.option("--port", default=None, type=int, help="Port of probes and metrics; none without it.")
@click.option("--kubeconfig", default=None, help="Instead of the account of the pod.")
def run(namespace: str, clusters: tuple[str, ...], address: str, port: int | None, kubeconfig: str | None) -> None:
    """Run, savepoint, stop, restart and recover the jobs of a cluster until told to stop."""
    from cli.logs import configure
    from clients.kube import KubeClient, connect
    from supervisor.main import run as supervise

    configure()
    supervise(KubeClient(connect(kubeconfig)), namespace=namespace, clusters=list(clusters), address=address, port=port)
