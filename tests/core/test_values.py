"""The small pure functions: one spelling, names, times, conditions, stored records, readings of a spec."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

import pytest

from core import canonical, conditions, job, names, spec, times
from core.cluster import Report
from core.conditions import Condition
from core.job_status import Delivery, JobStatus, RecoveryPoint, Stop
from core.records import Record
from core.states import Phase, StoppedBy


@pytest.mark.parametrize(
    ("value", "stripped"),
    [
        ({"a": None, "b": {}, "c": [], "d": 0, "e": "", "f": False}, {"d": 0, "e": "", "f": False}),
        ({"a": {"b": {"c": None}}}, {}),
        ([{"a": None}, {}], [{}, {}]),
        ({"volumes": [{"name": "x", "emptyDir": {}}]}, {"volumes": [{"name": "x", "emptyDir": {}}]}),
        ({"emptyDir": {"medium": None}}, {"emptyDir": {}}),
        ({"emptyDir": None, "labelSelector": {}}, {"labelSelector": {}}),
        ({"a": (1, 2)}, {"a": [1, 2]}),
    ],
)
def test_stripped(value, stripped):
    assert canonical.stripped(value) == stripped
    assert canonical.stripped(stripped) == stripped


def test_equal_values_have_equal_text_and_digest():
    assert canonical.canonical_json({"b": 1, "a": "é"}) == '{"a":"é","b":1}'
    assert canonical.digest({"b": 1, "a": 2}) == canonical.digest({"a": 2, "b": 1})
    assert len(canonical.digest({}, 32)) == 32


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_does_not_have_is_not_written(value):
    with pytest.raises(ValueError):
        canonical.canonical_json({"a": value})


def test_a_spelled_out_default_is_no_difference():
    assert canonical.without_defaults({"a": 1, "b": 2, "c": None}, {"a": 1, "b": 3}) == {"b": 2}


# Names.


def test_names():
    assert names.jobmanager_service("demo") == "jobmanager-demo"
    assert names.jobmanager_pod("demo", "0badcafe", 2) == "jobmanager-demo-0badcafe-2"
    assert names.taskmanager_pod("demo", "0badcafe", 2, 5) == "taskmanager-demo-0badcafe-2-5"
    assert names.supervisor_deployment("demo") == "supervisor-demo"
    assert names.bootstrap_job("demo-a", 3) == "bootstrap-demo-a-3"


def test_the_longest_names_that_the_crds_allow_are_names_of_kubernetes():
    """63 where the name is a DNS label or becomes a label's value, 253 for a pod."""
    cluster, job = "c" * 38, "j" * 48
    assert len(names.jobmanager_service(cluster)) <= 63
    assert len(names.supervisor_deployment(cluster)) <= 63
    assert len(names.bootstrap_job(job, 9999)) <= 63
    assert len(names.taskmanager_pod(cluster, "0badcafe", 10**9, 10**4)) <= 253


def test_labels_without_what_does_not_apply():
    assert "role" not in names.labels("demo") and "jobName" not in names.labels("demo")
    assert names.labels("demo", role="x", job="y").items() >= {"role": "x", "jobName": "y"}.items()


def test_selector():
    assert names.selector("demo", role="taskmanager") == (
        "clusterName=demo,owner=flink-operator,component=flink,role=taskmanager"
    )


@pytest.mark.parametrize(
    ("name", "labels", "cluster_name", "clusters", "bound"),
    [
        ("demo-a", {}, None, ("demo",), "demo"),
        ("demo-two-a", {}, None, ("demo", "demo-two"), "demo-two"),
        ("demo-two-a", {}, None, ("demo",), "demo"),
        ("demo", {}, None, ("demo",), ""),
        ("demos-a", {}, None, ("demo",), ""),
        ("a", {"clusterName": "x"}, None, ("demo",), "x"),
        ("demo-a", {"clusterName": "x"}, "y", ("demo",), "y"),
        ("demo-a", None, "", (), ""),
    ],
)
def test_bound_cluster(name, labels, cluster_name, clusters, bound):
    metadata = {"name": name, "labels": labels}
    assert names.bound_cluster(metadata, {"clusterName": cluster_name}, clusters) == bound


