"""Credentials: token files that rotate, and exec plugins."""

import json
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clients.kube import ConfigError, connect
from clients.kube.auth import Credential, ExecPlugin, ExecSpec, Fixed, TokenFile

V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"


def bearer(token: str) -> Credential:
    return Credential().with_token(token)


# ---- token files ---------------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def token_file(tmp_path, clock):
    (tmp_path / "token").write_text("one\n")
    return TokenFile(tmp_path / "token", origin="test", clock=clock)


def test_token_is_read_again_by_age(token_file, tmp_path, clock):
    """A replaced token is noticed after a minute, not at each request."""
    assert token_file.get() == bearer("one")
    (tmp_path / "token").write_text("two")
    clock.now = 59
    assert token_file.get() == bearer("one")
    clock.now = 60
    assert token_file.get() == bearer("two")


def test_token_is_read_again_when_refused(token_file, tmp_path):
    """renew() is true only if there is another token than the refused one."""
    token_file.get()
    assert not token_file.renew(bearer("one"))
    (tmp_path / "token").write_text("two")
    assert token_file.renew(bearer("one"))
    assert token_file.get() == bearer("two")


def test_other_thread_was_faster(token_file, tmp_path):
    """A refusal of a token that has been replaced meanwhile needs no new look."""
    token_file.get()
    (tmp_path / "token").unlink()
    assert token_file.renew(bearer("zero"))


@pytest.mark.parametrize("content", [None, "", "a\nb", "ä"])
def test_old_token_outlives_its_file(token_file, tmp_path, clock, content):
    """When the file is gone or broken for a moment, the token we have is kept."""
    token_file.get()
    (tmp_path / "token").unlink()
    if content is not None:
        (tmp_path / "token").write_text(content)
    clock.now = 100
    assert token_file.get() == bearer("one")


def test_no_token_at_all(tmp_path):
    with pytest.raises(ConfigError, match=r"test: cannot read a token from .*/absent: No such file"):
        TokenFile(tmp_path / "absent", origin="test").get()


def test_token_file_wins_over_token(kubeconfig, tmp_path):
    """As in kubectl; the path starts at the kubeconfig."""
    (tmp_path / "secret").write_text("from-file")
    found = connect(kubeconfig({"server": "https://127.0.0.1:1"}, {"tokenFile": "secret", "token": "literal"}))
    assert found.credentials.get() == bearer("from-file")


def test_fixed_cannot_be_renewed():
    assert not Fixed(bearer("x")).renew(bearer("x"))


# ---- plugins -------------------------------------------------------------------------------------------------------

