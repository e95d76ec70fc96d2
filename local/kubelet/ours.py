"""Our own image: the same programs, run by this Python. As a module, it is that process's entry.

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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from local.kubelet.environment import TERMINATION_LOG
from local.kubelet.launch import ImageProblem, Launch, Request, environment, run_command

IMAGE = "flinkctl"
HOSTS, ADDRESS, MESSAGE = "FLINKCTL_HOSTS_FILE", "FLINKCTL_POD_IP", "FLINKCTL_TERMINATION_LOG"
_COMMANDS = ("flinkctl", "kubectl-flink")


def launch(request: Request) -> Launch:
    """Our command line with this Python; any other command as it is."""
    words = [*request.command, *request.args] if request.command else [_COMMANDS[0], *request.args]
    if words[0] not in _COMMANDS:
        return run_command(request)
    own = {HOSTS: str(request.hosts), ADDRESS: request.ip, MESSAGE: str(request.message)}
    env = environment(request, {**own, "PYTHONUNBUFFERED": "1"})
    return Launch([sys.executable, "-P", "-m", "local.kubelet.ours", *words[1:]], env)


def examples() -> Path:
    """The folder of the example JARs, which the image has at /opt/flinkctl/examples."""
    spec = find_spec("examples")
    if spec is None or not spec.submodule_search_locations:
        raise ImageProblem("the examples folder is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "wordcount"


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
    (command,) = entry_points(group="console_scripts", name=_COMMANDS[0])
    sys.argv[0] = _COMMANDS[0]
    command.load()()


if __name__ == "__main__":
    main()
