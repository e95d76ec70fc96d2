"""watch(): list, changes, resume, relist, back-off, and the end."""

import threading
from importlib import import_module

import pytest

from clients import kube
from clients.kube import Changed, Connection, Listed, watch
from clients.kube import resources as r

EXPIRED = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}


def listing(version, *names):
    return {"metadata": {"resourceVersion": str(version)}, "items": [{"metadata": {"name": name}} for name in names]}


def event(kind, version, name="a"):
    return {"type": kind, "object": {"metadata": {"name": name, "resourceVersion": str(version)}}}


def error(status):
    return {"type": "ERROR", "object": status}


def names(found):
    """[["a"], "ADDED b"] for a Listed of a and a Changed of b."""
    return [
        [item["metadata"]["name"] for item in one.items]
        if isinstance(one, Listed)
        else f"{one.type} {one.object['metadata']['name']}"
        for one in found
    ]


@pytest.fixture
def stop():
    return threading.Event()


@pytest.fixture
def waits():
    """The back-off steps taken, none of which takes time."""
    return []


@pytest.fixture
def watching(api, client, stop, waits, will):
    """Starts a watch; the server's last word, after the queued answers, is an open watch without events."""
    api.otherwise = will.stream(end="hold")
    started = []

    def backoff(failures):
        waits.append(failures)
        return 0.0

    def watching(resource=r.PODS, of=client, **options):
        started.append(watch(of, resource, stop=stop, backoff=backoff, **options))
        return started[-1]

    yield watching
    for one in started:
        one.close()


def take(found, count):
    return names(next(found) for _ in range(count))


def versions(api):
    """What each request asked for: "list" or the version watched from."""
    return [asked.query["resourceVersion"] if "watch" in asked.query else "list" for asked in api.asked]


