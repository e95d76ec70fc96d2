"""Sends one request, once, and turns every failure into Unreachable. Knows requests and urllib3; nobody else does.

One KubeClient has one Transport. Sessions of requests are not thread-safe, so each request borrows one of its own.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3
from requests import exceptions as failures
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection

from clients.kube.auth import Credential
from clients.kube.config import Connection
from clients.kube.errors import Unreachable

USER_AGENT = "flink-metacontroller"
# NB: requests lets OSError and ValueError of the layers below through.
_FAILURES = (failures.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


class Call(NamedTuple):
    """One request; path starts with a slash; timeout = (seconds to connect, seconds of silence)."""

    method: str
    path: str
    params: Mapping[str, Any] | None
    json: Any
    content_type: str | None
    stream: bool
    timeout: tuple[float, float]
    accept: str = "application/json"


class Transport:
    """Thread-safe; close() ends idle connections."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._proxies = _proxies(connection)
        self._idle: deque[requests.Session] = deque()
        if connection.verify is False:
            # Somebody asked for it in the kubeconfig: a warning at each request tells nothing new.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def send(self, call: Call, credential: Credential) -> requests.Response:
        """The answer, whatever its status, whole unless call.stream. Raises Unreachable, nothing else."""
        headers = {"Accept": call.accept, **credential.headers}
        if call.content_type:
            headers["Content-Type"] = call.content_type
        if call.stream:
            headers["Accept-Encoding"] = "identity"  # each line as soon as it is sent
        try:
            with self._session() as session:
                return session.request(
                    call.method,
                    self._connection.server + call.path,
                    params=call.params,
                    json=call.json,
                    headers=headers,
                    timeout=call.timeout,
                    stream=call.stream,
                    verify=self._connection.verify,
                    cert=credential.cert,
                    proxies=dict(self._proxies),
                    allow_redirects=False,
                )
        except _FAILURES as error:
            raise unreachable(error, self._connection, call.timeout) from error

    def lines(self, response: requests.Response, timeout: tuple[float, float]) -> Iterator[bytes]:
        """The whole lines of a streamed answer, as they come; closes it at the end.

        Raises Unreachable when it breaks off. A last line without its end is given only after a clean end.
        """
        rest = b""
        try:
            for piece in _pieces(response):
                *whole, rest = (rest + piece).split(b"\n")
                yield from whole
        except (*_FAILURES, AttributeError) as error:
            # NB: AttributeError is what http.client makes of a socket that another thread closed.
            raise unreachable(error, self._connection, timeout) from error
        finally:
            response.close()
        if rest:
            yield rest

    def body(self, response: requests.Response, timeout: tuple[float, float]) -> bytes:
        """The whole body of an answer, streamed or not. Raises Unreachable when it breaks off."""
        try:
            return response.content
        except _FAILURES as error:
            raise unreachable(error, self._connection, timeout) from error

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        try:
            session = self._idle.pop()
        except IndexError:
            session = _new_session(self._connection)
        try:
            yield session
        finally:
            self._idle.append(session)


def interrupt(response: requests.Response) -> None:
    """Wake the thread that is reading this streamed answer; it sees the answer break off."""
    shutdown = getattr(response.raw, "shutdown", None)  # urllib3 >= 2.3; with an older one it wakes at its time-out
    if shutdown is not None:
        try:
            shutdown()
        except (OSError, ValueError, RuntimeError):
            return  # it is over already


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """The body as it arrives: read(n) would wait for n bytes where the answer has no chunks."""
    if getattr(response.raw, "chunked", False):
        return response.iter_content(65536)
    read1 = getattr(response.raw, "read1", None)  # urllib3 >= 2.1
    return iter(lambda: read1(65536), b"") if read1 else response.iter_content(1)


# ---- sessions and proxies ------------------------------------------------------------------------------------------


