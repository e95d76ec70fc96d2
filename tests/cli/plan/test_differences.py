"""Two objects side by side."""

from __future__ import annotations

from typing import Any

import pytest

from cli.plan.differences import LONGEST, Field, fields

LONG = ["--rate", "50", "--checkpoint-interval", "3000", "--name", "a-rather-long-name"]


def between(before: Any, after: Any) -> Field:
    first, second = ({"metadata": {}, "spec": {"arguments": value}} for value in (before, after))
    (field,) = fields(first, second)
    return field


@pytest.mark.parametrize(
    ("before", "after"),
    [(["a"], ["b"]), ([*LONG, "1"], [*LONG, "2"]), (["1", *LONG], ["2", *LONG]), (None, LONG), (LONG, [*LONG, "x"])],
)
def test_what_differs_is_in_sight(before: Any, after: Any) -> None:
    field = between(before, after)
    assert field.before != field.after
    assert max(map(len, field[1:])) <= LONGEST


def test_an_end_that_differs_is_shown_with_what_is_before_it() -> None:
    field = between([*LONG, "1"], [*LONG, "2"])
    assert field.before.startswith("…") and field.before.endswith('long-name", "1"]')


def test_of_a_secret_not_even_that_is_shown() -> None:
    field = between([*LONG, "--password=one"], [*LONG, "--password=two"])
    assert "one" not in field.before and "two" not in field.after


def test_parts_are_known_by_their_names() -> None:
    one, two, new = ({"name": name, "spec": {"jobParallelism": 1}} for name in ("one", "two", "new"))
    first, second = ({"metadata": {}, "spec": {"jobs": jobs}} for jobs in ([one, two], [two, new]))
    assert [(field.path, field.before == "", field.after == "") for field in fields(first, second)] == [
        ("spec.jobs[0]", False, True),
        ("spec.jobs[1]", True, False),
    ]
