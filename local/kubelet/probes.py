"""Liveness, readiness and startup probes: one thread for each probe of a running container."""

import http.client
import logging
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

log = logging.getLogger(__name__)


class Target(NamedTuple):
    """Where a container can be probed: its address, its named ports, and how a command runs in it."""

    ip: str
    ports: Mapping[str, int]
    env: Mapping[str, str]
    directory: Path
    rewrite: Callable[[str], str]


class Tally(NamedTuple):
    """Consecutive results of one probe, and its verdict: None before the first threshold is reached."""

    good: int = 0
    bad: int = 0
    verdict: bool | None = None


def count(tally: Tally, success: bool, success_threshold: int = 1, failure_threshold: int = 3) -> Tally:
    """The tally after one more result."""
    good, bad = (tally.good + 1, 0) if success else (0, tally.bad + 1)
    if good >= success_threshold:
        return Tally(good, bad, True)
    if bad >= failure_threshold:
        return Tally(good, bad, False)
    return Tally(good, bad, tally.verdict)


def watch_probe(
    probe: Mapping[str, Any], target: Target, stop: threading.Event, on_verdict: Callable[[bool], None]
) -> None:
    """Probe until `stop`; `on_verdict` is told each change of verdict."""
    tally = Tally()
    delay = probe.get("initialDelaySeconds", 0)
    while not stop.wait(delay):
        delay = probe.get("periodSeconds", 10)
        success = check(probe, target)
        before, tally = tally, count(tally, success, probe.get("successThreshold", 1), probe.get("failureThreshold", 3))
        if tally.verdict is not None and tally.verdict != before.verdict and not stop.is_set():
            on_verdict(tally.verdict)


def check(probe: Mapping[str, Any], target: Target) -> bool:
    """One try of a probe; anything that goes wrong is a failure."""
    timeout = float(probe.get("timeoutSeconds", 1))
    try:
        if "httpGet" in probe:
            return _http(probe["httpGet"], target, timeout)
        if "tcpSocket" in probe:
            action = probe["tcpSocket"]
            with socket.create_connection((action.get("host") or target.ip, _port(action, target)), timeout):
                return True
        return _exec(probe["exec"]["command"], target, timeout)
    except (OSError, http.client.HTTPException, subprocess.SubprocessError, KeyError, ValueError) as problem:
        log.debug("probe of %s failed: %s", target.ip, problem)
        return False


def _http(action: Mapping[str, Any], target: Target, timeout: float) -> bool:
    host, port = action.get("host") or target.ip, _port(action, target)
    connection = (
        http.client.HTTPSConnection(host, port, timeout=timeout, context=ssl._create_unverified_context())
        if action.get("scheme") == "HTTPS"
        else http.client.HTTPConnection(host, port, timeout=timeout)
    )
    headers = {item["name"]: item["value"] for item in action.get("httpHeaders", ())}
    try:
        connection.request("GET", action.get("path") or "/", headers={"User-Agent": "kube-probe/local", **headers})
        return 200 <= connection.getresponse().status < 400
    finally:
        connection.close()


def _exec(command: Sequence[str], target: Target, timeout: float) -> bool:
    argv = [target.rewrite(word) for word in command]
    quiet = subprocess.DEVNULL
    done = subprocess.run(
        argv,
        env=dict(target.env),
        cwd=target.directory,
        timeout=timeout,
        check=False,
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
    )
    return done.returncode == 0


def _port(action: Mapping[str, Any], target: Target) -> int:
    port = action["port"]
    return target.ports[port] if port in target.ports else int(port)
