"""What the client concludes when Flink, or what stands in its place, misbehaves: never more than it knows."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from clients.flink import (
    Capabilities,
    Checkpoints,
    FlinkClient,
    JobDetails,
    JobSummary,
    NotReachable,
    Operation,
    Rejected,
    TimedOut,
    Unknown,
)
from clients.flink.errors import useful_line

JOB = "a" * 32


def errors(*texts):
    return json.dumps({"errors": texts}).encode()


def run(client, timeout_seconds=5):
    return client.run(
        "x.jar",
        entry_class="X",
        arguments=[],
        parallelism=1,
        job_id=JOB,
        flink_configuration={},
        capabilities=Capabilities.of("2.3.0"),
        timeout_seconds=timeout_seconds,
    )


CALLS = {
    "run": run,
    "stop": lambda client: client.stop(JOB, trigger_id=JOB, target_directory="file:///d"),
    "savepoint": lambda client: client.savepoint(JOB, trigger_id=JOB, target_directory="file:///d"),
    "cancel": lambda client: client.cancel(JOB),
    "job": lambda client: client.job(JOB),
    "operation": lambda client: client.operation(JOB, JOB),
    "delete_jar": lambda client: client.delete_jar("x.jar"),
}
BAD_ANSWERS = {
    "closed without a word": {"drop": True},
    "half an answer": {"body": b'{"jobid": "', "length": 1000},
    "internal error": {"status": 500, "body": errors("Internal server error.", "<Exception on server side:\nboom")},
    "leader election": {"status": 503, "body": errors("Service temporarily unavailable due to leader election")},
    "a proxy's 404": {"status": 404, "body": b"<html>not here</html>"},
    "a gateway's error": {"status": 502, "body": b"bad gateway"},
    "a web page": {"body": b"<html>hello</html>"},
    "not UTF-8": {"body": b'{"jobid": "\xff\xfe'},
    "a redirection": {"status": 302, "body": b"", "location": "/elsewhere"},
    "429 of something else": {"status": 429, "body": b'{"message": "slow down"}'},
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_an_answer_that_is_not_flinks_own_no_is_unknown(client, server, call, answer):
    server.tell(**answer)
    with pytest.raises(Unknown) as caught:
        call(client)
    assert not isinstance(caught.value, NotReachable | TimedOut)
    assert server.url in str(caught.value)
    assert len(server.asked) == 1, "it must not be asked twice"


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_no_answer_in_time_is_unknown(server, call):
    server.tell(hang=True)
    client = FlinkClient(server.url, timeout=(2.0, 0.1))
    with pytest.raises(TimedOut, match="no answer in time"):
        call(client) if call is not run else run(client, timeout_seconds=0.1)
    assert len(server.asked) == 1


def test_run_waits_as_long_as_it_is_told(server):
    """main() runs inside the call; the client's own time-out does not end it."""
    server.tell(hang=True)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(run, FlinkClient(server.url, timeout=(2.0, 0.01)), 30)
        wait([call], timeout=0.1)  # many times the client's own time-out
        server.released.set()
        with pytest.raises(Unknown, match="connection broken"):
            call.result()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_refused_connection_proves_that_nothing_was_sent(call):
    with socket.socket() as bound:  # bound, so that nobody else takes it, and not listening
        bound.bind(("127.0.0.1", 0))
        client = FlinkClient(f"http://127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(NotReachable, match="Connection refused"):
            call(client)


def test_a_name_that_does_not_resolve_proves_that_nothing_was_sent(monkeypatch):
    def unresolved(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    with pytest.raises(NotReachable, match="resolve 'jobmanager-x'"):
        FlinkClient("http://jobmanager-x:8081").overview()


def test_a_time_out_inside_flink_is_unknown_although_flink_answers_400(client, server):
    server.tell(400, errors("x.RestHandlerException: Could not\nCaused by: java.util.concurrent.TimeoutException: ask"))
    with pytest.raises(Unknown):
        run(client)


def test_another_librarys_time_out_in_main_is_rejected(client, server):
    server.tell(400, errors("x.Y: no\nCaused by: org.apache.kafka.common.errors.TimeoutException: no metadata"))
    with pytest.raises(Rejected, match="TimeoutException: no metadata"):
        run(client)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"jid": "x"}', b'"text"', b"3", b"null"])
def test_json_that_is_not_flinks_is_unknown(client, server, body):
    server.tell(200, body)
    with pytest.raises(Unknown):
        client.job(JOB)


def test_an_empty_answer_to_a_trigger_is_a_success(client, server):
    server.tell(202, b"")
    client.stop(JOB, trigger_id=JOB, target_directory=None)


def test_proxies_of_the_environment_are_not_used(client, server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    server.tell(200, b'{"flink-version": "2.3.0"}')
    assert client.config() == {"flink-version": "2.3.0"}


def test_many_threads_share_a_client(client, server):
    for _ in range(40):
        server.tell(200, b'{"status": "RUNNING"}')
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(client.status, [JOB] * 40)) == {"RUNNING"}


def test_ids_cannot_leave_their_place_in_the_path(client, server):
    server.tell(200, b'{"status": "RUNNING"}')
    client.status("../jars?x=")
    assert server.asked[0].path == "/jobs/..%2Fjars%3Fx%3D/status"


@pytest.mark.parametrize(
    ("version", "claim_mode"),
    [
        ("1.17.2", False),
        ("1.19.3", False),
        ("1.20.0", True),
        ("1.20-SNAPSHOT", True),
        ("2.3.0", True),
        ("<unknown>", True),
    ],
)
def test_capabilities(version, claim_mode):
    assert Capabilities.of(version).claim_mode is claim_mode


@pytest.mark.parametrize(
    ("running", "finished", "total", "expected"),
    [(3, 0, 3, True), (2, 1, 3, True), (2, 0, 3, False), (0, 3, 3, False), (0, 0, 0, False)],
)
def test_a_job_runs_when_each_task_runs_or_has_done_its_share(running, finished, total, expected):
    assert JobSummary(JOB, "x", "RUNNING", 0, running, finished, total).all_running is expected
    assert not JobSummary(JOB, "x", "CANCELLING", 0, running, finished, total).all_running


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [(["RUNNING", "FINISHED"], True), (["RUNNING", "INITIALIZING"], False), (["FINISHED"], False), ([], False)],
)
def test_vertices_count_like_tasks(statuses, expected):
    vertices = [{"id": "v", "name": "v", "parallelism": 1, "status": status} for status in statuses]
    answer = {"jid": JOB, "name": "x", "state": "RUNNING", "start-time": 0, "vertices": vertices}
    assert JobDetails.of(answer).all_running is expected


