"""What is told while something is waited for, where nobody watches a live line."""

from __future__ import annotations

import pytest

from cli.verdicts import Stopped, waiting
from cli.waiting import Awaited, Lines
from clients.kube import resources

PULL = f"pod x: ErrImagePull: {'no such image ' * 9}"


def test_a_line_has_what_is_new_and_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    one, lines = Awaited(resources.FLINK_JOBS, "ns", "x", Stopped()), Lines()
    for state, text in (
        ("", "no news yet"),
        ("Started", "the JAR comes; a long story"),
        ("Started", "the JAR comes; a long story"),
        ("Started", "waiting for slots; a long story"),
        ("Stopping", "waiting for slots; a long story"),
        ("Stopping", "waiting for slots"),
        ("Stopping", PULL),
        ("Stopping", "waiting for slots"),
        ("Stopping", PULL),
    ):
        one.state, one.verdict = state, waiting(text)
        lines.show([one])
    assert capsys.readouterr().err.splitlines() == [
        "  0.0s flinkjob/x: Started: the JAR comes; a long story",
        "  0.0s flinkjob/x: waiting for slots",
        "  0.0s flinkjob/x: Stopping",
        f"  0.0s flinkjob/x: {PULL}",
        "  0.0s flinkjob/x: waiting for slots",
    ]
