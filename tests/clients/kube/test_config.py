"""connect(): which files are read, how they are merged, and what is said about a broken one."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from clients.kube import ConfigError, config, connect

TLS = {"server": "https://127.0.0.1:6443"}


def document(name: str, server: str, current: str = "") -> str:
    return yaml.safe_dump(
        {
            "current-context": current,
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "contexts": [{"name": name, "context": {"cluster": "c"}}, {"name": "both", "context": {"cluster": "c"}}],
        }
    )


def test_explicit_file(kubeconfig):
    """The file's context gives server, namespace and name; a slash at the end of the server is dropped."""
    found = connect(kubeconfig({"server": "https://127.0.0.1:6443/base/"}))
    assert (found.server, found.namespace, found.context) == ("https://127.0.0.1:6443/base", "flink", "here")
    assert (found.verify, found.server_name, found.proxy) == (True, None, None)


def test_explicit_file_wins_over_environment(kubeconfig, monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "other"))
    (tmp_path / "other").write_text(document("other", "http://127.0.0.1:1", "other"))
    assert connect(kubeconfig(TLS)).context == "here"


def test_home(kubeconfig, monkeypatch, tmp_path):
    """Without a file and without KUBECONFIG it is ~/.kube/config."""
    (tmp_path / "home" / ".kube").mkdir(parents=True)
    kubeconfig(TLS, name="home/.kube/config")
    assert connect().context == "here"


def test_list_is_merged_as_kubectl_does(monkeypatch, tmp_path):
    """The first file that has a name or the current context wins; absent files and empty parts are passed over."""
    (tmp_path / "a").write_text(document("from-a", "http://127.0.0.1:1"))
    (tmp_path / "b").write_text(document("from-b", "http://127.0.0.1:2", "from-b"))
    (tmp_path / "c").write_text(document("from-c", "http://127.0.0.1:3", "from-c"))
    parts = ["", str(tmp_path / "absent"), str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "c")]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(parts))
    assert (connect().context, connect().server) == ("from-b", "http://127.0.0.1:1")
    assert connect(context="from-a").context == "from-a"


def test_relative_paths_start_at_their_own_file(pki, monkeypatch, tmp_path):
    """A merged file's certificate lies beside that file, wherever we stand."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "ca.pem").write_bytes(pki.ca.read_bytes())
    (tmp_path / "sub" / "config").write_text(
        yaml.safe_dump(
            {
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "c"}}],
                "clusters": [{"name": "c", "cluster": {**TLS, "certificate-authority": "ca.pem"}}],
            }
        )
    )
    monkeypatch.chdir(tmp_path)
    assert connect("sub/config").verify == str(tmp_path / "sub" / "ca.pem")


def test_nothing_configured(tmp_path):
    with pytest.raises(ConfigError, match=r"this is not a pod: .*/home/\.kube/config: no such file"):
        connect()


def test_absent_explicit_file(tmp_path):
    with pytest.raises(ConfigError, match=r"/absent: no such file"):
        connect(str(tmp_path / "absent"))


def test_in_a_pod(monkeypatch):
    """Host and port from the environment, CA, token and namespace from the mounted account; IPv6 in brackets."""
    account = config.SERVICE_ACCOUNT
    account.mkdir()
    for name, text in {"ca.crt": "x", "token": " secret\n", "namespace": "team-a\n"}.items():
        (account / name).write_text(text)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    found = connect()
    assert (found.server, found.namespace, found.verify) == (
        "https://[fd00::1]:6443",
        "team-a",
        str(account / "ca.crt"),
    )
    assert found.credentials.get().headers == {"Authorization": "Bearer secret"}


def test_in_a_pod_without_an_account(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with pytest.raises(ConfigError, match="automountServiceAccountToken"):
        connect()


@pytest.mark.parametrize(
    ("cluster", "user", "told"),
    [
        ({}, {}, r'clusters\[c\]\.cluster\.server: "" must be'),
        ({"server": "127.0.0.1:6443"}, {}, r"clusters\[c\]\.cluster\.server"),
        ({"server": "https://127.0.0.1:0x1"}, {}, r"clusters\[c\]\.cluster\.server"),
        ({"server": 6443}, {}, r"clusters\[c\]\.cluster\.server: must be a text"),
        ({**TLS, "insecure-skip-tls-verify": "yes"}, {}, r"insecure-skip-tls-verify: must be true or false"),
        ({**TLS, "certificate-authority": "absent.pem"}, {}, r"certificate-authority: cannot read .*/absent\.pem"),
        ({**TLS, "certificate-authority-data": "%%%"}, {}, r"certificate-authority-data: is not base64"),
        ({**TLS, "certificate-authority-data": "eA=="}, {}, r"certificate-authority-data: holds no PEM certificate"),
        ({**TLS, "proxy-url": "ftp://p"}, {}, r"clusters\[c\]\.cluster\.proxy-url"),
        (TLS, {"client-certificate-data": "eA=="}, r"users\[u\]\.user\.client-key: is missing"),
        (TLS, {"client-key-data": "eA=="}, r"users\[u\]\.user\.client-certificate: is missing"),
        (TLS, {"client-key-data": "eA==", "client-certificate-data": "eA=="}, r"client-certificate-data: no PEM"),
        (TLS, {"token": 5}, r"users\[u\]\.user\.token: must be a text"),
        (TLS, {"token": "two\nlines"}, r"users\[u\]\.user\.token: the token has characters"),
        (TLS, {"auth-provider": {"name": "gcp"}}, r"users\[u\]\.user\.auth-provider: is not supported"),
        (TLS, {"as-groups": ["admins"]}, r"users\[u\]\.user\.as-groups: is not supported"),
        (TLS, {"exec": []}, r"users\[u\]\.user\.exec: must be a mapping"),
        (TLS, {"exec": {"apiVersion": "v1alpha1"}}, r"users\[u\]\.user\.exec\.apiVersion"),
        (TLS, {"exec": {"apiVersion": config.EXEC_API_VERSIONS[0]}}, r"exec\.command: is missing"),
        (TLS, {"exec": {"apiVersion": config.EXEC_API_VERSIONS[0], "command": "x", "args": [1]}}, r"exec\.args"),
    ],
)
def test_wrong_field(kubeconfig, tmp_path, cluster, user, told):
    """The message begins with the file, names the field, and never shows a token."""
    with pytest.raises(ConfigError, match=told) as caught:
        connect(kubeconfig(cluster, user))
    assert str(caught.value).startswith(f"{tmp_path}/config: ")
    assert "lines" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "is not YAML"),
        ("- a", "must be a mapping"),
        ("clusters: 1", r"kubeconfig\.clusters: must be a list"),
        ("clusters: [{cluster: {}}]", r"kubeconfig\.clusters\[0\]\.name: is missing"),
        ("contexts: [{name: a, context: {}}]", "current-context: is not set; there are: a"),
        ("current-context: b\ncontexts: [{name: a, context: {}}]", 'no context "b"; there are: a'),
        ("current-context: a\ncontexts: [{name: a}]", r"contexts\[a\]\.context\.cluster: is missing"),
        ("current-context: a\ncontexts: [{name: a, context: {cluster: x}}]", 'there is no cluster "x"'),
        ("", "has no contexts"),
    ],
)
def test_broken_file(tmp_path, text, told):
    (tmp_path / "config").write_text(text)
    with pytest.raises(ConfigError, match=told) as caught:
        connect(str(tmp_path / "config"))
    assert str(caught.value).startswith(f"{tmp_path}/config: ")


def test_unreadable_file(tmp_path):
    """A directory in a file's place is told, not thrown."""
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        connect(str(tmp_path))


