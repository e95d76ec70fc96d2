"""What a plan foresees: which pods and jobs an edit touches, and where the jobs come back from."""

from __future__ import annotations

from typing import Any

import pytest

from cli.plan import edit
from cli.plan.differences import fields
from cli.plan.outcome import Outcome, foresee
from cli.plan.page import page
from cli.plan.rehearsal import Rehearsal
from cli.plan.state import State
from clients.kube import resources
from core import job as jobs

from .conftest import NOW, POINT, Foresee, as_manifest, at_rest, deployment

Object = dict[str, Any]


def job(body: Object, number: int = 0) -> Object:
    found: Object = body["spec"]["jobs"][number]["spec"]
    return found


def steps(outcome: Outcome) -> list[tuple[str, str, bool]]:
    return [(step.job, step.verb, step.savepoint) for step in outcome.steps]


def test_a_new_cluster_is_all_created(state: State) -> None:
    fresh = edit.edited(None, as_manifest(resources.FLINK_DEPLOYMENTS, deployment()), "default", NOW)
    outcome = foresee(State(), [fresh], NOW)
    assert {change.verb for change in (*outcome.changes, *outcome.pods)} == {"create"}
    assert [change.kind for change in outcome.changes] == [
        "FlinkDeployment",
        "FlinkCluster",
        "FlinkJob",
        "FlinkJob",
        "Deployment",
        "Service",
    ]
    assert len(outcome.pods) == 3  # a slot each
    assert steps(outcome) == [("demo-one", "start", False), ("demo-two", "start", False)]
    assert all(step.path == "" for step in outcome.steps)


def test_what_is_as_declared_stays(after: Foresee) -> None:
    outcome = after(lambda body: None)
    assert not outcome
    assert page(outcome) == "No changes."


def test_a_label_is_only_metadata(after: Foresee) -> None:
    outcome = after(lambda body: body["metadata"].update(labels={"team": "a"}))
    (change,) = outcome.changes
    assert (change.metadata_only, outcome.steps, outcome.pods) == (True, (), ())
    assert "metadata only" in page(outcome)


def test_a_policy_changes_objects_and_nothing_that_runs(after: Foresee) -> None:
    outcome = after(lambda body: job(body)["restart"].update(restartDelay=9))
    assert [(change.kind, change.fields[0].path) for change in outcome.changes] == [
        ("FlinkDeployment", "spec.jobs[0].spec.restart.restartDelay"),
        ("FlinkJob", "spec.restart.restartDelay"),
    ]
    assert not outcome.pods
    assert not outcome.steps


def test_more_parallelism_is_a_pod_and_a_restart_of_that_job_from_its_savepoint(after: Foresee) -> None:
    outcome = after(lambda body: job(body).update(jobParallelism=2))
    assert [pod.verb for pod in outcome.pods] == ["create"]
    assert steps(outcome) == [("demo-one", "stop", True), ("demo-one", "start", False)]
    stop, start = outcome.steps
    assert stop.path.startswith("file:///tmp/savepoint-")
    assert (start.path, start.parallelism) == (stop.path, 2)
    assert "starts from that savepoint, parallelism 2" in page(outcome)


@pytest.mark.parametrize(
    ("search", "path"),
    [({"askedAt": "2026-03-01T12:00:00Z"}, "file:///tmp/savepoint-012345-…"), ({"newer": True}, POINT["path"])],
)
def test_state_that_nobody_was_told_of_is_looked_for(search: Object, path: str) -> None:
    suspended = deployment()
    job(suspended).update(suspend=True)
    state = at_rest(suspended)
    stopped = state.get(("FlinkJob", "default", "demo-one"))
    assert stopped
    lost = {"jobId": "0123456789", "directory": "file:///tmp", **search}
    state.put({**stopped, "status": {**stopped["status"], "lostState": lost}})
    edited = edit.edited(
        state.get(("FlinkDeployment", "default", "demo")),
        as_manifest(resources.FLINK_DEPLOYMENTS, deployment()),
        "default",
        NOW,
    )
    (start,) = foresee(state, [edited], NOW).steps
    assert start.path == path