def test_list_then_changes(api, watching, will):
    """First everything, then each change; the watch begins at the list's version and asks for bookmarks and an end."""
    api.will(will.reply(listing(5, "a")))
    api.will(will.stream(event("ADDED", 6, "b"), event("MODIFIED", 7, "b"), event("DELETED", 8, "a"), end="hold"))
    found = watching(namespace="ns", name="a", label_selector="x=y", window=100)
    first = next(found)
    assert first == Listed(({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}},))
    assert next(found) == Changed("ADDED", event("ADDED", 6, "b")["object"])
    assert take(found, 2) == ["MODIFIED b", "DELETED a"]
    lists, watches = api.asked
    selectors = {"labelSelector": "x=y", "fieldSelector": "metadata.name=a"}
    assert lists.query == {**selectors, "limit": "500"}
    assert 80 <= int(watches.query.pop("timeoutSeconds")) <= 100
    assert watches.query == {**selectors, "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "5"}
    assert lists.path == watches.path == "/api/v1/namespaces/ns/pods"


def test_all_namespaces(api, watching, will):
    api.will(will.reply(listing(5)))
    next(watching(r.FLINK_JOBS))
    assert api.asked[0].path == "/apis/nextbreakpoint.com/v1/flinkjobs"


def test_resumes_after_a_close_from_the_last_bookmark(api, watching, will):
    """No new list: nothing is missed or told twice, and bookmarks are not shown."""
    api.will(will.reply(listing(5)))
    api.will(will.stream(event("ADDED", 6, "b"), event("BOOKMARK", 9), end="clean"))
    api.will(will.stream(event("ADDED", 10, "c"), end="hold"))
    assert take(watching(), 3) == [[], "ADDED b", "ADDED c"]
    assert versions(api) == ["list", "5", "9"]


@pytest.mark.parametrize("chunked", [True, False])
def test_resumes_after_a_cut(api, watching, will, chunked):
    """A connection that breaks off in the middle of an event: the whole event comes again."""
    api.will(will.reply(listing(5)), will.stream(event("ADDED", 6, "b"), end="cut", chunked=chunked))
    api.will(will.stream(event("ADDED", 7, "c"), end="hold"))
    assert take(watching(), 3) == [[], "ADDED b", "ADDED c"]
    assert versions(api) == ["list", "5", "6"]


def test_event_cut_in_the_middle(api, watching, will):
    def cut(handler):
        will.stream(event("ADDED", 6, "b"), end="hold-not")(handler)
        handler.wfile.write(b'10\r\n{"type": "ADDED"')
        handler.close_connection = True

    api.will(will.reply(listing(5)), cut, will.stream(event("ADDED", 7, "c"), end="hold"))
    assert take(watching(), 3) == [[], "ADDED b", "ADDED c"]
    assert versions(api) == ["list", "5", "6"]


@pytest.mark.parametrize("how", ["status", "event", "rubbish", "not an event"])
def test_lists_again_when_history_is_lost(api, watching, will, how):
    """410 as a status or as an event, and events nobody can read: everything again, from there on."""
    lost = {
        "status": will.reply(EXPIRED, 410),
        "event": will.stream(error(EXPIRED)),
        "rubbish": will.stream(b"<html>"),
        "not an event": will.stream(["x"]),
    }
    api.will(will.reply(listing(5, "a")), lost[how])
    api.will(will.reply(listing(20, "b")), will.stream(event("ADDED", 21, "c"), end="hold"))
    assert take(watching(), 3) == [["a"], ["b"], "ADDED c"]
    assert versions(api) == ["list", "5", "list", "20"]


@pytest.mark.parametrize("as_event", [False, True])
def test_history_that_is_always_lost_is_no_busy_loop(api, watching, waits, will, as_event):
    """Each failure in a row waits longer than the one before."""
    for _ in range(4):
        api.will(will.reply(listing(5)), will.stream(error(EXPIRED)) if as_event else will.reply(EXPIRED, 410))
    api.will(will.reply(listing(5)), will.stream(event("ADDED", 6), end="hold"))
    assert take(watching(), 6) == [[], [], [], [], [], "ADDED a"]
    assert waits == [0, 1, 2, 3]


def test_survives_a_server_that_is_away(api, watching, waits, will):
    """Unanswered lists, errors and closed connections: it goes on, with back-off, and then from where it was."""
    api.will(will.hang_up, will.reply(listing(5)), will.refuse(500, "x"), will.hang_up)
    api.will(will.stream(event("ADDED", 6, "b"), end="hold"))
    assert take(watching(), 2) == [[], "ADDED b"]
    assert versions(api) == ["list", "list", "5", "5", "5"]
    assert waits == [0, 1, 2]


def test_a_silence_is_told_and_its_end(api, watching, will):
    """Not a connection that ends, which comes back at once; each failure after that, and the first answer."""
    heard = []
    api.will(will.reply(listing(5)), will.hang_up, will.hang_up, will.refuse(500, "x"))
    api.will(will.stream(event("ADDED", 6, "b"), end="clean"), will.hang_up)
    api.will(will.stream(event("ADDED", 7, "c"), end="hold"))
    assert take(watching(hear=heard.append), 3) == [[], "ADDED b", "ADDED c"]
    assert [type(error) for error in heard] == [kube.Unreachable, kube.ServerError, type(None)]


def test_who_hears_of_a_silence_may_end_the_watch(api, watching, will):
    def hear(trouble):
        raise ZeroDivisionError

    api.will(will.hang_up, will.hang_up)
    with pytest.raises(ZeroDivisionError):
        next(watching(hear=hear))


def test_server_that_comes_back(api, client, watching, waits, free_port, will, monkeypatch):
    """Nobody listens at first; the caller notices nothing but the time."""
    there = client.connection.server
    moved = Connection(server=f"http://127.0.0.1:{free_port}")
    monkeypatch.setattr(client._transport, "_connection", moved)

    def backoff(failures):
        waits.append(failures)
        if failures == 3:
            monkeypatch.setattr(client._transport, "_connection", Connection(server=there))
        return 0.0

    api.will(will.reply(listing(5, "a")))
    found = watch(client, r.PODS, stop=threading.Event(), backoff=backoff)
    assert take(found, 1) == [["a"]]
    found.close()
    assert waits[:4] == [0, 1, 2, 3]


def test_server_that_asks_for_patience(api, client, watching, will, monkeypatch):
    """Retry-After is the least that it waits."""
    asked = []
    monkeypatch.setattr(
        import_module("clients.kube.watch")._Reader, "wait", lambda reader, failures, asks: asked.append(asks)
    )
    api.will(will.refuse(429, "TooManyRequests", Retry_After="7"), will.reply(listing(5)))
    assert take(watching(), 1) == [[]]
    assert asked[0] == 7.0


def test_version_that_never_works_is_given_up(api, watching, will):
    """After some failures in a row the version itself is suspect (a restored etcd): list again."""
    api.will(will.reply(listing(5, "a")))
    api.will(*[will.refuse(504, "Timeout", "Too large resource version")] * 5)
    api.will(will.reply(listing(3, "b")), will.stream(event("ADDED", 4, "c"), end="hold"))
    assert take(watching(), 3) == [["a"], ["b"], "ADDED c"]


@pytest.mark.parametrize(("code", "kind"), [(401, kube.Unauthorized), (403, kube.Forbidden), (404, kube.NotFound)])
@pytest.mark.parametrize("where", ["list", "watch", "event"])
def test_raises_what_does_not_pass(api, watching, will, code, kind, where):
    """Rights and kinds do not come back by waiting."""
    if where == "list":
        api.will(will.refuse(code, kind.__name__))
    else:
        status = {"kind": "Status", "code": code, "reason": kind.__name__, "message": "no"}
        api.will(will.reply(listing(5)))
        api.will(will.stream(error(status)) if where == "event" else will.reply(status, code))
    found = watching()
    with pytest.raises(kind):
        take(found, 2)


@pytest.mark.parametrize("hanging", ["list", "watch", "idle"])
@pytest.mark.parametrize("tls", [False, True])
def test_stop_ends_an_idle_watch(api, secure_api, pki, open_client, stop, will, hanging, tls):
    """Whatever the server is (not) doing; the reading thread of an open watch ends too."""
    server = secure_api if tls else api
    client = open_client(Connection(server=server.url, verify=str(pki.ca)))
    server.will(*([] if hanging == "list" else [will.reply(listing(5, "a"))]))
    server.otherwise = will.stream(event("ADDED", 6, "b"), end="hold") if hanging == "idle" else will.hang
    seen = []
    reached = threading.Event()

    def consume():
        for found in watch(client, r.LEASES, stop=stop):
            seen.append(found)
            if len(seen) == expected:
                reached.set()

    expected = {"list": 0, "watch": 1, "idle": 2}[hanging]
    consumer = threading.Thread(target=consume)
    consumer.start()
    if expected:
        assert reached.wait(10)
    readers = [thread for thread in threading.enumerate() if thread.name == "watch-leases" and thread.is_alive()]
    stop.set()
    consumer.join(10)
    assert not consumer.is_alive() and len(seen) == expected
    if hanging == "idle":
        for reader in readers:
            reader.join(10)
        assert not any(reader.is_alive() for reader in readers)


def test_stop_before_the_start(client, api, stop):
    stop.set()
    assert list(watch(client, r.PODS, stop=stop)) == []


def test_caller_that_stops_reading(api, watching, will):
    """A closed generator takes its thread along, also when the thread has more to tell than anyone took."""
    api.will(will.reply(listing(5)))
    api.will(will.stream(*[event("ADDED", 6 + n) for n in range(3000)], end="hold"))
    found = watching(r.SECRETS)
    next(found)
    readers = [thread for thread in threading.enumerate() if thread.name == "watch-secrets" and thread.is_alive()]
    found.close()
    for reader in readers:
        reader.join(10)
    assert readers and not any(reader.is_alive() for reader in readers)
