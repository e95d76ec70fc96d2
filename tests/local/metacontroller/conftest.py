"""A world of its own for each test: on the loop and store here, or on the cluster that --cluster means."""

from pathlib import Path

import pytest

from .places import Cluster, Emulator
from .toys import Hooks
from .world import World


@pytest.hookimpl
def pytest_collection_modifyitems(config, items):
    """With --cluster only what can be seen on one."""
    if config.getoption("--cluster"):
        here = [item for item in items if Path(__file__).parent in item.path.parents]
        left = [item for item in here if "world" not in item.fixturenames]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.fixture
def hooks():
    server = Hooks()
    yield server
    server.close()


@pytest.fixture(scope="session")
def cluster(request):
    if not request.config.getoption("--cluster"):
        yield None
        return
    found = Cluster()
    yield found
    found.close()


@pytest.fixture
def emulator(tmp_path):
    place = Emulator(tmp_path)
    yield place
    place.close()


@pytest.fixture
def local(emulator):
    """A world here, for what can only be told from inside."""
    world = World(emulator)
    yield world
    world.close()


@pytest.fixture
def world(request, cluster):
    """Here, or on the cluster."""
    found = World(cluster or request.getfixturevalue("emulator"))
    yield found
    found.close()
