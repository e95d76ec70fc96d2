"""Services: what leads where (tables), and real connections through the forwarder."""

import asyncio
import gc
import socket
import threading
from unittest.mock import MagicMock

import pytest

from clients.kube import resources as r
from local.kubelet import services as module
from local.kubelet.services import Forwarder, Services, hosts_text, is_backend, routes

READY = [{"type": "Ready", "status": "True"}]


def pod(name="p", ip="127.64.0.1", phase="Running", conditions=READY, labels=None, **metadata):
    return {
        "metadata": {"name": name, "namespace": "ns", "labels": labels or {"app": "a"}, **metadata},
        "spec": {"containers": [{"name": "c", "ports": [{"name": "ui", "containerPort": 8081}]}]},
        "status": {"podIP": ip, "phase": phase, "conditions": conditions},
    }


def service(name="s", namespace="ns", ip="127.96.0.1", ports=None, **spec):
    ports = ports or [{"port": 80, "targetPort": 8080}]
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": ip, "selector": {"app": "a"}, "ports": ports, **spec},
    }


@pytest.mark.parametrize(
    ("one", "spec", "expected"),
    [
        (pod(), {}, True),
        (pod(labels={"app": "b"}), {}, False),
        (pod(), {"selector": {}}, False),
        (pod(conditions=[]), {}, False),
        (pod(conditions=[]), {"publishNotReadyAddresses": True}, True),
        (pod(deletionTimestamp="2026-01-01T00:00:00Z"), {}, False),
        (pod(phase="Failed"), {"publishNotReadyAddresses": True}, False),
        (pod(ip=""), {"publishNotReadyAddresses": True}, False),
    ],
)
def test_which_pods_a_service_leads_to(one, spec, expected):
    assert is_backend(service(**spec)["spec"], one) is expected


def test_routes_know_ports_by_name_and_number():
    ports = [
        {"port": 80, "targetPort": "ui"},
        {"port": 81, "targetPort": 9},
        {"port": 82, "targetPort": "none"},
        {"port": 83},
    ]
    found = routes([service(ports=ports), service("other", "elsewhere", "127.96.0.2")], [pod()])
    one = "127.96.0.1"
    assert found == {
        (one, 80): [("127.64.0.1", 8081)],
        (one, 81): [("127.64.0.1", 9)],
        (one, 82): [],
        (one, 83): [("127.64.0.1", 83)],
        ("127.96.0.2", 80): [],
    }


def test_names_are_short_in_their_own_namespace_only():
    services = [service("b", "other", "127.96.0.2"), service(), service("headless", ip="None")]
    lines = hosts_text("ns", "127.64.0.9", services).splitlines()
    assert lines[0] == "127.64.0.9 localhost"
    assert lines[2:] == [
        "127.96.0.1 s s.ns s.ns.svc s.ns.svc.cluster.local",
        "127.96.0.2 b.other b.other.svc b.other.svc.cluster.local",
    ]


# Answers each line it gets with its own name in front.
ECHO = """
import os, socketserver
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(os.environ["NAME"].encode() + b" " + line)
socketserver.ThreadingTCPServer((os.environ["IP"], 7000), Handler).serve_forever()
"""


def echo(world, label, **container):
    """A pod that answers on port 7000; its name once it listens."""
    fields = {"NAME": "metadata.name", "IP": "status.podIP"}
    env = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()]
    probe = {"tcpSocket": {"port": 7000}, "periodSeconds": 1}
    container = {"command": ["python3", "-c", ECHO], "env": env, "readinessProbe": probe, **container}
    name = world.pod("", container=container, labels={"app": label})
    world.until(name, lambda pod: world.condition(pod, "Ready") == "True")
    return name


def ask(connection):
    connection.sendall(b"hello\n")
    return connection.makefile().readline().split()


def connect(world, address):
    """A connection that is answered; the forwarder may follow the store by a moment."""
    found = []

    def answered(_service):
        try:
            connection = socket.create_connection((address, 70), timeout=10)
        except ConnectionRefusedError:
            return False
        found.append(connection)
        return True

    world.until("echo", answered, r.SERVICES)
    return found[0]


def test_a_service_leads_to_its_pod_and_follows_it(world):
    """By its own address; refused without a pod; a new pod takes over; connections to the old one are cut."""
    spec = {"selector": {"app": "one"}, "ports": [{"port": 70, "targetPort": 7000}]}
    address = world.create(r.SERVICES, {"metadata": {"name": "echo"}, "spec": spec})["spec"]["clusterIP"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, 70), timeout=10)
    first = echo(world, "one")
    with connect(world, address) as old:
        assert ask(old) == [first, "hello"]
        second = echo(world, "two")
        patch = {"spec": {"selector": {"app": "two"}}}
        world.client.patch(r.SERVICES, "echo", patch, namespace="default")
        assert ask(old) == [first, "hello"], "an open connection outlives a change of the selector"

        def answered_by_second(_service):
            with connect(world, address) as connection:
                return ask(connection) == [second, "hello"]

        world.until("echo", answered_by_second, r.SERVICES)
        world.client.delete(r.PODS, first, namespace="default", grace_seconds=0)
        with pytest.raises((ConnectionResetError, BrokenPipeError, IndexError)):
            while True:
                assert ask(old)[0] == first
    world.client.delete(r.SERVICES, "echo", namespace="default")


def test_a_detour_is_told_as_a_name():
    assert "127.128.0.1 127.64.0.1" in hosts_text("ns", "127.64.0.9", [], {"127.64.0.1": "127.128.0.1"}).splitlines()


def test_a_connection_under_way_ends_with_its_service(monkeypatch):
    """Else its other end would stay open, and nobody would own it."""
    opens = asyncio.open_connection

    async def lived(backend, address):
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def open_late(*there):
            asked.set()
            await go_on.wait()
            return await opens(*there)

        monkeypatch.setattr(asyncio, "open_connection", open_late)
        forwarder = Forwarder(address)
        assert await forwarder.follow([backend.getsockname()], ["127.0.0.1"])
        with socket.create_connection(address):
            await asked.wait()
            await forwarder.close()
            go_on.set()
            with (await asyncio.to_thread(backend.accept))[0] as there:
                there.settimeout(10)
                assert await asyncio.to_thread(there.recv, 1) == b""
                there.send(b"is anybody there?")
                with pytest.raises(BrokenPipeError):  # it was closed, and did not just say that nothing more comes
                    there.send(b"no")

    with socket.create_server(("127.0.0.1", 0)) as backend:
        backend.settimeout(10)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = free.getsockname()
        asyncio.run(lived(backend, address))


def test_a_connection_that_has_just_come_is_closed_at_the_end(monkeypatch):
    """Nobody may own it then: a warning in whichever test runs when it is collected."""
    with socket.create_server(("127.0.0.1", 0)) as backend, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
        free.close()
        monkeypatch.setattr(module, "Mirror", MagicMock())
        monkeypatch.setattr(module, "routes", lambda services, pods: {address: [backend.getsockname()]})
        for _ in range(5):
            made = Services(MagicMock(), MagicMock(objects=lambda: [pod(ip="127.0.0.1")]))
            made.start(threading.Event())
            first = None
            while first is None:
                try:
                    first = socket.create_connection(address)
                except ConnectionRefusedError:
                    continue
            others = [socket.create_connection(address) for _ in range(20)]
            made.close()
            for one in (first, *others):
                one.close()
        del made
        gc.collect()
