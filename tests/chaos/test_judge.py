"""What counts as doubled, and as a state that went back."""

from dataclasses import replace

import pytest

from .judge import AHEAD, LATE, SURE_AFTER, TOLD_AFTER, History, Sight

FIRST = Sight(0.0, frozenset({"a"}), "a", True, 0, completed=1)


def ran(history, seconds=10, late=0):
    """Run a counts 100 records a second, and completes a checkpoint each second, of which the last are not told yet.
    Returns its last sight."""
    for second in range(seconds + 1):
        sight = replace(FIRST, at=float(second), total=100 * second, completed=max(1, second + 1 - late))
        assert history.take(sight) == []
    return sight


def resumed(history, **how):
    """Run b, told until it counts as its beginning."""
    sight = replace(FIRST, alive=frozenset({"b"}), run="b", completed=50, **how)
    looks = [replace(sight, at=20.0 + late, total=5000 + int(100 * late)) for late in (0, SURE_AFTER, TOLD_AFTER)]
    return [found for look in looks for found in history.take(look)]


def test_two_live_runs_are_told_once():
    history = History("j")
    both = replace(FIRST, alive=frozenset("ab"))
    assert [found.kind for found in history.take(both) + history.take(both)] == ["doubled"]


def test_the_newest_checkpoint_is_promised_however_young_it_is():
    """Nobody else may have seen it: the supervisor looks for it."""
    history = History("j")
    last = ran(history)
    history.struck(last.at)
    assert history.promised == last.completed


@pytest.mark.parametrize(("behind", "kinds"), [(-1, []), (0, []), (1, ["regression"])])
def test_a_run_may_begin_with_what_was_promised_and_not_with_less(behind, kinds):
    history = History("j")
    history.struck(ran(history).at)
    number = history.promised - behind
    assert [found.kind for found in resumed(history, restored_from=int(number), restored=900)] == kinds


@pytest.mark.parametrize(("number", "kinds"), [(11, []), (10, ["regression"]), (0, ["regression"])])
def test_what_the_status_has_named_is_promised_however_young_it_is(number, kinds):
    """Also when the status does not name it any more. What the new run itself completes is no promise to it."""
    history = History("j")
    last = ran(history)
    history.struck(last.at)
    history.take(Sight(last.at, named={"a": 11}))
    found = resumed(history, restored_from=number, restored=5000, named={"b": 13})
    assert [finding.kind for finding in found] == kinds


def test_a_beginning_is_judged_when_it_is_certain():
    history = History("j")
    for at, judged in ((0.0, False), (SURE_AFTER / 2, False), (SURE_AFTER, True)):
        sight = replace(FIRST, at=at, total=100 + int(100 * at))
        history.take(sight)
        assert history.has_judged(sight) == judged
    assert not history.has_judged(replace(sight, run="b"))
    assert not history.has_judged(replace(sight, total=None))


def test_an_empty_start_after_there_was_state():
    history = History("j")
    history.struck(ran(history).at)
    (found,) = resumed(history)
    assert found.kind == "regression"
    assert "an empty state" in found.what


def test_the_records_of_a_checkpoint_must_be_in_it():
    """What was counted when n was the newest is in n + AHEAD, whatever its number says."""
    counted = 100 * (20 - AHEAD)
    for restored, kinds in ((counted, []), (counted - 200, ["regression"])):
        history = History("j")
        history.struck(ran(history, 20).at)
        assert [found.kind for found in resumed(history, restored_from=21, restored=restored)] == kinds


def test_an_old_answer_about_checkpoints_is_no_regression():
    """The counts beside it are of today: checkpoint 19 was complete with 1800 records when Flink still told of 15."""
    history = History("j")
    history.struck(ran(history, 19, late=LATE).at)
    assert resumed(history, restored_from=19, restored=1800) == []


def test_lost_and_doubled_records():
    history = History("j")
    last = ran(history)
    assert [found.kind for found in history.take(replace(last, at=11.0, errors=2))] == ["regression"]


def test_what_a_lost_taskmanager_said_last_is_no_beginning():
    """The JobManager says already that it restores, the gauges are still those of before."""
    history = History("j")
    last = ran(history)
    history.struck(last.at)
    stale = replace(last, at=11.0, restored_from=11)
    assert history.take(stale) + history.take(replace(stale, at=11.0 + SURE_AFTER)) == []
    assert history.take(replace(stale, at=14.0, restored=950, total=960)) == []
    assert history.take(replace(stale, at=14.0 + SURE_AFTER, restored=950, total=1160)) == []


@pytest.mark.parametrize(("says", "kinds"), [(11, []), (0, ["regression"])], ids=["late", "wrong"])
def test_flink_may_not_have_told_yet_of_a_start_that_counts(says, kinds):
    history = History("j")
    last = ran(history)
    history.struck(last.at)
    again = replace(last, restored=950)
    looks = [replace(again, at=11.0 + late, total=960 + int(late)) for late in (0, SURE_AFTER)]
    looks += [
        replace(looks[-1], at=14.0 + late, total=1100 + int(late), restored_from=says) for late in (0, TOLD_AFTER)
    ]
    assert [found.kind for look in looks for found in history.take(look)] == kinds


def test_a_new_run_gives_the_numbers_again():
    """Checkpoints 10 and 11, completed after the fault had begun, were no promise, and are none for the next loss."""
    history = History("j")
    ran(history)
    history.struck(8.0)
    assert resumed(history, restored_from=9, restored=900) == []
    history.struck(21.0)
    assert history.promised == 9
