"""Phase, conditions and back-off: tables."""

import pytest

from local.kubelet.status import Backoff, ContainerView, keep_times, phase, pod_status, replacing, seconds, timestamp

RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
CREATING = {"waiting": {"reason": "ContainerCreating"}}
CRASHED = {"waiting": {"reason": "CrashLoopBackOff"}}


def ended(code):
    return {"terminated": {"exitCode": code}}


def view(state, last=None, ready=False):
    return ContainerView("c", "i", state, last or {}, ready=ready)


@pytest.mark.parametrize(
    ("policy", "init", "main", "expected"),
    [
        ("Always", [], [CREATING], "Pending"),
        ("Always", [CREATING], [CREATING], "Pending"),
        ("Always", [ended(1)], [CREATING], "Pending"),
        ("Never", [ended(1)], [CREATING], "Failed"),
        ("Never", [ended(0)], [RUNNING], "Running"),
        ("Never", [], [RUNNING, CREATING], "Pending"),
        ("Never", [], [RUNNING, ended(1)], "Running"),
        ("Never", [], [ended(0), ended(1)], "Failed"),
        ("Never", [], [ended(0), ended(0)], "Succeeded"),
        ("OnFailure", [], [ended(1)], "Running"),
        ("OnFailure", [], [ended(0)], "Succeeded"),
        ("Always", [], [ended(0)], "Running"),
    ],
)
def test_the_phase_follows_from_the_containers(policy, init, main, expected):
    assert phase(policy, [view(state) for state in init], [view(state) for state in main]) == expected


def test_a_container_in_a_crash_loop_counts_as_running():
    assert phase("Always", [], [view(CRASHED, ended(1))]) == "Running"


def test_conditions_keep_the_time_of_their_last_turn():
    """A condition that did not turn keeps its time, one that did gets now."""
    pod = {"spec": {"restartPolicy": "Never"}, "metadata": {}}
    first = pod_status(pod, [], [view(RUNNING)], "127.0.0.9", 0)
    second = pod_status({**pod, "status": first}, [], [view(RUNNING, ready=True)], "127.0.0.9", 60)
    times = {item["type"]: (item["status"], item["lastTransitionTime"]) for item in second["conditions"]}
    early, late = "1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z"
    assert times == {
        "PodScheduled": ("True", early),
        "Initialized": ("True", early),
        "ContainersReady": ("True", late),
        "Ready": ("True", late),
    }
    assert second["startTime"] == early


def test_a_pod_that_succeeded_says_so_in_its_conditions():
    status = pod_status({"spec": {"restartPolicy": "Never"}}, [], [view(ended(0))], "127.0.0.9", 0)
    assert [item.get("reason") for item in status["conditions"]] == [None, None, "PodCompleted", "PodCompleted"]


def test_what_is_new_in_conditions_begins_now():
    assert keep_times([], [{"type": "A", "status": "True"}], 0)[0]["lastTransitionTime"] == "1970-01-01T00:00:00Z"


def test_a_patch_removes_what_is_no_longer_there():
    assert replacing({"a": 1, "b": 2}, {"b": 3}) == {"a": None, "b": 3}


@pytest.mark.parametrize(("count", "delay"), [(1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (10_000, 10.0)])
def test_back_off_doubles_up_to_its_limit(count, delay):
    assert Backoff(2, 10).delay(count) == delay


def test_times_are_whole_seconds_of_utc():
    assert timestamp(1_700_000_000.9) == "2023-11-14T22:13:20Z"
    assert seconds("2023-11-14T22:13:20Z") == 1_700_000_000
