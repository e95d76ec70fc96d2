"""TLS, proxies, time-outs, and that no exception of requests ever escapes."""

import base64
import ssl

import pytest
import requests
import urllib3

from clients.kube import Connection, KubeError, Unreachable, connect
from clients.kube import resources as r
from clients.kube.transport import unreachable


def impatient(open_client, connection, **options):
    return open_client(connection, **{"timeout": (0.3, 0.3), "deadline": 0.0, **options})


# ---- TLS -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def trusting(pki, secure_api, kubeconfig, open_client):
    """Opens a client from a kubeconfig of the TLS server; takes more fields of the cluster and the user."""

    def trusting(user=None, **cluster):
        fields = {"server": secure_api.url, "certificate-authority": str(pki.ca), **cluster}
        return open_client(connect(kubeconfig({key: value for key, value in fields.items() if value}, user)))

    return trusting


def test_authority_file(trusting):
    assert trusting().version() == {}


def test_authority_data_wins(trusting, pki):
    data = base64.b64encode(pki.ca.read_bytes()).decode()
    assert trusting(**{"certificate-authority": str(pki.other_ca), "certificate-authority-data": data}).version() == {}


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_environment_does_not_replace_the_clusters_authority(trusting, pki, monkeypatch, variable):
    """A developer's corporate bundle must not break the cluster's own TLS."""
    monkeypatch.setenv(variable, str(pki.other_ca))
    assert trusting().version() == {}


def test_untrusted_certificate(trusting, pki, slept):
    """Told in words, and at once: it does not go away."""
    with pytest.raises(Unreachable, match=r"https://127.*: its certificate is not trusted: .*self-signed") as caught:
        trusting(**{"certificate-authority": str(pki.other_ca)}).version()
    assert slept == [] and not caught.value.passing


def test_well_known_authorities_do_not_vouch_for_our_server(trusting):
    with pytest.raises(Unreachable, match="its certificate is not trusted"):
        trusting(**{"certificate-authority": None}).version()


def test_insecure(trusting):
    """insecure-skip-tls-verify asks nothing of the certificate, and nags not at each request."""
    assert trusting(**{"certificate-authority": None, "insecure-skip-tls-verify": True}).version() == {}


@pytest.mark.parametrize(("name", "good"), [("kube.test", True), ("other.test", False)])
def test_server_name(trusting, name, good):
    """The certificate is checked against tls-server-name instead of the address."""
    client = trusting(**{"tls-server-name": name})
    if good:
        assert client.version() == {}
    else:
        with pytest.raises(Unreachable, match=r"its certificate is not trusted: .*other\.test"):
            client.version()


@pytest.mark.parametrize("as_data", [False, True])
def test_client_certificate(trusting, secure_api, pki, as_data):
    """As files and as data, the server sees who we are."""

    def given(key, path):
        return {f"{key}-data": base64.b64encode(path.read_bytes()).decode()} if as_data else {key: str(path)}

    user = {**given("client-certificate", pki.alice), **given("client-key", pki.alice_key)}
    trusting(user).version()
    assert secure_api.asked[0].peer == "alice"


def test_netrc_is_left_alone(trusting, secure_api, monkeypatch, tmp_path):
    """A password for the host in ~/.netrc does not replace our token."""
    (tmp_path / "netrc").write_text("default login eve password eve\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    trusting({"token": "ours"}).version()
    assert secure_api.asked[0].headers["Authorization"] == "Bearer ours"


# ---- proxies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
def test_environments_proxy(api, open_client, monkeypatch, variable):
    monkeypatch.setenv(variable, api.url)
    open_client(Connection(server="http://kube.test:8080")).version()
    assert api.asked[0].url == "http://kube.test:8080/version"


def test_no_proxy(api, open_client, monkeypatch):
    """NO_PROXY wins: the name is then looked up here, where it does not exist."""
    monkeypatch.setenv("HTTP_PROXY", api.url)
    monkeypatch.setenv("NO_PROXY", ".test")
    with pytest.raises(Unreachable, match=r"http://kube\.test:8080: its host name is not known"):
        open_client(Connection(server="http://kube.test:8080")).version()
    assert api.asked == []


def test_this_machine_needs_no_proxy(api, client, open_client, monkeypatch, free_port):
    """As kubectl: 127.0.0.0/8 is reached without the environment's proxy."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port}")
    assert open_client(Connection(server=api.url)).version() == {}


def test_kubeconfigs_proxy(api, open_client, kubeconfig, monkeypatch, free_port):
    """proxy-url wins over the environment."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port}")
    cluster = {"server": "http://kube.test:8080", "proxy-url": api.url}
    open_client(connect(kubeconfig(cluster))).version()
    assert api.asked[0].url == "http://kube.test:8080/version"


