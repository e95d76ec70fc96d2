"""Recovery points: which are kept, in which order, and where a job starts from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clients.flink import Checkpoints, Restored
from core.job_status import SAVEPOINT, JobStatus
from supervisor import recovery


def paths(status: JobStatus) -> list[str]:
    return [point.path for point in status.recovery_points]


def test_what_is_learned_last_comes_first_whatever_the_clocks_say(known):
    status = JobStatus()
    for name, at in (("b", 2), ("c", 3), ("a", 1), ("b", 2)):
        status = recovery.remembered(status, known(name, type=SAVEPOINT, at=at), 10)
    assert paths(status) == ["b", "a", "c"]
    assert status.had_state


def test_as_many_checkpoints_as_flink_keeps_and_savepoints_up_to_the_limit(known):
    status = JobStatus()
    for second in range(0, 40, 2):
        status = recovery.remembered(status, known(f"sp-{second}", type=SAVEPOINT, at=second), 8)
        status = recovery.remembered(status, known(f"chk-{second + 1}", at=second + 1, id=second + 1), 8)
    kept = recovery.KEPT_CHECKPOINTS
    assert [path for path in paths(status) if path.startswith("chk")] == [f"chk-{39 - 2 * n}" for n in range(kept)]
    assert [path for path in paths(status) if path.startswith("sp")] == [f"sp-{38 - 2 * n}" for n in range(8 - kept)]
    assert paths(status)[:3] == ["chk-39", "sp-38", "chk-37"]


def test_checkpoints_never_push_out_the_last_savepoint(known):
    """Savepoints stay when Flink's own checkpoints are gone with it."""
    status = recovery.remembered(JobStatus(), known("sp", type=SAVEPOINT, at=0), 1)
    for second in range(1, 9):
        status = recovery.remembered(status, known(f"chk-{second}", at=second, id=second), 1)
    assert "sp" in paths(status)
    assert paths(status)[0] == "chk-8"


def test_a_savepoint_replaces_what_the_toolbox_calls_the_savepoint_path(moment):
    status = recovery.with_savepoint(JobStatus(job_id="j"), "sp", moment(0), 10)
    assert (status.savepoint_path, status.savepoint_timestamp) == ("sp", moment(0))
    assert status.recovery_points[0].job_id == "j"


def test_a_savepoint_that_flink_has_shown_keeps_its_number(known):
    """Its operation may end later than it: the checkpoint that follows is newer, not as old."""
    shown = replace(known("sp", type=SAVEPOINT, at=-2), checkpoint_id=7)
    status = JobStatus(job_id=shown.job_id, recovery_points=(shown,))
    status = recovery.with_savepoint(status, "sp", "2026-03-01T12:00:00Z", 10, ours=True)
    assert status.recovery_points[0].checkpoint_id == 7
    assert paths(recovery.remembered(status, known("chk-8", at=-1, id=8), 10)) == ["chk-8", "sp"]


LEARNED = [
    (None, []),
    (Checkpoints(), []),
    ({"latest_completed": ("chk", False)}, ["chk"]),
    ({"latest_completed": (None, False)}, []),  # it does not outlive the job
    ({"latest_savepoint": ("sp", True)}, ["sp"]),
    ({"latest_completed": ("sp", True), "latest_savepoint": ("sp", True)}, ["sp"]),
]


@pytest.mark.parametrize(("seen", "learned"), LEARNED)
def test_what_flink_shows_is_learned(world, taken, seen, learned):
    if isinstance(seen, dict):
        seen = Checkpoints(**{name: taken(path, savepoint=savepoint) for name, (path, savepoint) in seen.items()})
    view = world("started", flink=("runs", {"checkpoints": seen}))
    assert paths(recovery.with_checkpoint(view, view.status)) == learned


def test_a_late_look_does_not_put_an_old_checkpoint_before_a_savepoint(world, taken, known):
    """Flink's history may be some seconds old: it shows the checkpoint before the savepoint once more."""
    points = (known("sp", type=SAVEPOINT, at=-1), known("chk-7", at=-1))
    seen = Checkpoints(latest_completed=taken("chk-7", at=-1))
    view = world("started", flink=("runs", {"checkpoints": seen}), recovery_points=points)
    assert paths(recovery.with_checkpoint(view, view.status)) == ["sp", "chk-7"]