def test_a_parallelism_that_can_never_be_waits_for_ever(after: Foresee) -> None:
    text = page(after(lambda body: job(body).update(jobParallelism=9)))
    assert "would then wait: the parallelism changes from 1 to 9: waiting for slots" in text
    assert "; for ever, as it needs 9 slots; demo may have 4 TaskManagers of 1 slots" in text


def test_what_a_scale_set_is_kept_and_told(state: State, after: Foresee) -> None:
    scaled = state.get(("FlinkJob", "default", "demo-one"))
    assert scaled
    state.put(edit.stored(scaled, {**scaled, "spec": {**scaled["spec"], "jobParallelism": 2}}))
    kept = "FlinkJob default/demo-one: jobParallelism 2 by scale, 1 here; kept."
    assert page(after(lambda body: None)).splitlines()[:2] == ["No changes.", kept]
    assert after(lambda body: job(body).update(jobParallelism=3)).kept == ()


def test_less_parallelism_takes_the_idle_pod_away(after: Foresee) -> None:
    wide = deployment()
    job(wide).update(jobParallelism=2)
    state = at_rest(wide)
    edited = edit.edited(
        state.get(("FlinkDeployment", "default", "demo")),
        as_manifest(resources.FLINK_DEPLOYMENTS, deployment()),
        "default",
        NOW,
    )
    outcome = foresee(state, [edited], NOW)
    assert [pod.verb for pod in outcome.pods] == ["delete"]
    assert "is deleted, or another idle one" in page(outcome)
    assert steps(outcome) == [("demo-one", "stop", True), ("demo-one", "start", False)]


def test_a_new_image_of_flink_is_new_pods_and_takes_both_jobs_along(after: Foresee) -> None:
    outcome = after(lambda body: body["spec"]["cluster"]["runtime"].update(image="flink:2.3.1"))
    assert sorted(pod.verb for pod in outcome.pods) == ["create"] * 3 + ["delete"] * 3
    assert "idle" not in page(outcome)
    assert "FlinkCluster default/demo: pods that do not work within 600 s are taken back." in page(outcome)
    assert sorted(steps(outcome)) == sorted(
        (name, verb, verb == "stop") for name in ("demo-one", "demo-two") for verb in ("stop", "start")
    )
    assert [step.verb for step in outcome.steps] == ["stop", "stop", "start", "start"]


def test_a_job_with_manual_savepoints_comes_back_from_its_checkpoint(after: Foresee) -> None:
    def change(body: Object) -> None:
        job(body)["savepoint"].update(savepointMode="Manual")
        job(body)["bootstrap"].update(arguments=["--more"])

    outcome = after(change)
    assert steps(outcome) == [("demo-one", "stop", False), ("demo-one", "start", False)]
    assert outcome.steps[1].path == "file:///c/chk-7"
    assert "starts from file:///c/chk-7, or from a newer checkpoint, parallelism 1" in page(outcome)


def test_a_job_that_is_left_out_stops_and_is_deleted(after: Foresee) -> None:
    outcome = after(lambda body: body["spec"]["jobs"].pop())
    assert ("delete", "FlinkJob", "demo-two") in [(item.verb, item.kind, item.name) for item in outcome.changes]
    assert steps(outcome) == [("demo-two", "stop", False)]
    assert [pod.verb for pod in outcome.pods] == ["delete"]
    assert page(outcome).splitlines()[-1].endswith("1 job stopped for good without a savepoint.")


