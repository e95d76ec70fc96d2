"""What KubeClient sends again: a request where it can do nothing twice, a refused credential once."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from clients import kube
from clients.kube import KubeError, Unreachable
from clients.kube import client as client_module
from clients.kube import resources as r
from clients.kube.auth import Fixed

WRITES = [
    ("POST", lambda client: client.create(r.PODS, {"metadata": {"name": "x"}})),
    ("PUT", lambda client: client.replace(r.PODS, {"metadata": {"name": "x"}})),
    ("PATCH", lambda client: client.patch(r.PODS, "x", {})),
    ("DELETE", lambda client: client.delete(r.PODS, "x")),
]
writes = pytest.mark.parametrize(("method", "write"), WRITES, ids=[method for method, _ in WRITES])

# ---- what it repeats -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_get_survives_server_errors(client, api, will, slept, code):
    api.will(will.refuse(code, "x"), will.refuse(code, "x"), will.reply({"n": 1}))
    assert client.get(r.PODS, "x") == {"n": 1}
    assert 0.07 <= slept[0] <= 0.13 and 0.14 <= slept[1] <= 0.26


def test_get_survives_half_an_answer_and_a_closed_connection(client, api, will):
    api.will(will.half(b'{"n": '), will.hang_up, will.reply({"n": 1}))
    assert client.get(r.PODS, "x") == {"n": 1}


def test_tries_are_bounded(client, api, will, slept):
    api.otherwise = will.refuse(500, "x", "down")
    with pytest.raises(kube.ServerError, match="down"):
        client.get(r.PODS, "x")
    assert len(api.asked) == 6 and sum(slept) < 5


@writes
def test_write_of_unknown_fate_is_not_repeated(client, api, will, method, write):
    """No answer, half an answer or a 5xx: it may have happened, so it happens no second time."""
    for answer in (will.hang_up, will.half(b"{"), will.refuse(500, "x"), will.refuse(503, "x", Retry_After="1")):
        api.asked.clear()
        api.will(answer)
        with pytest.raises(KubeError) as caught:
            write(client)
        assert [asked.method for asked in api.asked] == [method]
        assert not isinstance(caught.value, Unreachable) or caught.value.sent


@writes
def test_write_on_a_dropped_connection_is_not_repeated(client, api, will, method, write):
    """Also when an earlier failure is just being handled that would have been worth a repeat."""
    try:
        raise ConnectionRefusedError
    except ConnectionRefusedError:
        api.will(will.hang_up)
        with pytest.raises(Unreachable):
            write(client)
    assert len(api.asked) == 1


@writes
def test_overload_is_waited_out_by_everything(client, api, will, slept, method, write):
    """429 means that nothing was done; the server says how long to wait."""
    api.will(will.refuse(429, "TooManyRequests", Retry_After="3"), will.reply({"n": 1}))
    assert write(client) == {"n": 1}
    assert slept == [3.0]


def test_overload_longer_than_the_deadline(client, api, will, slept):
    """Waiting would break the deadline, so the refusal comes at once and says how long."""
    api.will(will.refuse(429, "TooManyRequests", Retry_After="31"))
    with pytest.raises(kube.TooManyRequests) as caught:
        client.get(r.PODS, "x")
    assert caught.value.retry_after == 31.0 and slept == []


@writes
def test_refused_connection_is_tried_again_by_everything(open_client, free_port, slept, method, write):
    """Nothing was sent, so nothing can happen twice."""
    client = open_client(kube.Connection(server=f"http://127.0.0.1:{free_port}"))
    with pytest.raises(Unreachable) as caught:
        write(client)
    assert len(slept) == client_module.REPEATS and not caught.value.sent
    url = f"http://127.0.0.1:{free_port}"
    assert str(caught.value) == f"cannot reach the Kubernetes API at {url}: connection refused"


def test_deadline_ends_the_tries(api, open_client, will, slept):
    api.otherwise = will.refuse(500, "x")
    client = open_client(kube.Connection(server=api.url), deadline=0.0)
    with pytest.raises(kube.ServerError):
        client.get(r.PODS, "x")
    assert len(api.asked) == 1 and slept == []


@pytest.mark.parametrize("text", ["", "soon", "-1", "1e3"])
def test_retry_after_that_is_none(text):
    assert client_module.retry_after({"Retry-After": text}) is None


def test_retry_after_as_a_date():
    assert client_module.retry_after({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}) == 0.0
    soon = client_module.retry_after({"Retry-After": format_datetime(datetime.now(UTC) + timedelta(hours=1))})
    assert soon is not None and 3000 < soon <= 3600


# ---- 401 -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def rotating(secure_api, pki, open_client, kubeconfig, tmp_path):
    """A client whose token is in a file."""
    (tmp_path / "token").write_text("old")
    cluster = {"server": secure_api.url, "certificate-authority": str(pki.ca)}
    return open_client(kube.connect(kubeconfig(cluster, {"tokenFile": "token"})))


def tokens(api):
    return [asked.headers.get("Authorization") for asked in api.asked]


def test_rotated_token_is_used_after_a_refusal(rotating, secure_api, will, tmp_path):
    """A 401 once: the token is read again and the request, also a write, is sent again."""
    rotating.version()
    (tmp_path / "token").write_text("new")
    secure_api.will(will.refuse(401, "Unauthorized"), will.reply({"n": 1}))
    assert rotating.create(r.PODS, {}) == {"n": 1}
    assert tokens(secure_api) == ["Bearer old", "Bearer old", "Bearer new"]


def test_refused_twice(rotating, secure_api, will, tmp_path):
    """A new token that is refused too is the end; the message names cluster and context, not the token."""
    rotating.version()
    (tmp_path / "token").write_text("new")
    secure_api.otherwise = will.refuse(401, "Unauthorized", "Unauthorized")
    with pytest.raises(kube.Unauthorized) as caught:
        rotating.version()
    told = f'the Kubernetes API at {secure_api.url} does not accept the credentials of context "here"'
    assert str(caught.value) == told
    assert tokens(secure_api) == ["Bearer old", "Bearer old", "Bearer new"]


def test_refused_without_another_token(rotating, secure_api, will):
    secure_api.otherwise = will.refuse(401, "Unauthorized")
    with pytest.raises(kube.Unauthorized):
        rotating.version()
    assert len(secure_api.asked) == 1


def test_renewed_credential_gets_one_try(api, open_client, will):
    """A source that always has another credential does not make an endless loop."""

    class Endless(Fixed):
        def renew(self, refused):
            return True

    api.otherwise = will.refuse(401, "Unauthorized")
    with pytest.raises(kube.Unauthorized):
        open_client(kube.Connection(server=api.url, credentials=Endless())).version()
    assert len(api.asked) == 2
