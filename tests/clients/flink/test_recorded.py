"""What the client makes of real answers of eight Flinks, 1.17 to 2.3, and what it asks for them.

A recorded request is one that this version took: below 1.20 it refuses fields that it does not know.
"""

import pytest

from clients.flink import (
    Capabilities,
    Checkpoints,
    Duplicate,
    JobSummary,
    NotFound,
    Operation,
    Overview,
    Rejected,
    Unknown,
)

UNKNOWN_JOB = "f" * 32


def run(client, flink, label, **changes):
    """Runs with what the recorded request held, and with the changes."""
    exchange = flink.play(label)[0]
    asked = exchange["request"]
    arguments = {
        "entry_class": asked.get("entryClass"),
        "arguments": asked["programArgsList"],
        "parallelism": asked.get("parallelism"),
        "job_id": asked["jobId"],
        "savepoint_path": asked.get("savepointPath"),
        "flink_configuration": asked["flinkConfiguration"],
        "capabilities": Capabilities.of(flink.version),
        "timeout_seconds": 5,
    }
    jar_id = exchange["path"].split("/")[2]
    return client.run(jar_id, **{**arguments, **changes})


def test_config_tells_the_version(client, flink):
    flink.play("config")
    assert client.config()["flink-version"] == flink.version


def test_overview(client, flink):
    flink.play("overview")
    assert client.overview() == Overview(flink.version, 1, 4, 4, 0, 0, 0, 0)


def test_jobmanager_config_is_a_mapping(client, flink):
    flink.play("jobmanager_config")
    assert client.jobmanager_config()["state.checkpoints.dir"] == "file:///data/cp"


def test_task_managers(client, flink):
    flink.play("taskmanagers")
    (found,) = client.taskmanagers()
    assert (found.slots, found.free_slots) == (4, 4)
    assert found.path.endswith("/user/rpc/taskmanager_0")
    assert found.id.startswith("127.0.31.")


def test_upload_sends_one_file_and_returns_the_id(client, flink, server, tmp_path):
    (recorded,) = flink.play("upload")
    jar = tmp_path / "local.jar"
    jar.write_bytes(b"PK jar")
    assert client.upload(jar, "wordcount.jar") == recorded["body"]["filename"].rpartition("/")[2]
    assert b'name="jarfile"; filename="wordcount.jar"' in server.asked[0].body
    assert b"PK jar" in server.asked[0].body


def test_jars(client, flink):
    flink.play("jars")
    (jar,) = client.jars()
    assert jar.id.endswith("_wordcount.jar")
    assert jar.name == "wordcount.jar"
    assert jar.uploaded > 1_700_000_000_000


def test_a_jar_that_is_gone_counts_as_deleted(client, flink, server):
    for label in ("delete jar", "delete jar again"):
        (recorded,) = flink.play(label)
        client.delete_jar(recorded["path"].removeprefix("/jars/"))
        assert (server.asked[-1].method, server.asked[-1].path) == ("DELETE", recorded["path"])


def test_run_returns_the_job_id(client, flink, server):
    recorded = flink.exchanges["run"][0]
    assert run(client, flink, "run") == recorded["request"]["jobId"]
    assert server.asked[0].json == recorded["request"]
    assert not {"savepointPath", "claimMode", "restoreMode"} & set(server.asked[0].json)


def test_a_restore_asks_as_the_version_knows_it(client, flink, server):
    """The claim mode has another name below 1.20."""
    recorded = flink.exchanges["run restored"][0]["request"]
    assert run(client, flink, "run restored") == recorded["jobId"]
    assert server.asked[0].json == recorded
    run(client, flink, "run restored", claim_mode="CLAIM", allow_non_restored_state=True)
    (name,) = {"claimMode", "restoreMode"} & set(recorded)
    assert server.asked[1].json == {**recorded, name: "CLAIM", "allowNonRestoredState": True}


def test_run_leaves_out_what_is_not_given(client, flink, server):
    run(client, flink, "run", entry_class=None, parallelism=None)
    assert set(server.asked[0].json) == {"jobId", "programArgsList", "flinkConfiguration"}


@pytest.mark.parametrize("label", ["run duplicate", "run duplicate finished"])
def test_a_known_job_id_is_a_duplicate(client, flink, label):
    with pytest.raises(Duplicate, match="has already been submitted") as caught:
        run(client, flink, label)
    assert caught.value.status == 400


def test_an_unknown_jar_is_not_found_although_flink_answers_500(client, flink):
    with pytest.raises(NotFound, match=r"Jar file /data/\S+/nope.jar does not exist") as caught:
        run(client, flink, "run missing jar")
    assert caught.value.status == 500


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("run bad class", "ClassNotFoundException: Nope"),
        (
            "run class without main",
            "ProgramInvocationException: The given program class does not have a main(String[]) method.",
        ),
        ("run main throws", "IllegalStateException: main was asked to fail"),
        (
            "run bad savepoint",
            "FileNotFoundException: Cannot find checkpoint or savepoint file/directory 'file:///nope/sp'"
            " on file system 'file'.",
        ),
        ("run malformed job id", 'NumberFormatException: For input string: "xy" under radix 16'),
    ],
)
def test_a_definite_no_is_rejected_with_its_deepest_cause(client, flink, label, text):
    with pytest.raises(Rejected) as caught:
        run(client, flink, label)
    assert caught.value.text == str(caught.value) == text
    assert type(caught.value) is Rejected