class _Adapter(HTTPAdapter):
    """Checks the server's certificate against another name if asked, and notices dead peers by keep-alive probes."""

    def __init__(self, server_name: str | None) -> None:
        self._pool: dict[str, Any] = {"socket_options": [*HTTPConnection.default_socket_options, *_KEEP_ALIVE]}
        if server_name:
            self._pool["server_hostname"] = server_name
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **{**kwargs, **self._pool})

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **{**kwargs, **self._pool})


def _keep_alive() -> list[tuple[int, int, int]]:
    """After 30 s of silence a probe each 10 s; three without an answer end the connection."""
    values = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
    tuned = [(socket.IPPROTO_TCP, getattr(socket, name), n) for name, n in values.items() if hasattr(socket, name)]
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *tuned]


_KEEP_ALIVE = _keep_alive()


def _new_session(connection: Connection) -> requests.Session:
    session = requests.Session()
    # NB: trusting the environment would let REQUESTS_CA_BUNDLE replace the cluster's CA and .netrc our token.
    session.trust_env = False
    session.headers["User-Agent"] = USER_AGENT
    adapter = _Adapter(connection.server_name)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _proxies(connection: Connection) -> Mapping[str, str]:
    """kubeconfig's proxy-url, else the environment's; never for this machine's own addresses, as kubectl does."""
    if connection.proxy:
        return {"http": connection.proxy, "https": connection.proxy}
    if _is_loopback(urlsplit(connection.server).hostname or ""):
        return {}
    return {scheme: url for scheme, url in get_environ_proxies(connection.server).items() if url}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# ---- what went wrong -----------------------------------------------------------------------------------------------


class _Reason(NamedTuple):
    text: str
    sent: bool
    passing: bool = True


def unreachable(error: Exception, connection: Connection, timeout: tuple[float, float]) -> Unreachable:
    """A failure of requests or urllib3 in words, and whether the request may have arrived."""
    reason = _reason(error, timeout)
    told = "; ".join(filter(None, (reason.text, connection.advice())))
    return Unreachable(
        f"cannot reach the Kubernetes API at {connection.server}: {told}", sent=reason.sent, passing=reason.passing
    )


def _reason(error: Exception, timeout: tuple[float, float]) -> _Reason:
    chain = list(_chain(error))
    last = chain[-1]
    if isinstance(error, failures.ConnectTimeout):
        return _Reason(f"no connection within {timeout[0]:g} s", sent=False)
    if isinstance(error, failures.ProxyError):
        return _Reason(f"the proxy does not let us through: {_text(last)}", sent=False)
    if any(isinstance(link, urllib3.exceptions.NewConnectionError) for link in chain):
        return _Reason(_text(last), sent=False)
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return _Reason(f"its certificate is not trusted: {_text(last)}", sent=False, passing=False)
    if isinstance(error, failures.Timeout) or any(isinstance(link, urllib3.exceptions.TimeoutError) for link in chain):
        return _Reason(f"no answer within {timeout[1]:g} s", sent=True)
    if any(isinstance(link, failures.ChunkedEncodingError | http.client.IncompleteRead) for link in chain):
        return _Reason("the answer broke off", sent=True)
    if isinstance(error, failures.ConnectionError | failures.ContentDecodingError | urllib3.exceptions.HTTPError):
        return _Reason(_text(last), sent=True)
    return _Reason(_text(last), sent=True, passing=False)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what lies inside it, outermost first.

    NB: not by __context__, which leads on to whatever else the caller was just handling.
    """
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        if isinstance(inner, urllib3.exceptions.IncompleteRead):
            return
        found = [getattr(inner, "reason", None), *inner.args, *_caused(inner)]
        inner = next((link for link in found if isinstance(link, BaseException)), None)


def _caused(error: BaseException) -> list[BaseException | None]:
    return [error.__cause__] if isinstance(error, urllib3.exceptions.NewConnectionError) else []


def _text(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, socket.gaierror):
        return "its host name is not known"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
