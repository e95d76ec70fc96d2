"""Where the cluster is and who we are: kubeconfig files, or the account of the pod we run in.

connect() -> Connection, which client.KubeClient is made from. Files are merged and read as kubectl does.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml

from clients.kube.auth import (
    Credential,
    Credentials,
    ExecPlugin,
    ExecSpec,
    Fixed,
    TokenFile,
    checked_token,
    private_file,
)
from clients.kube.errors import ConfigError, NotConfigured

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
EXEC_API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_EXEC_EXTENSION = "client.authentication.k8s.io/exec"
# libyaml reads a large kubeconfig ten times faster; PyYAML may be built without it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}


@dataclass(frozen=True)
class Connection:
    """One cluster and one identity."""

    server: str
    """http(s)://host:port, with a path where the API is not at the root; no slash at the end."""
    namespace: str = "default"
    """Namespace where none is given."""
    credentials: Credentials = field(default_factory=Fixed)
    verify: bool | str = True
    """File of the certificates to trust; True: the well-known ones; False: whatever the server shows."""
    server_name: str | None = None
    """Name expected in the server's certificate where it is not the host's."""
    proxy: str | None = None
    """URL of the proxy to go through; None: the environment's HTTPS_PROXY, HTTP_PROXY and NO_PROXY."""
    context: str | None = None
    """Name of the kubeconfig's context; None in a pod."""
    file: Path | None = field(default=None, compare=False)
    """The kubeconfig that names the server; None in a pod."""
    advice: Callable[[], str] = field(default=lambda: "", compare=False)
    """What to do when nobody answers, for the error's text."""


