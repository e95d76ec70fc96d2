"""A store that is told to be ill: what its clients meet, and that it is well afterwards."""

import threading

import pytest
import requests

from local.store import Ill

HERE = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def ill(store):
    yield lambda kind: store.trouble.begin(kind, 1.0, seed=1)
    store.trouble.end()


def body(name="a"):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def names(store):
    found = requests.get(store.url + HERE, timeout=5).json()["items"]
    return [item["metadata"]["name"] for item in found]


def test_an_error_does_nothing(store, ill):
    ill(Ill.ERROR)
    assert requests.post(store.url + HERE, json=body(), timeout=5).status_code == 500
    store.trouble.end()
    assert "a" not in names(store)


def test_a_lost_answer_is_of_something_done(store, ill):
    ill(Ill.LOST)
    with pytest.raises(requests.ConnectionError):
        requests.post(store.url + HERE, json=body(), timeout=5)
    store.trouble.end()
    assert "a" in names(store)


def test_conflicts_meet_writes_only(store, ill):
    requests.post(store.url + HERE, json=body(), timeout=5)
    ill(Ill.CONFLICT)
    answer = requests.put(f"{store.url}{HERE}/a", json=body(), timeout=5)
    assert (answer.status_code, answer.json()["reason"]) == (409, "Conflict")
    assert "a" in names(store)


def test_who_waits_while_it_hangs_gets_no_answer_at_its_end(store, ill):
    ill(Ill.HANG)
    threading.Timer(0.1, store.trouble.end).start()
    with pytest.raises(requests.ConnectionError):
        requests.get(store.url + HERE, timeout=30)


def test_a_cut_ends_every_watch_and_no_later_one(store):
    with requests.get(store.url + HERE, params={"watch": "1"}, stream=True, timeout=30) as answer:
        store.trouble.cut()
        assert b"".join(answer.iter_content(None)) is not None  # it comes to its end
    with requests.get(
        store.url + HERE, params={"watch": "1", "timeoutSeconds": "0"}, stream=True, timeout=30
    ) as answer:
        assert answer.status_code == 200
