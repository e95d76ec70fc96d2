"""Who we are: sources of the credential that goes with each request.

config.py picks a source; client.py asks it before every request, and once more when the server says 401.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from clients.kube.errors import ConfigError

_log = logging.getLogger(__name__)

TOKEN_MAX_AGE = 60.0  # seconds; the kubelet replaces a pod's token when 80 % of its (at least 10 min) life is over
EXEC_TIMEOUT = 60.0  # seconds for a plugin that asks nobody
EXEC_TIMEOUT_INTERACTIVE = 300.0  # seconds for a person to log in


class Credential(NamedTuple):
    """What one request carries: headers, and a client certificate as (certificate file, key file)."""

    headers: Mapping[str, str] = MappingProxyType({})
    cert: tuple[str, str] | None = None

    def with_token(self, token: str) -> Credential:
        return self._replace(headers={**self.headers, "Authorization": f"Bearer {token}"})


ANONYMOUS = Credential()


class Credentials(Protocol):
    """A source of credentials; safe for use by several threads."""

    def get(self) -> Credential:
        """The credential of the moment; ConfigError when there is none to be had."""

    def renew(self, refused: Credential) -> bool:
        """After a 401 for `refused`: True when get() may now give a better one."""


@dataclass(frozen=True)
class Fixed:
    """A token, password or certificate that does not change."""

    credential: Credential = ANONYMOUS

    def get(self) -> Credential:
        return self.credential

    def renew(self, refused: Credential) -> bool:
        return False


class TokenFile:
    """A token in a file that somebody else replaces: read again by age, and after a 401.

    origin: names the file's owner in messages, "FILE: users[x].user.tokenFile" for example.
    """

    def __init__(
        self, path: Path, *, base: Credential = ANONYMOUS, origin: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._base = base
        self._origin = origin
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._current: Credential | None = None

    def get(self) -> Credential:
        with self._lock:
            if self._current is None or self._clock() - self._read_at >= TOKEN_MAX_AGE:
                self._current = self._read()
            return self._current

    def renew(self, refused: Credential) -> bool:
        with self._lock:
            if self._current == refused:
                self._current = self._read()
            return self._current != refused

    def _read(self) -> Credential:
        try:
            token = checked_token(self._path.read_text("utf-8"), self._origin)
        except (OSError, ValueError, ConfigError) as error:
            # NB: the old token outlives its file by minutes; a moment without a file must not end a process.
            if self._current is None:
                raise ConfigError(f"{self._origin}: cannot read a token from {self._path}: {_why(error)}") from error
            _log.warning("%s: keeping the old token, cannot read %s: %s", self._origin, self._path, _why(error))
            return self._current
        self._read_at = self._clock()
        return self._base.with_token(token)


class ExecSpec(NamedTuple):
    """`users[x].user.exec` of a kubeconfig, checked. cluster: what provideClusterInfo passes on, or None."""

    api_version: str
    command: str
    origin: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    install_hint: str = ""
    interactive_mode: str = "IfAvailable"
    cluster: Mapping[str, Any] | None = None


class ExecPlugin:
    """A credential plugin (client.authentication.k8s.io/v1 and v1beta1): run when needed, kept until it expires."""

    def __init__(
        self,
        spec: ExecSpec,
        *,
        base: Credential = ANONYMOUS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._spec = spec
        self._base = base
        self._clock = clock
        self._lock = threading.Lock()
        self._current: Credential | None = None
        self._expires: datetime | None = None

    def get(self) -> Credential:
        with self._lock:
            if self._current is None or (self._expires is not None and self._clock() >= self._expires):
                self._current, self._expires = self._ask()
            return self._current

    def renew(self, refused: Credential) -> bool:
        with self._lock:
            if self._current == refused:
                self._current, self._expires = self._ask()
            return True

    def _ask(self) -> tuple[Credential, datetime | None]:
        return parse_exec_credential(run_plugin(self._spec), self._spec, self._base)


def run_plugin(spec: ExecSpec) -> str:
    """Run the plugin, return what it printed; ConfigError says why it could not."""
    import subprocess  # 3 ms that nobody else needs

    interactive = spec.interactive_mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if spec.interactive_mode == "Always" and not interactive:
        raise ConfigError(f"{spec.origin}: {spec.command} wants to ask a person, and there is no terminal")
    limit = EXEC_TIMEOUT_INTERACTIVE if interactive else EXEC_TIMEOUT
    try:
        done = subprocess.run(
            [spec.command, *spec.args],
            env={**os.environ, **dict(spec.env), "KUBERNETES_EXEC_INFO": json.dumps(exec_info(spec, interactive))},
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if interactive else subprocess.PIPE,
            timeout=limit,
            check=False,
            text=True,
        )
    except FileNotFoundError as error:
        hint = f"\n{spec.install_hint}" if spec.install_hint else ""
        raise ConfigError(f"{spec.origin}.command: {spec.command} not found{hint}") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"{spec.origin}: {spec.command} did not end within {limit:g} s") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{spec.origin}: cannot run {spec.command}: {_why(error)}") from error
    if done.returncode != 0:
        told = (done.stderr or "").strip()[-500:]
        raise ConfigError(f"{spec.origin}: {spec.command} failed with exit code {done.returncode}: {told or 'silent'}")
    return done.stdout


def exec_info(spec: ExecSpec, interactive: bool) -> dict[str, Any]:
    """The ExecCredential that a plugin finds in KUBERNETES_EXEC_INFO."""
    asked: dict[str, Any] = {"interactive": interactive}
    if spec.cluster is not None:
        asked["cluster"] = dict(spec.cluster)
    return {"apiVersion": spec.api_version, "kind": "ExecCredential", "spec": asked}


def parse_exec_credential(text: str, spec: ExecSpec, base: Credential) -> tuple[Credential, datetime | None]:
    """A plugin's answer as a credential on top of `base`, and when it expires (None: never)."""
    wrong = functools.partial(_wrong_answer, spec)
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise wrong("is not JSON") from error
    if not isinstance(answer, dict) or answer.get("kind") != "ExecCredential":
        raise wrong("is not an ExecCredential")
    if answer.get("apiVersion") != spec.api_version:
        raise wrong(f"has apiVersion {answer.get('apiVersion')}, not {spec.api_version}")
    status = answer.get("status")
    if not isinstance(status, dict):
        raise wrong("has no status")
    credential, found = base, False
    if status.get("token"):
        credential, found = credential.with_token(checked_token(str(status["token"]), spec.origin)), True
    if status.get("clientCertificateData") and status.get("clientKeyData"):
        pair = (status["clientCertificateData"], status["clientKeyData"])
        credential = credential._replace(cert=(private_file(pair[0].encode()), private_file(pair[1].encode())))
        found = True
    if not found:
        raise wrong("has neither a token nor a client certificate with its key")
    return credential, _expiry(status.get("expirationTimestamp"), wrong)


