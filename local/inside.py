"""The entry of our own programs as processes here. It imports little: each of them starts with it.

In a cluster DNS knows the services' names, a pod has a network and a /dev of its own. Here the process reads names from
the kubelet's hosts file, listens on its pod's address where it asks for all, and writes its termination message to a
file of its own; so hooks, supervisor and bootstrap cannot tell the difference.
"""

import builtins
import io
import os
import socket
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

HOSTS, ADDRESS, MESSAGE = "FLINKCTL_HOSTS_FILE", "FLINKCTL_POD_IP", "FLINKCTL_TERMINATION_LOG"
TERMINATION_LOG = "/dev/termination-log"
COMMAND = "flinkctl"


def read_hosts(path: Path) -> dict[str, str]:
    """Name → address, from a file like /etc/hosts."""
    lines = (line.split("#", 1)[0].split() for line in path.read_text().splitlines())
    return {name: words[0] for words in lines for name in words[1:]}


def imitate(hosts: Path, ip: str, message: Path) -> None:
    """From now on this process finds services by name, listens on its pod's address and has its own termination log."""
    resolve, bind, open_file = socket.getaddrinfo, socket.socket.bind, io.open

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        return resolve(read_hosts(hosts).get(host, host), *args, **kwargs)

    def bind_to_pod(own: socket.socket, address: Any) -> None:
        wildcard = own.family == socket.AF_INET and address[0] in ("", "0.0.0.0")
        bind(own, (ip, *address[1:]) if wildcard else address)

    def open_rewritten(file: Any, *args: Any, **kwargs: Any) -> Any:
        return open_file(message if str(file) == TERMINATION_LOG else file, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo
    socket.has_dualstack_ipv6 = lambda: False  # a pod's address is one of IPv4
    socket.socket.bind = bind_to_pod  # type: ignore[method-assign, assignment]
    io.open = builtins.open = open_rewritten


def main() -> None:
    imitate(Path(os.environ[HOSTS]), os.environ[ADDRESS], Path(os.environ[MESSAGE]))
    (command,) = entry_points(group="console_scripts", name=COMMAND)
    sys.argv[0] = COMMAND
    command.load()()


if __name__ == "__main__":
    main()