def plan(client, flink, label):
    (exchange,) = flink.play(label)
    asked = exchange["request"]
    return client.plan(
        exchange["path"].split("/")[2],
        entry_class=asked["entryClass"],
        arguments=asked["programArgsList"],
        parallelism=asked["parallelism"],
        flink_configuration=asked["flinkConfiguration"],
        timeout_seconds=5,
    )


def test_plan_tells_the_jobs_name(client, flink, server):
    assert plan(client, flink, "plan") == "wordcount"
    assert server.asked[0].json == flink.exchanges["plan"][0]["request"]


@pytest.mark.parametrize(
    ("label", "kind", "text"),
    [
        ("plan main throws", Rejected, "IllegalStateException: main was asked to fail"),
        (
            "plan no such class",
            Rejected,
            "ProgramInvocationException: The program's entry point class 'com.example.Absent'"
            " was not found in the jar file.",
        ),
        (
            "plan no such jar",
            NotFound,
            "RestHandlerException: Jar file /data/up/flink-web-upload/absent.jar does not exist",
        ),
    ],
)
def test_what_cannot_be_planned(client, flink, label, kind, text):
    with pytest.raises(Rejected) as caught:
        plan(client, flink, label)
    assert (type(caught.value), caught.value.text) == (kind, text)


def test_jobs(client, flink):
    flink.play("jobs")
    failed, running = sorted(client.jobs(), key=lambda job: job.status)  # Flink lists them in no order
    assert isinstance(running, JobSummary)
    assert (running.name, running.status, running.all_running) == ("wordcount", "RUNNING", True)
    assert (running.tasks_running, running.tasks_finished, running.tasks_total) == (3, 0, 3)
    assert (failed.status, failed.all_running) == ("FAILED", False)


def test_job(client, flink):
    flink.play("job")
    job = client.job(flink.job_id("job"))
    assert (job.id, job.name, job.status) == (flink.job_id("job"), "wordcount", "RUNNING")
    assert [(vertex.name, vertex.parallelism, vertex.status) for vertex in job.vertices] == [
        ("Source: numbers -> words", 1, "RUNNING"),
        ("count", 1, "RUNNING"),
        ("report", 1, "RUNNING"),
    ]
    assert job.start_time > 1_700_000_000_000
    assert job.all_running


def test_a_job_without_slots_does_not_run_whatever_its_status_says(client, flink):
    flink.play("job without slots")
    job = client.job(flink.job_id("job without slots"))
    assert job.status == "RUNNING"
    assert not job.all_running


def test_status(client, flink):
    flink.play("status")
    assert client.status(flink.job_id("status")) == "RUNNING"


@pytest.mark.parametrize(
    ("label", "ask"),
    [
        ("job unknown", "job"),
        ("checkpoints unknown", "checkpoints"),
        ("checkpointing_config unknown", "checkpointing_config"),
        ("exceptions unknown", "exceptions"),
    ],
)
def test_an_unknown_job_is_not_found(client, flink, label, ask):
    flink.play(label)
    with pytest.raises(NotFound, match="Could not find Flink job"):
        getattr(client, ask)(UNKNOWN_JOB)


def test_a_malformed_job_id_is_rejected_and_not_taken_for_a_job_that_is_gone(client, flink):
    flink.play("job malformed")
    with pytest.raises(Rejected) as caught:
        client.job("xyz")
    assert type(caught.value) is Rejected


def test_a_path_that_flink_does_not_serve_is_unknown(client, flink):
    """Otherwise a wrong address would make every job look gone."""
    flink.play("unknown path")
    with pytest.raises(Unknown, match="Unable to load requested file"):
        client.get("/nothing/here")


def test_checkpoints_of_a_running_job(client, flink):
    flink.play("checkpoints")
    job_id = flink.job_id("checkpoints")
    found = client.checkpoints(job_id)
    newest = found.latest_completed
    assert found.completed >= 2
    assert newest.external_path == f"file:/data/cp/{job_id}/chk-{newest.id}"
    assert not newest.is_savepoint
    assert newest.trigger_timestamp <= newest.completed_timestamp
    assert found.latest_savepoint is None
    assert found.restored is None


def test_the_savepoint_of_a_stop_shows_in_the_checkpoints(client, flink):
    recorded = flink.exchanges["operation stop"][0]["body"]["operation"]["location"]
    flink.play("checkpoints finished")
    found = client.checkpoints(flink.job_id("checkpoints finished")).latest_savepoint
    assert found.is_savepoint
    assert found.external_path == recorded


def test_the_checkpoints_tell_what_the_job_was_restored_from(client, flink):
    flink.play("checkpoints restored")
    found = client.checkpoints(flink.job_id("checkpoints restored")).restored
    assert found.external_path == flink.exchanges["run restored"][0]["request"]["savepointPath"]
    assert found.is_savepoint


