"""Our own image: its processes find services by name and keep to their pod."""

import subprocess
import sys

from local.kubelet import ours
from local.kubelet.images import resolve
from local.kubelet.launch import Request

_PROGRAM = """
import socket, sys
from pathlib import Path
from local.inside import imitate
imitate(Path(sys.argv[1]), "127.64.0.9", Path(sys.argv[2]))
print(socket.getaddrinfo("words", 80, type=socket.SOCK_STREAM)[0][4])
print(socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)[0][4])
print(socket.has_dualstack_ipv6())
for address in ("0.0.0.0", "127.0.0.1"):
    with socket.create_server((address, 0)) as server:
        print(server.getsockname()[0])
Path("/dev/termination-log").write_text("bye")
with open("/dev/termination-log", "a") as file:
    file.write(" bye")
"""


def test_a_process_sees_a_cluster(tmp_path):
    """Names from the hosts file, listening on its own address, a termination log of its own."""
    hosts, message = tmp_path / "hosts", tmp_path / "message"
    hosts.write_text("127.96.0.7 words words.ns # comment\n\n")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(hosts), str(message)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "('127.96.0.7', 80)",
        "('127.0.0.1', 80)",
        "False",
        "127.64.0.9",
        "127.0.0.1",
    ]
    assert message.read_text() == "bye bye"


def request(tmp_path, *args, command=(), kubeconfig=None):
    return Request(command, args, {}, {}, tmp_path, tmp_path / "m", "pod", "127.64.0.9", tmp_path / "hosts", kubeconfig)


def test_arguments_go_to_flinkctl(tmp_path):
    """With access to the API for those pods that want it."""
    plain = ours.launch(request(tmp_path, "bootstrap", "run"))
    assert plain.argv == [sys.executable, "-P", "-m", "local.inside", "bootstrap", "run"]
    assert "KUBECONFIG" not in plain.env
    other = ours.launch(request(tmp_path, "run", command=["flinkctl", "supervisor"], kubeconfig=tmp_path / "config"))
    assert other.argv[4:] == ["supervisor", "run"]
    assert other.env["KUBECONFIG"] == str(tmp_path / "config")


def test_other_commands_run_as_they_are(tmp_path):
    assert ours.launch(request(tmp_path, "a", "b", command=["cp"])).argv == ["cp", "a", "b"]


def test_the_image_has_the_example():
    """At the path that the real image has it."""
    folder = resolve("registry/flink-metacontroller/flinkctl:0.1.0", {}).paths["/opt/flinkctl/examples"]
    assert (folder / "wordcount.jar").is_file()
