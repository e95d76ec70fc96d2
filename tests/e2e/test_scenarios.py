"""SCENARIOS.md, the marks of the tests and the lists of the peers say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent
ROW = re.compile(r"^\| ([A-Z0-9.]+) \| (.+?) \| (.+?) \|$", re.MULTILINE)
PLACE = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
# How many scenarios, or defects, each list has.
LISTS = {"S": 24, "C5.": 15, "A": 15, "L": 8, "D": 28}

Places = set[tuple[str, str]]


def marked() -> Iterator[tuple[str, str, str]]:
    """Each id that a mark names, with the file and the test."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for test in ast.parse(path.read_text("utf-8")).body:
            if isinstance(test, ast.FunctionDef):
                for id in ids(test):
                    yield id, str(path.relative_to(TESTS)), test.name


def ids(test: ast.FunctionDef) -> Iterator[str]:
    for mark in test.decorator_list:
        match mark:
            case ast.Call(func=ast.Attribute(attr="scenario"), args=args):
                yield from map(ast.literal_eval, args)
            case ast.Call(func=ast.Attribute(attr="defect"), args=args):
                yield from (f"D{ast.literal_eval(number)}" for number in args)


def rows() -> dict[str, tuple[Places, str]]:
    """Each id of the table: the tests that it names, and the whole last column."""
    found = ROW.findall((HERE / "SCENARIOS.md").read_text("utf-8"))
    assert len(found) == len({id for id, _, _ in found}), "an id has two rows"
    return {id: (set(PLACE.findall(shown)), shown) for id, _, shown in found}


def test_every_id_has_a_row() -> None:
    assert set(rows()) == {f"{name}{number}" for name, count in LISTS.items() for number in range(1, count + 1)}


def test_a_row_names_the_tests_that_bear_its_mark() -> None:
    bearing: dict[str, Places] = {id: set() for id in rows()}
    for id, path, test in marked():
        bearing[id].add((path, test))
    assert {id: places for id, (places, _) in rows().items()} == bearing


def test_what_no_test_shows_has_a_reason() -> None:
    for id, (places, shown) in rows().items():
        assert places or re.fullmatch(r"not (applicable|shown yet): .{20,}", shown), id


def test_a_scenario_is_shown_end_to_end() -> None:
    assert {path for id, path, _ in marked() if not id.startswith("D") and not path.startswith("e2e/")} == set()