def test_a_checkpoint_that_only_the_jobmanager_holds_has_no_path():
    snapshot = {
        "id": 1,
        "is_savepoint": False,
        "external_path": "<checkpoint-not-externally-addressable>",
        "trigger_timestamp": 1,
        "latest_ack_timestamp": 2,
    }
    counts = {"completed": 1, "failed": 0, "in_progress": 0, "restored": 0}
    answer = {"counts": counts, "latest": {"completed": snapshot}}
    assert Checkpoints.of(answer).latest_completed.external_path is None


@pytest.mark.parametrize(
    ("trace", "line"),
    [
        ("", ""),
        ("plain words", "plain words"),
        ("java.lang.NullPointerException\n\tat a.B.c(B.java:1)", "NullPointerException"),
        ("java.io.IOException: disk full\n\tat a.B.c(B.java:1)", "IOException: disk full"),
        ("a.b.Outer: told\nCaused by: java.lang.NullPointerException\n\t... 2 more", "Outer: told"),
        ("a.Outer: x\nCaused by: b.Middle: y\nCaused by: c.Inner: z: and more", "Inner: z: and more"),
        (
            "a.B: Could not parse value 'x' for key 'parallelism.default'.\nCaused by: c.D: no number",
            "B: Could not parse value 'x' for key 'parallelism.default'. D: no number",
        ),
        ("a.b.CompletionException: c.d.WrappedException: e.f.RealException: why", "RealException: why"),
        ("a.Outer: x\n\tSuppressed: b.Other: y\n\tCaused by: c.Inner: z", "Outer: x"),
        ("Internal server error.\n<Exception on server side:\na.b.Real: why\n\nEnd of exception", "Real: why"),
        ("Internal server error.", "Internal server error."),
        ("a.b.Outer$Inner: why", "Outer$Inner: why"),
    ],
)
def test_the_useful_line(trace, line):
    assert useful_line(trace) == line


GONE = "org.apache.flink.util.FlinkException: no\nCaused by: java.io.FileNotFoundException: Cannot find checkpoint 'x'"


@pytest.mark.parametrize(
    ("status", "operation", "found"),
    [
        ("IN_PROGRESS", None, Operation("IN_PROGRESS")),
        ("COMPLETED", {}, Operation("COMPLETED")),
        (
            "COMPLETED",
            {"failure-cause": {"class": "x", "stack-trace": GONE}},
            Operation("FAILED", failure="FileNotFoundException: Cannot find checkpoint 'x'"),
        ),
    ],
)
def test_a_disposal_has_no_result_but_may_fail(server, client, status, operation, found):
    server.tell(body=b'{"request-id": "r1"}')
    server.tell(body=json.dumps({"status": {"id": status}, "operation": operation}).encode())
    assert client.disposal(client.dispose("file:/sp")) == found
    asked = [(each.method, each.path, each.json) for each in server.asked]
    assert asked == [
        ("POST", "/savepoint-disposal", {"savepoint-path": "file:/sp"}),
        ("GET", "/savepoint-disposal/r1", None),
    ]
