"""flinkctl supervisor run: the supervisor of one FlinkCluster, or of all in some namespaces."""

from __future__ import annotations

import click

from cli import options


@click.group()
def command() -> None:
    """The supervisor of FlinkClusters (server)."""


def _lease(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, str] | None:
    if value is None:
        return None
    namespace, _, name = value.partition("/")
    if not namespace or not name or "/" in name:
        raise click.BadParameter("must be NAMESPACE/NAME")
    return namespace, name


@command.command()
@click.option("--namespace", "namespaces", multiple=True, help="Namespace of the clusters; may be repeated.")
@click.option("--all-namespaces", is_flag=True, help="The clusters of every namespace.")
@click.option("--cluster-name", "clusters", multiple=True, help="Only this FlinkCluster; may be repeated.")
@click.option("--selector", default=None, help="Only FlinkClusters with these labels.")
@click.option(
    "--lease",
    callback=_lease,
    help="NAMESPACE/NAME of a Lease: of all who are given it, one acts and the others stand by.",
)
@options.address("Address of probes and metrics.")
@click.option("--port", default=None, type=int, help="Port of probes and metrics; none without it.")
@click.option("--kubeconfig", default=None, help="Instead of the account of the pod.")
def run(
    namespaces: tuple[str, ...],
    all_namespaces: bool,
    clusters: tuple[str, ...],
    selector: str | None,
    lease: tuple[str, str] | None,
    address: str,
    port: int | None,
    kubeconfig: str | None,
) -> None:
    """Run, savepoint, stop, restart and recover the jobs of FlinkClusters until told to stop."""
    from cli.logs import configure
    from clients.kube import KubeClient, connect
    from supervisor.cache import Scope
    from supervisor.fleet import Fleet
    from supervisor.main import run as supervise

    if bool(namespaces) == all_namespaces:
        raise click.UsageError("give --namespace or --all-namespaces")
    if clusters and len(set(namespaces)) != 1:
        raise click.UsageError("--cluster-name needs exactly one --namespace")
    scopes = [
        Scope(namespace, cluster, selector)
        for namespace in dict.fromkeys(namespaces or (None,))
        for cluster in dict.fromkeys(clusters or (None,))
    ]
    kube = KubeClient(connect(kubeconfig))
    fleet = Fleet(kube, scopes)
    configure(fleet.secrets)
    supervise(kube, fleet, lease=lease, address=address, port=port)