def test_checkpointing_interval(client, flink):
    flink.play("checkpointing_config")
    assert client.checkpointing_config(flink.job_id("checkpointing_config")) == 300


def test_checkpointing_that_is_off_has_no_interval_and_no_checkpoints(client, flink):
    job_id = flink.job_id("checkpointing_config off")
    flink.play("checkpointing_config off")
    assert client.checkpointing_config(job_id) is None
    flink.play("checkpoints off")
    assert client.checkpoints(job_id) == Checkpoints()


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("exceptions none", ""),
        ("exceptions failed", "IllegalStateException: failed as asked, after 10 records"),
        (
            "exceptions bad savepoint",
            "FileNotFoundException: Cannot find checkpoint or savepoint file/directory 'file:///nope/sp'"
            " on file system 'file'.",
        ),
    ],
)
def test_the_newest_exception(client, flink, label, text):
    flink.play(label)
    if not text and len(flink.exchanges[label]) == 1:
        flink.play("unknown path")  # the job's application, asked second
    assert client.exceptions(flink.job_id(label)) == text


def test_the_adaptive_scheduler_tells_of_a_bad_savepoint_elsewhere(client, adaptive):
    run(client, adaptive, "run bad savepoint")
    adaptive.play("exceptions bad savepoint")
    text = client.exceptions(adaptive.job_id("exceptions bad savepoint"))
    assert text.startswith("FileNotFoundException: Cannot find checkpoint or savepoint")


def test_savepoint_asks_as_flink_spells_it(client, flink, server):
    (recorded,) = flink.play("savepoint")
    trigger_id = recorded["request"]["triggerId"]
    client.savepoint(
        flink.job_id("savepoint"), trigger_id=trigger_id, target_directory="file:///d", format_type="NATIVE"
    )
    assert (server.asked[0].method, server.asked[0].path) == ("POST", recorded["path"])
    assert server.asked[0].json == {
        **recorded["request"],
        "target-directory": "file:///d",
        "formatType": "NATIVE",
    }


def test_stop_asks_as_flink_spells_it(client, flink, server):
    (recorded,) = flink.play("stop")
    trigger_id = recorded["request"]["triggerId"]
    client.stop(flink.job_id("stop"), trigger_id=trigger_id, target_directory="file:///d", drain=True)
    assert (server.asked[0].method, server.asked[0].path) == ("POST", recorded["path"])
    assert server.asked[0].json == {**recorded["request"], "targetDirectory": "file:///d", "drain": True}


def test_no_directory_anywhere_is_rejected(client, flink, server):
    flink.play("stop no dir")
    with pytest.raises(Rejected, match=r"Config key \[.*savepoint.*\] is not set"):
        client.stop("a" * 32, trigger_id="b" * 32, target_directory=None)
    assert "targetDirectory" not in server.asked[0].json
    flink.play("savepoint no dir")
    with pytest.raises(Rejected, match=r"Config key \[.*savepoint.*\] is not set"):
        client.savepoint("a" * 32, trigger_id="b" * 32, target_directory=None)
    assert "target-directory" not in server.asked[1].json


def test_operations(client, flink):
    flink.play("operation early")
    assert client.operation("a" * 32, "b" * 32) == Operation("IN_PROGRESS")
    flink.play("operation stop")
    done = client.operation("a" * 32, "b" * 32)
    assert (done.state, done.failure) == ("COMPLETED", None)
    assert done.location.startswith("file:/data/sp/savepoint-")


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("operation failed", "IOException: Failed to create savepoint directory at file:/proc/nope"),
        ("operation stop terminal", "FlinkJobNotFoundException: Could not find Flink job"),
    ],
)
def test_a_failed_operation_is_not_completed(client, flink, label, text):
    flink.play(label)
    found = client.operation("a" * 32, "b" * 32)
    assert (found.state, found.location) == ("FAILED", None)
    assert found.failure.startswith(text)


def test_an_operation_that_flink_does_not_know_is_not_found(client, flink):
    flink.play("operation unknown")
    with pytest.raises(NotFound, match="There is no savepoint operation with triggerId=0000"):
        client.operation("a" * 32, "0" * 32)


@pytest.mark.defect(22)
@pytest.mark.parametrize("label", ["cancel", "cancel terminal", "cancel unknown"])
def test_cancel_is_done_when_the_job_is_over_or_gone(client, flink, server, label):
    (recorded,) = flink.play(label)
    client.cancel(flink.job_id(label))
    assert (server.asked[0].method, server.asked[0].path) == ("PATCH", recorded["path"])
    assert server.asked[0].params == {"mode": "cancel"}


def test_metrics_leave_out_what_flink_does_not_have(client, flink, server):
    (recorded,) = flink.play("metrics")
    found = client.metrics(recorded["path"], ["0.report.total", "0.report.nope"])
    assert server.asked[0].params == {"get": "0.report.total,0.report.nope"}
    assert found["0.report.errors"] == "0"
    assert found["0.report.restored"] == "-1"
    assert int(found["0.report.total"]) > 0
    assert "0.report.nope" not in found
