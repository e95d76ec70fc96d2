"""flinkctl server run: the REST interface."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import options
from cli.options import Number

if TYPE_CHECKING:
    from flask import Flask

File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """The REST interface (server)."""


@command.command()
@options.address("Address to listen on.")
@click.option("--port", type=Number(0, 65535), default=4444, show_default=True, help="Port to listen on.")
@click.option("--threads", type=Number(1), default=16, show_default=True, help="Requests answered at a time.")
@click.option("--namespace", metavar="NAME", help="Namespace of requests that name none; else that of the context.")
@click.option("--context", metavar="NAME", help="Context of the kubeconfig; its credentials are not used.")
@click.option("--kubeconfig", metavar="FILE", help="Where the API server is; else the pod's own cluster.")
@click.option("--tls-cert", type=File, help="Certificate of the server, PEM; with --tls-key.")
@click.option("--tls-key", type=File, help="Its private key, PEM.")
@click.option("--tls-client-ca", type=File, help="Ask callers for a certificate of this authority.")
def run(
    address: str,
    port: int,
    threads: int,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    **tls: Path | None,
) -> None:
    """Serve the Toolbox's REST paths until told to stop. Each request acts with the bearer token that it brings."""
    import logging
    from dataclasses import replace

    from cli.logs import configure
    from cli.rest.app import create_app
    from clients.kube import connect
    from hooks.server import Server

    settings = _tls(**tls)
    configure()
    log = logging.getLogger("rest")
    if not settings:
        log.warning("no --tls-cert: tokens pass in the clear; for one's own machine only")
    base = connect(kubeconfig, context)
    base = replace(base, namespace=namespace or base.namespace)

    def application() -> Flask:
        return create_app(base)

    def told(arbiter: Any) -> None:
        log.info("serving on %s", ", ".join(map(str, arbiter.LISTENERS)))

    Server(application, address=address, port=port, threads=threads, when_ready=told, **settings).run()


def _tls(tls_cert: Path | None, tls_key: Path | None, tls_client_ca: Path | None) -> dict[str, Any]:
    """gunicorn's settings. It reads the files at each connection: what is wrong with them is told here."""
    if bool(tls_cert) != bool(tls_key) or (tls_client_ca and not tls_cert):
        raise click.UsageError("--tls-cert and --tls-key go together, and --tls-client-ca with them")
    if not tls_cert:
        return {}
    _check(tls_cert, tls_key, tls_client_ca)
    required = {"ca_certs": str(tls_client_ca), "cert_reqs": 2} if tls_client_ca else {}  # 2: ssl.CERT_REQUIRED
    return {"certfile": str(tls_cert), "keyfile": str(tls_key), **required}


def _check(cert: Path, key: Path | None, client_ca: Path | None) -> None:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # NB: without a password function OpenSSL would ask on the terminal for an encrypted key's.
        context.load_cert_chain(cert, key, password=lambda: "")
    except OSError as error:
        told = f"{cert}: no PEM certificate that goes with the key {key}, which must not be encrypted"
        raise click.BadParameter(told, param_hint="--tls-cert") from error
    if client_ca:
        try:
            context.load_verify_locations(client_ca)
        except OSError as error:
            raise click.BadParameter(f"{client_ca}: no PEM certificate", param_hint="--tls-client-ca") from error
