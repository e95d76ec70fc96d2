"""Our own image: the same programs, run by this Python."""

import sys
from importlib.util import find_spec
from pathlib import Path

from local import inside
from local.kubelet.launch import ImageProblem, Launch, Request, environment, run_command

IMAGE = "flinkctl"
_COMMANDS = (inside.COMMAND, "kubectl-flink")


def launch(request: Request) -> Launch:
    """Our command line with this Python; any other command as it is."""
    words = [*request.command, *request.args] if request.command else [_COMMANDS[0], *request.args]
    if words[0] not in _COMMANDS:
        return run_command(request)
    own = {inside.HOSTS: str(request.hosts), inside.ADDRESS: request.ip, inside.MESSAGE: str(request.message)}
    env = environment(request, {**own, "PYTHONUNBUFFERED": "1"})
    return Launch([sys.executable, "-P", "-m", inside.__name__, *words[1:]], env)


def examples() -> Path:
    """The folder of the example JARs, which the image has at /opt/flinkctl/examples."""
    spec = find_spec("examples")
    if spec is None or not spec.submodule_search_locations:
        raise ImageProblem("the examples folder is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "wordcount"
