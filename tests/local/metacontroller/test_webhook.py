"""The webhook against a server that misbehaves: statuses, bodies, 429 and time-outs."""

import datetime
import socket
import threading

import pytest

from local.metacontroller.errors import HookError, TooManyRequests, Unsupported
from local.metacontroller.webhook import COMPOSITE, CUSTOMIZE, DECORATOR, Webhook, decode, retry_after


def make(base, path="/sync", version="v2", answer=COMPOSITE, **webhook):
    hook = {"version": version, "webhook": {"service": {"name": "hooks", "namespace": "ns"}, "path": path, **webhook}}
    return Webhook(hook, answer, lambda name, namespace: base)


def test_posts_sorted_json_and_returns_the_fields_that_are_not_null(hooks):
    hooks.answer("/sync", {"children": [], "status": None, "resyncAfterSeconds": 1.5})
    assert make(hooks.url).call({"b": 1, "a": "ä"}) == {"children": [], "resyncAfterSeconds": 1.5}
    (call,) = hooks.calls("/sync")
    assert call.body == '{"a":"ä","b":1}'.encode()
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["Content-Length"] == str(len(call.body))


@pytest.mark.parametrize("status", [201, 202, 204, 304, 400, 404, 412, 500, 503])
def test_any_status_but_200_is_an_error_that_repeats_the_body(hooks, status):
    hooks.answer("/sync", (status, {}, b"" if status in (204, 304) else b"what went wrong"))
    with pytest.raises(HookError, match=str(status)) as caught:
        make(hooks.url).call({})
    assert status in (204, 304) or "what went wrong" in str(caught.value)


def test_307_keeps_the_post_and_302_becomes_a_get(hooks):
    hooks.answer("/sync", (307, {"Location": "/other"}, b""))
    hooks.answer("/other", {"finalized": True})
    assert make(hooks.url).call({}) == {"finalized": True}
    hooks.answer("/sync", (302, {"Location": "/other"}, b""))
    make(hooks.url).call({})
    assert [call.method for call in hooks.calls("/other")] == ["POST", "GET"]


def test_429_says_when_to_come_again(hooks):
    for header, seconds in (({"Retry-After": "7"}, 7), ({}, 0), ({"Retry-After": "soon"}, 0)):
        hooks.answer("/sync", (429, header, b"{}"))
        with pytest.raises(TooManyRequests) as caught:
            make(hooks.url).call({})
        assert caught.value.after == seconds


def test_retry_after_may_be_a_date():
    now = datetime.datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=datetime.UTC)
    assert retry_after("Thu, 01 Jan 2026 12:00:09 GMT", now) == 9
    assert retry_after("Thu, 01 Jan 2026 11:59:00 GMT", now) == -60
    assert retry_after(None, now) == 0


def test_a_hook_that_hangs_is_an_error(hooks):
    release = threading.Event()
    hooks.answer("/sync", lambda request: release.wait(30) and {})
    with pytest.raises(HookError, match="http error"):
        make(hooks.url, timeout="100ms").call({})
    release.set()


def test_a_body_that_trickles_in_does_not_extend_the_time_out(hooks):
    release = threading.Event()

    def trickle():
        while not release.wait(0.02):
            yield b" "

    hooks.answer("/sync", lambda request: (200, {"Content-Length": "1000000"}, trickle()))
    with pytest.raises(HookError, match="no complete answer"):
        make(hooks.url, timeout="200ms").call({})
    release.set()


def test_half_an_answer_is_an_error(hooks):
    hooks.answer("/sync", (200, {"Content-Length": "100"}, b'{"children": []}'))
    with pytest.raises(HookError, match="http error"):
        make(hooks.url).call({})


def test_a_refused_connection_is_an_error():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(HookError, match="http error"):
            make(f"http://127.0.0.1:{unused.getsockname()[1]}").call({})


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("body", ["null", "{}", '{"children": null}', '{"children": [], "status": null}'])
def test_empty_answers_are_good_answers(body, strict):
    assert not decode(body.encode(), COMPOSITE, strict=strict).get("children")


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "[]",
        "5",
        '{"children": []',
        '{"status": []}',
        '{"status": "x"}',
        '{"children": {}}',
        '{"children": [5]}',
        '{"children": [{"apiVersion": "v1", "metadata": {"name": "x"}}]}',
        '{"resyncAfterSeconds": "5"}',
        '{"resyncAfterSeconds": true}',
        '{"resyncAfterSeconds": NaN}',
        '{"finalized": 1}',
    ],
)
def test_wrong_types_are_errors_in_both_modes(body, strict):
    with pytest.raises(HookError):
        decode(body.encode(), COMPOSITE, strict=strict)


def test_a_null_child_is_told_for_what_it_is():
    with pytest.raises(HookError, match="would crash Metacontroller"):
        decode(b'{"children": [null]}', COMPOSITE, strict=False)


@pytest.mark.parametrize("body", ['{"error": "boom"}', '{"Children": []}', '{"children": [], "children": []}'])
def test_unknown_and_duplicate_fields_fail_only_where_strict(body):
    assert not decode(body.encode(), COMPOSITE, strict=False).get("children")
    with pytest.raises(HookError, match="strict"):
        decode(body.encode(), COMPOSITE, strict=True)


def test_strictness_ends_at_the_top():
    body = b'{"children": [{"kind": "A", "odd": 1, "odd": 2}], "status": {"odd": 1, "odd": 2}}'
    assert decode(body, COMPOSITE, strict=True)["status"] == {"odd": 2}


def test_decorator_answers_know_labels_and_no_children():
    answer = decode(b'{"labels": {"a": "1", "b": null}, "attachments": []}', DECORATOR, strict=True)
    assert answer["labels"] == {"a": "1", "b": None}
    for body in (b'{"labels": {"a": 1}}', b'{"children": []}'):
        with pytest.raises(HookError):
            decode(body, DECORATOR, strict=True)


def test_customize_answers_are_an_object_with_rules():
    rule = b'{"relatedResources": [{"apiVersion": "v1", "resource": "secrets"}]}'
    assert len(decode(rule, CUSTOMIZE, strict=True)["relatedResources"]) == 1
    with pytest.raises(HookError):
        decode(b'[{"apiVersion": "v1", "resource": "secrets"}]', CUSTOMIZE, strict=False)


def test_v2_is_strict_and_v1_loose_unless_the_webhook_says_otherwise(hooks):
    hooks.answer("/sync", {"error": "boom"})
    make(hooks.url, version="v1").call({})
    make(hooks.url, version="v2", responseUnMarshallMode="loose").call({})
    for hook in (make(hooks.url, version="v2"), make(hooks.url, version="v1", responseUnMarshallMode="strict")):
        with pytest.raises(HookError):
            hook.call({})


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("1m30s", 90), ("250ms", 0.25), (None, 10), ("0s", 10), ("-5s", 10)]
)
def test_timeout_is_a_duration_as_go_writes_it(text, seconds):
    assert make("http://x", timeout=text).timeout == pytest.approx(seconds)


@pytest.mark.parametrize(
    "setting", [{"etag": {"enabled": True}}, {"caBundle": {"inline": "x"}}, {"basicAuth": {"a": 1}}]
)
def test_settings_that_are_not_imitated_are_refused(setting):
    with pytest.raises(Unsupported):
        make("http://x", **setting)


def test_a_url_wins_over_the_service():
    assert make("http://x/", path="/sync").url == "http://x/sync"
    assert make("http://x", url="http://y/z").url == "http://y/z"
    with pytest.raises(Unsupported):
        Webhook({"webhook": {"path": "/sync"}}, COMPOSITE, lambda name, namespace: "")