def test_a_job_without_its_cluster(state: State) -> None:
    child = state.get(("FlinkJob", "default", "demo-one"))
    assert child
    manifest = {key: child[key] for key in ("apiVersion", "kind")}
    stray = {**manifest, "metadata": {"name": "stray"}, "spec": {**child["spec"], "clusterName": "nope"}}
    outcome = foresee(state, [edit.edited(None, as_manifest(resources.FLINK_JOBS, stray), "default", NOW)], NOW)
    assert [wait.text for wait in outcome.waits] == ["its cluster nope is not there"]


def test_a_suspended_cluster_loses_its_pods_after_the_savepoints(after: Foresee) -> None:
    outcome = after(lambda body: body["spec"]["cluster"].update(suspend=True))
    assert steps(outcome) == [("demo-one", "stop", True), ("demo-two", "stop", True)]
    assert not outcome.trials
    assert {pod.verb for pod in outcome.pods} == {"delete"}


def test_a_supervisor_restarts_without_its_jobs(after: Foresee) -> None:
    outcome = after(lambda body: body["spec"]["cluster"]["supervisor"].update(image="ours:2"))
    assert "Deployment default/supervisor-demo is changed: the supervisor restarts, the jobs go on" in page(outcome)
    assert not outcome.pods
    assert not outcome.steps


def test_a_limit_that_makes_another_figure_is_named(after: Foresee) -> None:
    outcome = after(lambda body: job(body).update(jobParallelism=3, maxJobParallelism=2))
    assert [step.parallelism for step in outcome.steps if step.verb == "start"] == [2]
    told = "FlinkJob default/demo-one: jobParallelism is 3; minJobParallelism and maxJobParallelism make it 2."
    assert told in page(outcome)


@pytest.mark.parametrize(
    "wrong", [None, {"jobParallelism": "many"}, {"maxJobParallelism": "x"}, {"restart": {"restartPolicy": "Sometimes"}}]
)
@pytest.mark.parametrize("name", ["demo-one", "other"])
def test_a_spec_that_is_there_and_is_wrong_is_passed_over(state: State, wrong: Object | None, name: str) -> None:
    """Such as one that an older CRD let in."""
    child = state.get(("FlinkJob", "default", "demo-one"))
    assert child
    metadata = {**child["metadata"], "name": name, "uid": name, "ownerReferences": [], "generation": 7}
    state.put({**child, "metadata": metadata, "spec": wrong and {**child["spec"], **wrong}})
    assert not foresee(state, [], NOW)


def test_what_is_refused_and_is_not_mended_is_not_all_well(state: State) -> None:
    """Nothing changes, as the job runs on with the spec before."""
    parent, child = state.get(("FlinkDeployment", "default", "demo")), state.get(("FlinkJob", "default", "demo-one"))
    assert parent
    assert child
    digest = jobs.read(child).bootstrap_digest
    status = {**child["status"], "rejected": {"digest": digest, "failure": "UpdateRefused: no such class"}}
    state.put({**child, "status": status})
    edited = edit.edited(parent, as_manifest(resources.FLINK_DEPLOYMENTS, deployment()), "default", NOW)
    outcome = foresee(state, [edited], NOW)
    assert not outcome
    first, told = page(outcome).splitlines()
    assert first == "No changes."
    assert told.startswith("Waits already, with or without this: FlinkJob default/demo-one: ")
    assert "UpdateRefused: no such class" in told


def test_too_much_parallelism_is_told_to_wait_for_slots(after: Foresee) -> None:
    outcome = after(lambda body: job(body).update(jobParallelism=9))
    assert not outcome.steps
    assert any("waiting for slots" in wait.text for wait in outcome.waits)


def test_an_edit_of_a_child_is_set_back(state: State) -> None:
    child = state.get(("FlinkJob", "default", "demo-one"))
    assert child
    body = {**child, "metadata": {"name": "demo-one"}, "spec": {**child["spec"], "suspend": True}}
    edited = edit.edited(child, as_manifest(resources.FLINK_JOBS, body), "default", NOW)
    outcome = foresee(state, [edited], NOW)
    assert not outcome
    assert [(item.name, item.fields[0].path) for item in outcome.set_back] == [("demo-one", "spec.suspend")]