# Counts its runs in a file, tells what it was given in another, and answers as its first argument says.
PLUGIN = f"""#!{sys.executable}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
with open(here / "runs", "a") as file: file.write("x")
(here / "given").write_text(json.dumps([sys.argv[1:], os.environ["KUBERNETES_EXEC_INFO"], os.environ.get("EXTRA")]))
print(sys.argv[1])
sys.exit(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "bin" / "plugin"
    path.parent.mkdir()
    path.write_text(PLUGIN)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def credential(version=V1, **status):
    return json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})


def spec(plugin, *args, **fields):
    return ExecSpec(**{"api_version": V1, "command": str(plugin), "origin": "f: exec", "args": args, **fields})


def runs(plugin) -> int:
    return len((plugin.parent / "runs").read_text())


@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_plugin_from_kubeconfig(kubeconfig, plugin, pki, version):
    """Relative command, arguments, environment and, if asked for, the cluster reach the plugin; its token is used."""
    cluster = {
        "server": "https://127.0.0.1:1",
        "certificate-authority": str(pki.ca),
        "tls-server-name": "kube.test",
        "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}],
    }
    user = {
        "apiVersion": version,
        "command": "bin/plugin",
        "args": [credential(version, token="t")],
        "env": [{"name": "EXTRA", "value": "more"}],
        "interactiveMode": "Never",
        "provideClusterInfo": True,
    }
    assert connect(kubeconfig(cluster, {"exec": user})).credentials.get() == bearer("t")
    _, info, extra = json.loads((plugin.parent / "given").read_text())
    told = json.loads(info)
    assert (told["apiVersion"], told["kind"], extra) == (version, "ExecCredential", "more")
    assert told["spec"]["interactive"] is False
    authority = told["spec"]["cluster"].pop("certificate-authority-data")
    assert authority.startswith("LS0tLS1CRUdJTi")
    assert told["spec"]["cluster"] == {
        "server": "https://127.0.0.1:1",
        "tls-server-name": "kube.test",
        "config": {"audience": "a"},
    }


def test_plugin_is_not_told_the_cluster_unasked(plugin):
    ExecPlugin(spec(plugin, credential(token="t"))).get()
    assert "cluster" not in json.loads(json.loads((plugin.parent / "given").read_text())[1])["spec"]


def test_plugin_runs_once_without_expiry(plugin):
    source = ExecPlugin(spec(plugin, credential(token="t")))
    assert [source.get(), source.get()] == [bearer("t")] * 2
    assert runs(plugin) == 1


def test_plugin_runs_again_after_expiry(plugin):
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    answer = credential(token="t", expirationTimestamp="2026-01-01T01:00:00Z")
    source = ExecPlugin(spec(plugin, answer), clock=lambda: now[0])
    source.get()
    now[0] += timedelta(minutes=59)
    source.get()
    assert runs(plugin) == 1
    now[0] += timedelta(minutes=1)
    source.get()
    assert runs(plugin) == 2


def test_plugin_runs_again_when_refused(plugin):
    """Once per refused credential, also if several threads were refused with it."""
    source = ExecPlugin(spec(plugin, credential(token="t")))
    used = source.get()
    assert source.renew(used)
    assert source.renew(bearer("older"))
    assert runs(plugin) == 2


def test_plugin_gives_a_certificate(plugin, pki):
    answer = credential(clientCertificateData=pki.alice.read_text(), clientKeyData=pki.alice_key.read_text())
    cert = ExecPlugin(spec(plugin, answer)).get().cert
    assert cert is not None
    assert [Path(path).read_text() for path in cert] == [pki.alice.read_text(), pki.alice_key.read_text()]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("secret",), "is not JSON"),
        (("{}",), "is not an ExecCredential"),
        ((credential(V1BETA1, token="secret"),), f"has apiVersion {V1BETA1}"),
        ((json.dumps({"apiVersion": V1, "kind": "ExecCredential"}),), "has no status"),
        ((credential(clientKeyData="secret"),), "neither a token nor a client certificate"),
        ((credential(token="secret\n1"),), "characters that no token can have"),
        ((credential(token="secret", expirationTimestamp="soon"),), "expirationTimestamp"),
        (("secret", "3"), "failed with exit code 3"),
    ],
)
def test_plugin_that_fails(plugin, args, told):
    """The kubeconfig's field is named, and what the plugin printed is not repeated."""
    with pytest.raises(ConfigError, match=told) as caught:
        ExecPlugin(spec(plugin, *args)).get()
    assert str(caught.value).startswith("f: exec") and "secret" not in str(caught.value)


def test_absent_plugin_tells_how_to_install():
    with pytest.raises(ConfigError, match=r"f: exec\.command: no-such-program not found\nbrew install it"):
        ExecPlugin(spec("no-such-program", install_hint="brew install it")).get()


def test_plugin_that_must_ask(plugin, monkeypatch):
    """interactiveMode Always without a terminal is refused before it runs."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigError, match="there is no terminal"):
        ExecPlugin(spec(plugin, interactive_mode="Always")).get()
    assert not (plugin.parent / "runs").exists()


def test_plugin_that_hangs(plugin, monkeypatch):
    monkeypatch.setattr("clients.kube.auth.EXEC_TIMEOUT", 0.1)
    plugin.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(ConfigError, match=r"did not end within 0\.1 s"):
        ExecPlugin(spec(plugin)).get()