def test_tls_goes_through_the_proxy_as_a_tunnel(api, open_client, monkeypatch):
    """HTTPS_PROXY gets a CONNECT; a proxy that does not let us through is named as the trouble."""
    monkeypatch.setenv("HTTPS_PROXY", api.url)
    with pytest.raises(Unreachable, match=r"https://kube\.test: the proxy does not let us through: .*501") as caught:
        impatient(open_client, Connection(server="https://kube.test")).version()
    assert not caught.value.sent


def test_absent_proxy(open_client, free_port):
    connection = Connection(server="http://kube.test", proxy=f"http://127.0.0.1:{free_port}")
    with pytest.raises(Unreachable, match="the proxy does not let us through: connection refused"):
        impatient(open_client, connection).version()


# ---- failures ------------------------------------------------------------------------------------------------------


def test_hang(api, open_client, will):
    api.otherwise = will.hang
    with pytest.raises(Unreachable, match=r"no answer within 0\.3 s") as caught:
        impatient(open_client, Connection(server=api.url)).version()
    assert caught.value.sent


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("hang_up", "closed connection without response"),
        ("half", "the answer broke off"),
    ],
)
def test_broken_answers(api, open_client, will, answer, told):
    api.will(will.hang_up if answer == "hang_up" else will.half(b"{"))
    with pytest.raises(Unreachable, match=told):
        impatient(open_client, Connection(server=api.url)).version()


def test_refusal_that_breaks_off(api, open_client, will):
    """Half an error message is no answer either, also on a stream."""

    def answer(handler):
        handler.send_response(500)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.close_connection = True

    api.otherwise = answer
    client = impatient(open_client, Connection(server=api.url))
    with pytest.raises(Unreachable, match="the answer broke off"):
        next(client.logs("x", namespace="ns"))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_wrong_scheme(api, secure_api, open_client, scheme):
    """TLS against a plain server, and the other way round."""
    port = (secure_api if scheme == "http" else api).server_address[1]
    with pytest.raises(KubeError):
        impatient(open_client, Connection(server=f"{scheme}://127.0.0.1:{port}")).version()


FAILURES = [
    kind
    for module in (requests.exceptions, urllib3.exceptions)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, requests.RequestException | urllib3.exceptions.HTTPError)
]


@pytest.mark.parametrize("kind", [*FAILURES, OSError, ssl.SSLError, UnicodeError], ids=lambda kind: kind.__name__)
def test_nothing_escapes(client, monkeypatch, kind):
    """Whatever requests, urllib3 or the layers below raise, callers see Unreachable with some words."""
    error = kind.__new__(kind)

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(requests.Session, "request", fail)
    for write in (client.version, lambda: client.create(r.PODS, {})):
        with pytest.raises(Unreachable, match=r"cannot reach the Kubernetes API at .*: .+"):
            write()


def test_cause_is_not_sought_in_what_was_handled_before():
    """An unknown failure stays unknown though a refused connection was being handled when it came."""
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except ConnectionRefusedError:
            raise requests.ConnectionError("odd")  # noqa: B904
    except requests.ConnectionError as error:
        found = unreachable(error, Connection("http://x"), (1, 2))
    assert found.sent and "odd" in str(found)