def test_authority_with_insecure_is_refused(kubeconfig, pki):
    """As kubectl does: one of the two is a mistake."""
    with pytest.raises(ConfigError, match="insecure-skip-tls-verify"):
        connect(kubeconfig({**TLS, "certificate-authority": str(pki.ca), "insecure-skip-tls-verify": True}))


def test_encrypted_key_does_not_ask(kubeconfig, pki):
    """An encrypted client key is refused instead of asking on the terminal."""
    with pytest.raises(ConfigError, match=r"client-certificate: no PEM .* not be encrypted"):
        connect(kubeconfig(TLS, {"client-certificate": str(pki.alice), "client-key": str(pki.locked_key)}))


def test_no_secret_without_tls(kubeconfig):
    """As kubectl: over plain http the user's token stays at home."""
    found = connect(kubeconfig({"server": "http://127.0.0.1:8080"}, {"token": "secret"}))
    assert found.credentials.get().headers == {}


def test_well_known_authorities_may_be_replaced(kubeconfig, monkeypatch):
    """A cluster without a CA of its own is checked against the environment's bundle; one with a CA never is."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/corporate.pem")
    assert connect(kubeconfig(TLS)).verify == "/etc/corporate.pem"


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        ({"token": "t"}, {"Authorization": "Bearer t"}),
        ({"username": "a", "password": "b"}, {"Authorization": "Basic YTpi"}),
        ({"token": "t", "as": "bob"}, {"Authorization": "Bearer t", "Impersonate-User": "bob"}),
    ],
)
def test_users(kubeconfig, user, headers):
    assert connect(kubeconfig(TLS, user)).credentials.get().headers == headers


def test_data_lies_in_private_files_that_go_at_exit(kubeconfig, pki):
    """Certificates given as data: readable by us alone, written once, gone when the process ends."""
    user = {
        "client-certificate-data": base64.b64encode(pki.alice.read_bytes()).decode(),
        "client-key-data": base64.b64encode(pki.alice_key.read_bytes()).decode(),
    }
    path = kubeconfig(TLS, user)
    code = (
        "import sys; from clients.kube import connect\n"
        "a, b = connect(sys.argv[1]), connect(sys.argv[1])\n"
        "assert a.credentials.get() == b.credentials.get()\n"
        "import os; cert, key = a.credentials.get().cert\n"
        "print(oct(os.stat(key).st_mode)[-3:], oct(os.stat(os.path.dirname(key)).st_mode)[-3:], cert, key)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True)
    file_mode, directory_mode, certificate, key = done.stdout.split()
    assert (file_mode, directory_mode) == ("600", "700")
    assert not Path(key).exists() and not Path(certificate).parent.exists()