def test_what_is_under_way_is_not_the_edits_doing(state: State) -> None:
    """A START that a person asked for comes with or without the edit."""
    running = state.get(("FlinkJob", "default", "demo-one"))
    assert running
    asked = {"operator.nextbreakpoint.com/requested-action": "START"}
    state.put({**running, "metadata": {**running["metadata"], "annotations": asked}})
    body = deployment()
    body["metadata"]["labels"] = {"a": "b"}
    before = state.get(("FlinkDeployment", "default", "demo"))
    edited = edit.edited(before, as_manifest(resources.FLINK_DEPLOYMENTS, body), "default", NOW)
    outcome = foresee(state, [edited], NOW)
    assert outcome.steps == ()
    assert [step.verb for step in outcome.under_way] == ["stop", "start"]
    assert "Under way already, with or without this: job default/demo-one stops and starts." in page(outcome)


def test_what_is_under_way_and_does_not_go_on_is_told_too(state: State, after: Foresee) -> None:
    """A START that a person asked for, of a job that the edit suspends."""
    running = state.get(("FlinkJob", "default", "demo-one"))
    assert running
    asked = {"operator.nextbreakpoint.com/requested-action": "START"}
    state.put({**running, "metadata": {**running["metadata"], "annotations": asked}})
    outcome = after(lambda body: body["spec"]["jobs"][0]["spec"].update(suspend=True))
    assert "Under way already, with or without this: job default/demo-one stops." in page(outcome)
    assert "Under way already, but not with this: job default/demo-one starts." in page(outcome)


def test_the_state_that_was_given_stays_as_it_was(state: State, after: Foresee) -> None:
    before = state.copy()
    after(lambda body: body["spec"]["cluster"].update(suspend=True))
    assert list(state) == list(before)


@pytest.mark.parametrize("key", ["s3.secret-key", "security.password"])
def test_secrets_are_not_printed(after: Foresee, key: str) -> None:
    outcome = after(lambda body: body["spec"]["cluster"].update(flinkConfiguration={key: "hunter2-and-more"}))
    assert "hunter2" not in page(outcome)
    assert "hunter2" not in str(outcome.to_json())


def test_a_number_in_place_of_its_text_is_told_apart() -> None:
    before, after = ({"metadata": {}, "spec": {"flinkConfiguration": {"a": value}}} for value in ("500", 500))
    ((_, *told),) = fields(before, after)
    assert told == ['"500"', "500"]


def test_it_comes_to_rest_again_where_it_was(state: State) -> None:
    rehearsal = Rehearsal(state.copy(), NOW)
    rehearsal.run()
    assert rehearsal.settled
    assert rehearsal.steps == []


def test_checkpoints_that_go_with_the_jobmanager_are_told_of_before_the_job_starts() -> None:
    """The job would have to be started by a person, once that had ended."""

    def planned(configuration: dict[str, str]) -> Outcome:
        body = deployment()
        body["spec"]["cluster"]["flinkConfiguration"] = configuration
        fresh = edit.edited(None, as_manifest(resources.FLINK_DEPLOYMENTS, body), "default", NOW)
        return foresee(State(), [fresh], NOW)

    outcome = planned({"execution.checkpointing.interval": "10 s"})
    assert [note.name for note in outcome.unprotected] == ["demo-one", "demo-two"]
    assert "FlinkJob default/demo-one: without execution.checkpointing.dir only its JobManager holds" in page(outcome)
    assert outcome.to_json()["unprotected"]
    assert not planned({}).unprotected  # its code may have checkpoints, and a place for them
    for directory in ("execution.checkpointing.dir", "state.checkpoints.dir"):
        assert not planned({"execution.checkpointing.interval": "10 s", directory: "s3://bucket/c"}).unprotected
