"""The supervisor's process as it is, but that Flink is elsewhere: pods that only pretend have made-up addresses.

Of its metrics, `bench_kubernetes_requests_total` counts what it asks of the API.
"""

from __future__ import annotations

import argparse
import re
import threading
from urllib.parse import urlsplit

import requests
from prometheus_client import Counter, Gauge

from cli.logs import configure
from clients.flink import FlinkClient
from clients.kube import KubeClient, connect
from clients.kube.auth import Credential
from clients.kube.transport import Call, Transport
from supervisor import jobmanager
from supervisor.cache import Scope
from supervisor.fleet import Fleet
from supervisor.main import run

COLLECTION = re.compile(r"/(?:api|apis/[^/]+)/[^/]+(?:/namespaces/[^/]+)?/([^/?]+)(?:/[^/]+(/[^/]+)?)?")
COUNTER = Counter("bench_kubernetes_requests", "Requests to the API server", ["method", "resource"])
Gauge("bench_threads", "Threads").set_function(threading.active_count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--flink", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--kubeconfig")
    options = parser.parse_args()
    count_requests()
    setattr(jobmanager, "FlinkClient", lambda url: FlinkClient(f"{options.flink}/{urlsplit(url).netloc}"))  # noqa: B010
    client = KubeClient(connect(options.kubeconfig))
    fleet = Fleet(client, [Scope(options.namespace)])
    configure(fleet.secrets)
    run(client, fleet, lease=None, address="127.0.0.1", port=options.port)


def count_requests() -> None:
    send = Transport.send

    def counted(self: Transport, call: Call, credential: Credential) -> requests.Response:
        method = "WATCH" if call.stream else call.method
        found = COLLECTION.match(call.path)
        COUNTER.labels(method, f"{found[1]}{found[2] or ''}" if found else call.path).inc()
        return send(self, call, credential)

    Transport.send = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