# Times.


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T05:04:05+02:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.250000Z", datetime(2026, 1, 2, 3, 4, 5, 250000, tzinfo=UTC)),
        ("2026-01-02T03:04:05", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_from_text(text, moment):
    """A time without a zone is none: it would mean another moment on another machine."""
    assert times.from_text(text) == moment


def test_to_text_and_back():
    assert times.to_text(times.from_millis(1_767_323_045_000)) == "2026-01-02T03:04:05Z"


def test_the_newest_write_of_all_objects():
    objects = [
        {
            "metadata": {
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "managedFields": [{"time": "2026-01-03T00:00:00Z"}],
            }
        },
        {"metadata": {"deletionTimestamp": "2026-01-02T00:00:00Z"}, "status": {"startTime": "nonsense"}},
        {"status": {"conditions": [{"lastTransitionTime": "2026-01-02T12:00:00Z"}]}},
    ]
    assert times.newest(objects) == "2026-01-03T00:00:00Z"
    assert times.newest([{}, {"metadata": None, "status": None}]) == ""


# Conditions.


def test_a_condition_keeps_its_time_while_its_status_stays():
    old = [{"type": "Ready", "status": "True", "lastTransitionTime": "then", "reason": "A"}]
    same = conditions.merged(old, [Condition("Ready", True, "B", "new words")], generation=2, now="now")
    other = conditions.merged(old, [Condition("Ready", False, "B")], generation=2, now="now")
    assert (same[0]["lastTransitionTime"], same[0]["reason"], same[0]["observedGeneration"]) == ("then", "B", 2)
    assert other[0]["lastTransitionTime"] == "now"


def test_conditions_are_sorted_and_messages_bounded():
    found = conditions.merged(
        [], [Condition("B", True, "X", "m" * 5000), Condition("A", False, "X")], generation=1, now=""
    )
    assert [item["type"] for item in found] == ["A", "B"]
    assert len(found[1]["message"]) == conditions.MAX_MESSAGE
    assert "lastTransitionTime" not in found[0]


@pytest.mark.parametrize(
    ("generation", "observed", "status", "true"),
    [
        (2, 2, "True", True),
        (2, 3, "True", True),
        (2, 1, "True", False),
        (2, 2, "False", False),
        (1, None, "True", False),
    ],
)
def test_only_what_is_said_about_this_generation_is_true(generation, observed, status, true):
    said = {"conditions": [{"type": "Ready", "status": status}]}
    if observed is not None:
        said["observedGeneration"] = observed
    assert conditions.is_true({"metadata": {"generation": generation}, "status": said}, "Ready") is true


# Records.


class Word(StrEnum):
    PLAIN = ""
    OTHER = "Other"


@dataclass(frozen=True)
class Inner(Record):
    some_text: str = ""


@dataclass(frozen=True)
class Outer(Record):
    always: ClassVar[frozenset[str]] = frozenset({"kept"})
    kept: int = 0
    a_word: Word = Word.PLAIN
    inner: Inner = field(default_factory=Inner)
    several: tuple[Inner, ...] = ()
    texts: tuple[str, ...] = ()
    free: dict[str, Any] = field(default_factory=dict)
    flag: bool = False


def test_defaults_are_not_written_except_where_they_always_are():
    assert Outer().to_json() == {"kept": 0}


FULL = Outer(3, Word.OTHER, Inner("x"), (Inner("y"), Inner()), ("z",), {"a": [1]}, True)


def test_there_and_back():
    stored = FULL.to_json()
    assert stored == {
        "kept": 3,
        "aWord": "Other",
        "inner": {"someText": "x"},
        "several": [{"someText": "y"}, {}],
        "texts": ["z"],
        "free": {"a": [1]},
        "flag": True,
    }
    assert Outer.from_json(stored) == FULL


@pytest.mark.parametrize("value", [None, [], "x", 7, {}, {"unknown": 1}, {"kept": None, "inner": None}])
def test_what_says_nothing_is_the_default(value):
    assert Outer.from_json(value) == Outer()


@pytest.mark.parametrize(
    "value",
    [{"kept": "3"}, {"kept": {}}, {"aWord": "Word"}, {"texts": "z"}, {"texts": [1]}, {"free": []}, {"flag": "true"}],
)
def test_what_a_field_cannot_have_is_refused(value):
    with pytest.raises(ValueError):
        Outer.from_json(value)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "7", '{"restarts": "1"}', '{"releasable": "all"}'])
def test_a_report_that_cannot_be_read_is_none(text):
    assert Report.parse(text) == Report()


def test_a_report_there_and_back():
    report = Report("0badcafe", 2, True, "2.3.0", 1, ("tm-0",), True, True, 3, 1, "ö")
    assert Report.parse(report.text()) == report


def test_a_job_status_there_and_back():
    status = JobStatus(
        supervisor_status=Phase.STOPPING,
        delivery=Delivery(1, 2, "d", "i", "p", {"image": "x"}, {"k": "v"}, "t"),
        recovery_points=(RecoveryPoint("p", "SAVEPOINT", "t", "j", 3),),
        stop=Stop("t", True, next=Phase.STARTING, stopped_by=StoppedBy.SPEC),
        conditions=({"type": "Ready"},),
        digest={"bootstrap": "d"},
    )
    assert JobStatus.from_json(status.to_json()) == status


# Specs.


def test_null_is_the_default():
    body = {"a": None}
    assert (spec.whole(body, "a", 7), spec.text(body, "a", "x")) == (7, "x")
    assert (spec.flag(body, "a"), spec.flag(body, "a", True)) == (False, True)
    assert spec.flag({"a": False}, "a", True) is False
    assert (spec.part(body, "a"), spec.items(body, "a"), spec.texts(body, "a")) == ({}, [], {})


def test_texts_are_spelled_as_a_user_would_quote_them():
    assert spec.texts({"a": {"b": 1, "c": True, "d": "x", "e": None}}, "a") == {"b": "1", "c": "true", "d": "x"}


def test_a_part_is_a_copy():
    body = {"a": {"b": 1}}
    spec.part(body, "a")["b"] = 2
    assert body == {"a": {"b": 1}}


@pytest.mark.parametrize(("value", "low", "high", "found"), [(5, 0, 3, 3), (-1, 0, 3, 0), (2, 0, 3, 2), (5, 4, 3, 4)])
def test_clamp(value, low, high, found):
    assert spec.clamp(value, low, high) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"jobParallelism": 1, "minJobParallelism": 2}, 2),
        ({"jobParallelism": 9, "maxJobParallelism": 4}, 4),
        ({"jobParallelism": 0, "minJobParallelism": 2}, 0),
        ({"jobParallelism": None, "minJobParallelism": 2}, 0),
        ({"jobParallelism": 3, "suspend": True}, 0),
    ],
)
def test_parallelism_is_kept_within_its_limits_unless_it_suspends(body, found):
    assert job.read({"metadata": {"name": "demo-a"}, "spec": body}).parallelism == found