def connect(kubeconfig: str | None = None, context: str | None = None) -> Connection:
    """The connection that the file, else $KUBECONFIG, else ~/.kube/config, else our own pod describes.

    Raises ConfigError with the file and the field that is wrong, or with the places that were looked at.
    """
    files = _files(kubeconfig)
    config = _merge([file for file in files if file.exists()])
    if config.entries:
        return _from_kubeconfig(config, context)
    places = "; ".join(f"{file}: {'has no contexts' if file.exists() else 'no such file'}" for file in files)
    if kubeconfig is not None:
        raise NotConfigured(places)
    if context is None and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return _in_cluster(os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443"))
    raise NotConfigured(f"no Kubernetes cluster is configured, and this is not a pod: {places}")


def _files(explicit: str | None) -> list[Path]:
    if explicit is not None:
        return [Path(explicit)]
    listed = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return listed or [Path.home() / ".kube" / "config"]


# ---- reading and merging -------------------------------------------------------------------------------------------


class _Entry(NamedTuple):
    """A mapping inside a kubeconfig that knows where it stands, for messages and relative paths."""

    file: Path
    where: str
    values: Mapping[str, Any]

    def wrong(self, key: str, problem: str) -> ConfigError:
        return ConfigError(f"{self.file}: {self.where}.{key}: {problem}")

    def text(self, key: str) -> str:
        """The field's text, "" when absent."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, "must be a text")
        return value or ""

    def flag(self, key: str) -> bool:
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(key, "must be true or false")
        return bool(value)

    def entries(self, key: str) -> list[_Entry]:
        """A list of mappings."""
        value = self.values.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, "must be a list of mappings")
        return [_Entry(self.file, f"{self.where}.{key}[{n}]", item) for n, item in enumerate(value)]

    def below(self, key: str) -> _Entry | None:
        value = self.values.get(key)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(key, "must be a mapping")
        return None if value is None else _Entry(self.file, f"{self.where}.{key}", value)

    def path(self, key: str) -> str:
        """A path, relative to the file it stands in; "" when absent."""
        text = self.text(key)
        return str(self.file.parent.absolute() / text) if text else ""

    def file_or_data(self, key: str) -> str:
        """Path of the file KEY, or of a private file with the content of KEY-data, which wins; "" without both."""
        data = self.text(f"{key}-data")
        if data:
            try:
                return private_file(base64.b64decode("".join(data.split()), validate=True))
            except binascii.Error as error:
                raise self.wrong(f"{key}-data", "is not base64") from error
        path = self.path(key)
        if path:
            try:
                Path(path).open("rb").close()
            except OSError as error:
                raise self.wrong(key, f"cannot read {path}: {error.strerror}") from error
        return path


class _Kubeconfig(NamedTuple):
    files: str
    entries: Mapping[tuple[str, str], _Entry]
    current: str

    def names(self, section: str) -> str:
        return ", ".join(name for kind, name in self.entries if kind == section) or "none"


def _merge(files: Sequence[Path]) -> _Kubeconfig:
    """All files as one: the first that has a name or a value wins, and wins whole."""
    entries: dict[tuple[str, str], _Entry] = {}
    current = ""
    for file in files:
        document = _read(file)
        current = current or document.text("current-context")
        for section, singular in _SECTIONS.items():
            for item in document.entries(section):
                name = item.text("name")
                body = _Entry(file, f"{section}[{name}]", item.values).below(singular)
                if not name:
                    raise item.wrong("name", "is missing")
                entries.setdefault((section, name), body or _Entry(file, f"{section}[{name}].{singular}", {}))
    return _Kubeconfig(", ".join(str(file) for file in files), entries, current)


def _read(file: Path) -> _Entry:
    try:
        with file.open(encoding="utf-8") as text:
            document = yaml.load(text, _LOADER)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{file}: is not YAML: {' '.join(str(error).split())}") from error
    if document is not None and not isinstance(document, dict):
        raise ConfigError(f"{file}: is not a kubeconfig: must be a mapping")
    return _Entry(file, "kubeconfig", document or {})


# ---- from a kubeconfig ---------------------------------------------------------------------------------------------


def _from_kubeconfig(config: _Kubeconfig, context: str | None) -> Connection:
    name = context or config.current
    if not name:
        raise ConfigError(f"{config.files}: current-context: is not set; there are: {config.names('contexts')}")
    chosen = config.entries.get(("contexts", name))
    if chosen is None:
        raise ConfigError(f'{config.files}: there is no context "{name}"; there are: {config.names("contexts")}')
    cluster = _named(config, chosen, "cluster")
    if cluster is None:
        raise chosen.wrong("cluster", "is missing")
    server = _server(cluster)
    verify = _trust(cluster)
    # As kubectl: a secret is not sent where everyone can read it.
    user = _named(config, chosen, "user") if server.startswith("https:") else None
    return Connection(
        server=server,
        namespace=chosen.text("namespace") or "default",
        credentials=_credentials(user, cluster) if user else Fixed(),
        verify=verify,
        server_name=cluster.text("tls-server-name") or None,
        proxy=_proxy(cluster),
        context=name,
        file=cluster.file,
    )


def _named(config: _Kubeconfig, context: _Entry, key: str) -> _Entry | None:
    name = context.text(key)
    found = config.entries.get((f"{key}s", name))
    if name and found is None:
        raise context.wrong(key, f'there is no {key} "{name}"; there are: {config.names(f"{key}s")}')
    return found


def _server(cluster: _Entry) -> str:
    text = cluster.text("server")
    if _scheme(text) not in ("http", "https"):
        raise cluster.wrong("server", f'"{text}" must be http://host:port or https://host:port')
    return text.rstrip("/")


def _proxy(cluster: _Entry) -> str | None:
    text = cluster.text("proxy-url")
    if text and _scheme(text) not in ("http", "https", "socks5"):
        raise cluster.wrong("proxy-url", "must be http://host:port, https://host:port or socks5://host:port")
    return text or None


def _scheme(url: str) -> str:
    """The scheme of a URL that has a host and a sound port, else ""."""
    try:
        parts = urlsplit(url)
        return parts.scheme if parts.hostname and parts.port != 0 else ""
    except ValueError:
        return ""


def _trust(cluster: _Entry) -> bool | str:
    authority = cluster.file_or_data("certificate-authority")
    if cluster.flag("insecure-skip-tls-verify"):
        if authority:
            raise cluster.wrong("insecure-skip-tls-verify", "makes no sense together with a certificate-authority")
        return False
    if not authority:
        return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or True
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(authority)
    except (ssl.SSLError, OSError) as error:
        raise cluster.wrong(_used(cluster, "certificate-authority"), "holds no PEM certificate") from error
    return authority


def _credentials(user: _Entry, cluster: _Entry) -> Credentials:
    """The user's credential source. Order as kubectl: token file, token, plugin, password; a certificate with any."""
    for unsupported in ("as-groups", "as-uid", "as-user-extra", "auth-provider"):
        if user.values.get(unsupported):
            raise user.wrong(unsupported, "is not supported")
    headers = {"Impersonate-User": user.text("as")} if user.text("as") else {}
    base = Credential(headers, _client_certificate(user))
    token_file = user.path("tokenFile")
    if token_file:
        return TokenFile(Path(token_file), base=base, origin=f"{user.file}: {user.where}.tokenFile")
    if user.text("token"):
        return Fixed(base.with_token(checked_token(user.text("token"), f"{user.file}: {user.where}.token")))
    plugin = user.below("exec")
    if plugin:
        return ExecPlugin(_exec_spec(plugin, cluster), base=base)
    if user.text("username"):
        secret = base64.b64encode(f"{user.text('username')}:{user.text('password')}".encode()).decode()
        base = base._replace(headers={**base.headers, "Authorization": f"Basic {secret}"})
    return Fixed(base)


def _client_certificate(user: _Entry) -> tuple[str, str] | None:
    certificate, key = user.file_or_data("client-certificate"), user.file_or_data("client-key")
    if not certificate and not key:
        return None
    if not key:
        raise user.wrong("client-key", "is missing, there is only a client-certificate")
    if not certificate:
        raise user.wrong("client-certificate", "is missing, there is only a client-key")
    try:
        # NB: without a password function OpenSSL would ask on the terminal for an encrypted key's.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError) as error:
        field_name = _used(user, "client-certificate")
        problem = f"no PEM certificate that goes with {_used(user, 'client-key')} (which must not be encrypted)"
        raise user.wrong(field_name, problem) from error
    return certificate, key


def _used(entry: _Entry, key: str) -> str:
    return f"{key}-data" if entry.text(f"{key}-data") else key


def _exec_spec(plugin: _Entry, cluster: _Entry) -> ExecSpec:
    api_version, mode = plugin.text("apiVersion"), plugin.text("interactiveMode") or "IfAvailable"
    if api_version not in EXEC_API_VERSIONS:
        raise plugin.wrong("apiVersion", f'"{api_version}" is none of {", ".join(EXEC_API_VERSIONS)}')
    if mode not in ("Never", "IfAvailable", "Always"):
        raise plugin.wrong("interactiveMode", f'"{mode}" is none of Never, IfAvailable, Always')
    command, args = plugin.text("command"), plugin.values.get("args") or []
    if not command:
        raise plugin.wrong("command", "is missing")
    if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        raise plugin.wrong("args", "must be a list of texts")
    return ExecSpec(
        api_version=api_version,
        command=plugin.path("command") if os.sep in command else command,
        origin=f"{plugin.file}: {plugin.where}",
        args=tuple(args),
        env=tuple((item.text("name"), item.text("value")) for item in plugin.entries("env")),
        install_hint=plugin.text("installHint"),
        interactive_mode=mode,
        cluster=_cluster_info(cluster) if plugin.flag("provideClusterInfo") else None,
    )


def _cluster_info(cluster: _Entry) -> dict[str, Any]:
    """What a plugin with provideClusterInfo is told: the cluster's fields, and its own extension as `config`."""
    info = {key: cluster.values[key] for key in ("server", "tls-server-name", "proxy-url") if cluster.values.get(key)}
    if cluster.flag("insecure-skip-tls-verify"):
        info["insecure-skip-tls-verify"] = True
    authority = cluster.file_or_data("certificate-authority")
    if authority:
        info["certificate-authority-data"] = base64.b64encode(Path(authority).read_bytes()).decode()
    for extension in cluster.entries("extensions"):
        if extension.text("name") == _EXEC_EXTENSION:
            info["config"] = extension.values.get("extension")
    return info


# ---- in a pod ------------------------------------------------------------------------------------------------------


def _in_cluster(host: str, port: str) -> Connection:
    authority, namespace = SERVICE_ACCOUNT / "ca.crt", SERVICE_ACCOUNT / "namespace"
    if not authority.exists():
        raise ConfigError(f"{authority}: no such file; does the pod have automountServiceAccountToken: false?")
    return Connection(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        namespace=namespace.read_text("utf-8").strip() if namespace.exists() else "default",
        credentials=TokenFile(SERVICE_ACCOUNT / "token", origin="the pod's service account"),
        verify=str(authority),
    )
