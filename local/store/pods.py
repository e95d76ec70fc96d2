"""What the API server fetches from elsewhere: answers of pods through the proxy, and the logs of their containers."""

import http.client
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from .api import Api
from .errors import Refusal, bad_request, unavailable
from .resources import PODS, SERVICES, Object
from .selectors import matches

_log = logging.getLogger(__name__)
_PATIENCE = 300.0  # seconds for an answer: running a job's main() happens inside a request
_POLL = 0.1  # seconds between looks for more log
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host"})
_PRIVATE = _HOP_BY_HOP | {"authorization", "content-length"}


class Answer(NamedTuple):
    code: int
    headers: list[tuple[str, str]]
    body: bytes


def forward(address: tuple[str, int], method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send a request to a pod and return its answer, or refuse with 503."""
    connection = http.client.HTTPConnection(*address, timeout=_PATIENCE)
    try:
        sent = {k: v for k, v in headers.items() if k.lower() not in _PRIVATE}
        connection.request(method, path, body=body or None, headers=sent)
        response = connection.getresponse()
        kept = [(k, v) for k, v in response.getheaders() if k.lower() not in _HOP_BY_HOP | {"content-length"}]
        return Answer(response.status, kept, response.read())
    except (OSError, http.client.HTTPException) as error:
        raise unavailable(f"error trying to reach service: dial tcp {address[0]}:{address[1]}: {error}") from error
    finally:
        connection.close()


def service_address(api: Api, namespace: str, target: str) -> tuple[str, int]:
    """Return where `name`, `name:port` or `scheme:name:port` of a service leads, ready pods first. 503 if nowhere."""
    name, port = _split(target)
    spec = api.get(SERVICES, namespace, name)["spec"]
    ports = [p for p in spec.get("ports", []) if port in ("", p.get("name"), str(p["port"]))]
    if not ports:
        raise unavailable(f'no service port "{port}" found for service "{name}"')
    pods = [p for p in api.objects.items(PODS, namespace)[1] if matches(spec.get("selector", {}), p) and _reachable(p)]
    if not pods:
        raise unavailable(f'no endpoints available for service "{name}"')
    pod = sorted(pods, key=_readiness)[0]
    return pod["status"]["podIP"], _number(pod, ports[0]["targetPort"])


def pod_address(api: Api, namespace: str, target: str) -> tuple[str, int]:
    """Return where `name` or `name:port` of a pod leads."""
    name, port = _split(target)
    pod = api.get(PODS, namespace, name)
    if not pod["status"].get("podIP"):
        raise unavailable(f"address not allowed: pod {name} has no address")
    first = next((p["containerPort"] for c in pod["spec"]["containers"] for p in c.get("ports", [])), 80)
    return pod["status"]["podIP"], int(port or first)


def _split(target: str) -> tuple[str, str]:
    parts = target.split(":")
    return (parts[1], parts[2]) if len(parts) == 3 else (parts[0], parts[1] if len(parts) == 2 else "")


def _reachable(pod: Object) -> bool:
    return bool(pod["status"].get("podIP")) and pod["status"].get("phase") not in ("Succeeded", "Failed")


def _readiness(pod: Object) -> tuple[bool, bool]:
    ready = {"type": "Ready", "status": "True"}.items()
    is_ready = any(ready <= condition.items() for condition in pod["status"].get("conditions", []))
    return "deletionTimestamp" in pod["metadata"], not is_ready


def _number(pod: Object, port: int | str) -> int:
    if isinstance(port, int):
        return port
    found = (p["containerPort"] for c in pod["spec"]["containers"] for p in c.get("ports", []) if p.get("name") == port)
    number = next(found, None)
    if number is None:
        raise unavailable(f"no port {port!r} in pod {pod['metadata']['name']}")
    return int(number)


# --- logs


def log(
    api: Api, logs: Path, namespace: str, name: str, query: Mapping[str, str], alive: Callable[[], bool]
) -> Iterator[bytes]:
    """Yield a container's log, from <logs>/<namespace>/<pod>/<container>.log; follow goes on until it has ended.

    400 if the container is not told or has not started, as the API server answers.
    """
    pod = api.get(PODS, namespace, name)
    container = _container(pod, query.get("container", ""))
    if query.get("previous") in ("true", "1"):
        raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
    file = logs / namespace / name / f"{container}.log"
    if not file.is_file():
        raise bad_request(f'container "{container}" in pod "{name}" is {_no_log(pod, container)}')
    tail = int(query["tailLines"]) if query.get("tailLines", "").isdigit() else None
    follow = query.get("follow") in ("true", "1")
    return _lines(api, pod, container, file, tail, alive if follow else lambda: False)


def _no_log(pod: Object, container: str) -> str:
    """In the kubelet's words."""
    found: Object = next((status["state"] for status in _statuses(pod) if status["name"] == container), {})
    reason = found.get("waiting", {}).get("reason", "ContainerCreating")
    return "terminated" if "terminated" in found else f"waiting to start: {reason}"


def _statuses(pod: Object) -> list[Object]:
    return [*pod["status"].get("containerStatuses", []), *pod["status"].get("initContainerStatuses", [])]


def _lines(
    api: Api, pod: Object, container: str, file: Path, tail: int | None, more: Callable[[], bool]
) -> Iterator[bytes]:
    with file.open("rb") as stream:
        text = stream.read()
        yield text if tail is None else b"".join(text.splitlines(keepends=True)[-tail:] if tail else [])
        while more():
            # Asked before reading, so that what was written before the end is not missed.
            ended = not _runs(api, pod, container)
            text = stream.read()
            if text:
                yield text
            elif ended:
                return
            else:
                time.sleep(_POLL)


def _runs(api: Api, pod: Object, container: str) -> bool:
    try:
        now = api.get(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
    except Refusal:
        return False
    if now["metadata"]["uid"] != pod["metadata"]["uid"] or now["status"].get("phase") in ("Succeeded", "Failed"):
        return False
    return not any(s["name"] == container and "terminated" in s.get("state", {}) for s in _statuses(now))


def _container(pod: Object, asked: str) -> str:
    name = pod["metadata"]["name"]
    own = [c["name"] for c in pod["spec"]["containers"]]
    names = own + [c["name"] for c in pod["spec"].get("initContainers", [])]
    if not asked and len(own) > 1:
        listed = " ".join(own)
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{listed}]")
    if asked and asked not in names:
        raise bad_request(f"container {asked} is not valid for pod {name}")
    return asked or own[0]