@pytest.mark.parametrize(("guess", "newest"), [(6, "sp"), (9, "sp"), (9, "chk-9")])
def test_flinks_number_of_a_savepoint_replaces_our_guess(world, taken, known, guess, newest):
    """A guess too low puts a checkpoint from before it first, one too high puts one from after it last."""
    other = taken("chk-7") if newest == "sp" else taken("chk-9", id=9)
    seen = Checkpoints(latest_completed=other, latest_savepoint=taken("sp", id=8, savepoint=True))
    points = (replace(known("sp", type=SAVEPOINT), checkpoint_id=guess, ours=True),)
    view = world("started", flink=("runs", {"checkpoints": seen}), recovery_points=points)
    status = recovery.with_checkpoint(view, view.status)
    assert paths(status)[0] == newest
    (savepoint,) = (point for point in status.recovery_points if point.path == "sp")
    assert (savepoint.checkpoint_id, savepoint.ours) == (8, True)


@pytest.mark.parametrize("guess", [0, 1, 171], ids=["a person's path", "our guess", "known"])
def test_the_number_of_a_savepoint_is_known_when_a_run_began_from_it(world, known, guess):
    points = (known("chk-3"), replace(known("s3://s/sp", type=SAVEPOINT), job_id="before", checkpoint_id=guess))
    seen = Checkpoints(restored=Restored(171, "s3://s/sp", is_savepoint=True, restore_timestamp=0))
    view = world("started", flink=("runs", {"checkpoints": seen}), recovery_points=points, restore_path="s3://s/sp")
    status = recovery.with_checkpoint(view, view.status)
    assert status.recovery_points == (points[0], replace(points[1], checkpoint_id=171))


@pytest.mark.parametrize(
    ("points", "unreadable", "had_state", "start"),
    [
        ([], (), False, ""),
        ([], (), True, None),
        (["a", "b"], (), True, "a"),
        (["a", "b"], ("a",), True, "b"),
        (["a"], ("a",), True, None),
    ],
)
def test_where_a_start_begins(known, points, unreadable, had_state, start):
    status = JobStatus(
        recovery_points=tuple(known(path) for path in points), unreadable=unreadable, had_state=had_state
    )
    assert recovery.start_point(status) == start


def test_a_savepoint_after_a_request_to_forget_is_newer_than_what_was_forgotten(moment):
    """Its number is told only later; until then it must not look like one of those."""
    status = recovery.with_savepoint(JobStatus(job_id="j", forgotten_checkpoint=7), "sp", moment(0), 10)
    assert status.recovery_points[0].checkpoint_id == 8


def test_forgotten_is_as_if_it_had_never_run(known):
    status = JobStatus(
        recovery_points=(known("a"),), had_state=True, savepoint_path="a", savepoint_timestamp="t", restore_path="a"
    )
    assert recovery.forgotten(status) == JobStatus()


@pytest.mark.parametrize(
    ("path", "text", "missing"),
    [
        ("file:/sp/savepoint-1", "FileNotFoundException: Cannot find checkpoint file '/sp/savepoint-1'", True),
        ("file:///sp/savepoint-1", "FileNotFoundException: /sp/savepoint-1/_metadata", True),
        ("s3://b/chk/4f/chk-9", "the key b/chk/4f/chk-9/_metadata does not exist", True),
        ("s3://b/chk/4f/chk-9", "FileNotFoundException: s3://b/chk/4f/shared/1", True),
        ("s3://b/chk/4f/chk-9", "FileNotFoundException: s3://b/chk/99/shared/1", False),
        ("s3://b/chk/4f/chk-9", "AccessDenied: b/chk/4f/chk-9", False),
        ("s3://b/chk/4f/chk-9", "Jar file /up/x.jar does not exist", False),
    ],
)
def test_missing_means_the_files_of_this_recovery_point(path, text, missing):
    assert recovery.is_missing(path, text) == missing


def test_state_that_only_the_jobmanager_held_is_missed(world, taken):
    """With checkpoints and no directory for them, a lost job does not start empty unless somebody says so."""
    inside = Checkpoints(completed=1, latest_completed=taken(None))
    view = world("started", flink=("runs", {"checkpoints": inside}))
    status = recovery.with_checkpoint(view, view.status)
    assert status.had_state
    assert recovery.start_point(status) is None


def test_a_clock_that_is_ahead_does_not_hide_a_newer_checkpoint(known):
    """The supervisor's clock dates savepoints, Flink's dates checkpoints."""
    status = recovery.with_savepoint(JobStatus(job_id=known("x").job_id), "sp", "2999-01-01T00:00:00Z", 10)
    status = recovery.remembered(status, known("chk-9", at=0, id=9), 10)
    assert paths(status) == ["chk-9", "sp"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("file:/a/b", "file:///a/b/", True),
        ("/a/b", "file:/a/b", True),
        ("s3://a/b/_metadata", "s3://a/b", True),
        ("s3://a/b", "s3://a/b", True),
        ("s3://a/b", "s3://a/c", False),
        ("", "x", False),
    ],
)
def test_paths_are_compared_as_flink_spells_them(one, other, same):
    assert recovery.same_path(one, other) is same
