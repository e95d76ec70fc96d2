"""Lists and watches: selectors, resuming, bookmarks, lost history, the end."""

import socket
import threading

import pytest
import requests

from local.store import Store, watching

from .conftest import LAMPS, PODS, Http, lamp, pod


def names(http: Http, path: str = LAMPS, **query: str) -> list[str]:
    return [item["metadata"]["name"] for item in http.ok("GET", path, **query)["items"]]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("", ["a", "b", "c"]),
        ("x=1", ["a"]),
        ("x==1", ["a"]),
        ("x!=1", ["b", "c"]),
        ("x in (1,2)", ["a", "b"]),
        ("x notin (1, 2)", ["c"]),
        ("x", ["a", "b"]),
        ("!x", ["c"]),
        ("x,x!=1", ["b"]),
        ("x in (1, 2),y", ["b"]),
    ],
)
def test_label_selectors(http: Http, selector: str, found: list[str]) -> None:
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "2", "y": ""}), ("c", {})):
        http.ok("POST", LAMPS, lamp(name, labels=labels))
    assert names(http, labelSelector=selector) == found


def test_field_selectors(http: Http) -> None:
    for name in ("p", "q"):
        http.ok("POST", PODS, pod(name))
    http.patch(f"{PODS}/q/status", {"status": {"phase": "Running"}})
    assert names(http, PODS, fieldSelector="metadata.name=p") == ["p"]
    assert names(http, PODS, fieldSelector="status.phase!=Pending") == ["q"]
    assert names(http, PODS, fieldSelector="status.phase=Pending,metadata.name=q") == []


def test_a_list_is_of_one_namespace_or_of_all_and_names_kinds_as_an_api_server_does(http: Http) -> None:
    http.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
    http.ok("POST", LAMPS, lamp())
    http.ok("POST", LAMPS.replace("default", "other"), lamp("b"))
    assert names(http) == ["a"] and names(http, "/apis/test.example.com/v1/lamps") == ["a", "b"]
    lamps, spaces = http.ok("GET", LAMPS), http.ok("GET", "/api/v1/namespaces")
    assert lamps["kind"] == "LampList" and lamps["items"][0]["kind"] == "Lamp"
    assert spaces["kind"] == "NamespaceList" and "kind" not in spaces["items"][0]


def test_a_watch_goes_on_where_the_list_ended(http: Http) -> None:
    http.ok("POST", LAMPS, lamp())
    version = http.ok("GET", LAMPS)["metadata"]["resourceVersion"]
    http.patch(f"{LAMPS}/a", {"spec": {"bulbs": 2}})
    watcher = http.watch(LAMPS, resourceVersion=version)
    watcher.wait(1)
    http.ok("POST", LAMPS, lamp("b"))
    http.ok("DELETE", f"{LAMPS}/a")
    assert watcher.wait(3) == [("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in watcher.events]
    assert versions == sorted(set(versions)) and versions[0] > int(version)
    assert {event["object"]["kind"] for event in watcher.events} == {"Lamp"}


def test_a_watch_without_version_begins_with_what_is_there(http: Http) -> None:
    http.ok("POST", LAMPS, lamp())
    watcher = http.watch(LAMPS)
    watcher.wait(1)
    http.ok("POST", LAMPS, lamp("b"))
    assert watcher.wait(2) == [("ADDED", "a"), ("ADDED", "b")]


def test_an_object_that_stops_matching_is_gone_for_the_watcher(http: Http) -> None:
    watcher = http.watch(LAMPS, labelSelector="on=yes")
    http.ok("POST", LAMPS, lamp())
    for on in ("yes", "yes", "no"):
        http.patch(f"{LAMPS}/a", {"metadata": {"labels": {"on": on}, "annotations": {"turn": on}}})
    http.ok("POST", LAMPS, lamp("b", labels={"on": "yes"}))
    assert watcher.wait(3) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "b")]
    left = watcher.events[1]["object"]["metadata"]
    assert (
        left["labels"] == {"on": "yes"}
        and left["resourceVersion"] != watcher.events[0]["object"]["metadata"]["resourceVersion"]
    )


def test_one_object_is_watched_by_name(http: Http) -> None:
    watcher = http.watch(LAMPS, fieldSelector="metadata.name=b")
    for name in ("a", "b"):
        http.ok("POST", LAMPS, lamp(name))
    assert watcher.wait(1) == [("ADDED", "b")]


def test_a_watch_that_lost_its_history_is_told_so_and_ends(http: Http) -> None:
    first = http.ok("POST", LAMPS, lamp())["metadata"]["resourceVersion"]
    for turn in range(150):  # the fixture's store remembers 50 changes, and cuts at 100
        http.patch(f"{LAMPS}/a", {"spec": {"bulbs": turn % 9}})
    watcher = http.watch(LAMPS, resourceVersion=first)
    watcher.wait_end()
    (only,) = watcher.events
    assert (only["type"], only["object"]["code"], only["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_a_version_that_the_store_never_had_is_lost_history_too(http: Http) -> None:
    watcher = http.watch(LAMPS, resourceVersion=100000)
    watcher.wait_end()
    assert watcher.events[0]["object"]["code"] == 410


def test_a_watch_ends_at_its_time_with_a_bookmark(http: Http) -> None:
    version = http.ok("GET", LAMPS)["metadata"]["resourceVersion"]
    http.ok("POST", PODS, pod())
    watcher = http.watch(LAMPS, resourceVersion=version, timeoutSeconds=1, allowWatchBookmarks="true")
    watcher.wait_end()
    (only,) = watcher.events
    assert only["type"] == "BOOKMARK" and int(only["object"]["metadata"]["resourceVersion"]) > int(version)
    assert only["object"]["kind"] == "Lamp"


def test_bookmarks_come_only_to_those_who_ask(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "BOOKMARK_AFTER", 0.0)
    version = http.ok("GET", LAMPS)["metadata"]["resourceVersion"]
    asking = http.watch(LAMPS, resourceVersion=version, allowWatchBookmarks="true")
    silent = http.watch(LAMPS, resourceVersion=version)
    http.ok("POST", PODS, pod())
    assert asking.wait(1) == [("BOOKMARK", "")]
    http.ok("POST", LAMPS, lamp())
    assert silent.wait(1) == [("ADDED", "a")]


def test_initial_events_by_watch_list_are_refused_so_that_clients_list(http: Http) -> None:
    code, status = http.call("GET", LAMPS, watch="1", sendInitialEvents="true")
    assert code == 422 and "sendInitialEvents" in status["message"]


def test_a_watch_ends_when_the_store_does(http: Http, store: Store) -> None:
    watcher = http.watch(LAMPS)
    http.ok("POST", LAMPS, lamp())
    watcher.wait(1)
    store.close()
    watcher.wait_end()
    with pytest.raises(requests.ConnectionError):
        http.call("GET", LAMPS)


def test_a_watch_ends_when_its_client_goes_away(http: Http, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_AROUND", 0.05)
    before = set(threading.enumerate())
    host, _, port = store.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(f"GET {LAMPS}?watch=1 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        (serving,) = set(threading.enumerate()) - before
    serving.join(20)
    assert not serving.is_alive()
