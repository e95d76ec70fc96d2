"""A job under an update of its cluster that fails: it comes back from the savepoint taken for the update."""

from __future__ import annotations

from typing import Any

import pytest

from clients.kube import resources

from .fakes import copied


def updated(stage: Any) -> None:
    """The job is saved, and the pods of an update are there."""
    stage.cluster(supervisorStatus="Stopping", targetRevision="r2")
    stage.play(lambda: not stage.status.holds_cluster)
    stage.flink.lose()
    stage.cluster(supervisorStatus="Started", revision="r2", incarnation=2, onTrial=True)


def back(stage: Any) -> None:
    """The update is taken back: published, and done when the job has let go."""
    stage.cluster(supervisorStatus="Stopping", targetRevision="r1")
    stage.play(lambda: not stage.status.holds_cluster)
    stage.flink.lose()
    stage.cluster(supervisorStatus="Started", revision="r1", incarnation=3, onTrial=False)


def no_checkpoint_counts(stage: Any) -> None:
    """Its tasks run on the update, and no checkpoint completes."""
    stage.flink.checkpoint_every = 1e9
    updated(stage)
    stage.play(lambda: stage.is_in("Started"))
    stage.annotate("TRIGGER_SAVEPOINT")  # what it writes there is no way back
    stage.settle(0.3)
    stage.flink.checkpoint_every = 10.0


def refused(stage: Any) -> None:
    """With the policy Never it stays Stopped for as long as those pods are there."""
    stage.flink.refused.add("2_app.jar")
    updated(stage)
    stage.play(lambda: stage.is_in("Stopped"))


def no_pods(stage: Any) -> None:
    updated(stage)
    stage.flink.answers = False
    stage.settle(60)
    stage.flink.answers = True


@pytest.mark.parametrize("fault", [no_checkpoint_counts, refused, no_pods])
def test_it_comes_back_from_where_the_update_began(ready, fault):
    ready.settle(25)
    fault(ready)
    saved = "s3://s/savepoint-1"
    back(ready)
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == saved
    assert ready.flink.savepoints == 1
    assert ready.flink.most_at_once == 1
    assert ready.status.runs_on.revision == "r1"


def test_what_began_on_the_update_keeps_the_only_state_it_has(stage):
    """A new job has nothing from before: what a person saved of it is better than nothing."""
    made = stage()
    made.cluster(revision="r2", onTrial=True)
    made.flink.checkpoint_every = 1e9
    made.play(lambda: made.is_in("Started"))
    made.annotate("STOP")
    made.play(lambda: made.is_in("Stopped"))
    back(made)
    made.annotate("START")
    made.play(lambda: len(made.flink.history) == 2)
    assert made.flink.history[-1].restored == "s3://s/savepoint-1"


def test_what_it_wrote_on_an_update_that_works_is_its_newest_state(ready):
    updated(ready)
    ready.play(ready.is_ready)
    assert ready.status.runs_on.ready
    ready.settle(25)
    back(ready)  # another edit, which is the spec of before
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == "s3://s/savepoint-2"


def test_a_suspension_on_the_way_begins_nothing_anew(ready):
    updated(ready)
    ready.flink.checkpoint_every = 1e9
    ready.play(lambda: ready.is_in("Started"))
    ready.edit(suspend=True)
    ready.play(lambda: ready.is_in("Stopped"))
    ready.edit(suspend=False)
    ready.flink.checkpoint_every = 10.0
    ready.play(ready.is_ready)
    assert ready.flink.history[-1].restored == "s3://s/savepoint-2"


def test_a_savepoint_that_an_update_may_be_taken_back_to_is_not_given_to_flink(ready):
    ready.edit(savepoint={**ready.job["spec"]["savepoint"], "claimMode": "CLAIM"})
    updated(ready)
    ready.play(ready.is_ready)
    assert ready.status.claim_mode in ("", "NO_CLAIM")


@pytest.mark.parametrize("there", [True, False], ids=["its cluster is there", "its cluster is gone"])
def test_a_label_alone_does_not_take_a_job_from_the_cluster_that_it_runs_on(ready, there):
    """Else it would run on both. A cluster that is gone has taken its pods along."""
    run = ready.status.job_id
    job = copied(ready.job)
    job["status"] |= {"clusterName": "other", "clusterUid": "c2"}
    ready.kube.put(resources.FLINK_JOBS, job)
    if there:
        ready.kube.put(resources.FLINK_CLUSTERS, {"metadata": {"name": "other", "namespace": "test", "uid": "c2"}})
    ready.flink.lose()
    ready.settle(60)
    if there:
        assert (ready.status.job_id, ready.job["status"]) == (run, job["status"])
    else:
        assert ready.is_ready()
        assert (ready.status.cluster_name, ready.status.cluster_uid) == ("demo", ready.UID)


def test_a_cluster_that_was_made_again_is_another_one(ready):
    """It counts its JobManagers from 1 again, and its name is the same."""
    ready.settle(15)
    ready.flink.lose()
    ready.kube.objects["flinkclusters", "demo"]["metadata"]["uid"] = ready.UID = "c2"
    ready.play(lambda: ready.status.attempt == 2 and ready.is_ready())
    assert "JobLost" in ready.kube.events
    assert ready.status.cluster_uid == "c2"