def _expiry(stamp: object, wrong: Callable[[str], ConfigError]) -> datetime | None:
    if not stamp:
        return None
    try:
        expires = datetime.fromisoformat(str(stamp))
    except ValueError as error:
        raise wrong("has an expirationTimestamp that is no time") from error
    return expires if expires.tzinfo else expires.replace(tzinfo=UTC)


def _wrong_answer(spec: ExecSpec, problem: str) -> ConfigError:
    # NB: never repeat the answer itself: it is a secret.
    return ConfigError(f"{spec.origin}: the answer of {spec.command} {problem}")


def checked_token(text: str, origin: str) -> str:
    """The token without surrounding blanks; ConfigError, without the token, when it cannot stand in a header."""
    token = text.strip()
    if not token:
        raise ConfigError(f"{origin}: the token is empty")
    if not token.isascii() or not token.isprintable():
        raise ConfigError(f"{origin}: the token has characters that no token can have")
    return token


@functools.cache
def _private_directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="kube-client-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def private_file(data: bytes) -> str:
    """Path of a file with this content that only we can read, removed at exit: TLS reads certificates from files."""
    target = _private_directory() / f"{hashlib.sha256(data).hexdigest()}.pem"
    if not target.exists():
        handle, draft = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(draft).replace(target)
    return str(target)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
