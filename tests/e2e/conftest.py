"""The place, once for the whole run; the world is the same for all files, each of which has clusters of its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from local.metacontroller import Faults, Guards

from . import places
from .places import Place
from .story import story
from .world import World


@pytest.hookimpl
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What this place cannot do is not run in it, rather than counted as skipped."""
    elsewhere = "only_local" if config.getoption("--cluster") else "only_on_a_cluster"
    left = [item for item in items if item.get_closest_marker(elsewhere)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory: Path = tmp_path_factory.mktemp("e2e")
    seed = request.config.getoption("--faults")
    faults = None if seed is None else Faults(seed)
    with places.on_cluster() if request.config.getoption("--cluster") else places.local(directory, faults) as found:
        yield found


@pytest.fixture(autouse=True)
def no_findings(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the hooks made the loop do in this scenario was sound."""
    guards = request.getfixturevalue("place").guards if "place" in request.fixturenames else Guards()
    before = guards.findings
    yield
    assert [str(finding) for finding in guards.findings if finding not in before] == []


@pytest.fixture(scope="session")
def world(place: Place) -> World:
    return World(place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure says what the world looked like."""
    report = yield
    world = getattr(item, "funcargs", {}).get("world")
    if report.failed and isinstance(world, World):
        report.sections.append(("world", story(world)))
    return report
