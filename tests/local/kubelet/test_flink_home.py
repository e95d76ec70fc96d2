"""Which Flink an image's tag means, and how one that is not installed gets here: by a real pip, from a folder."""

import importlib.metadata
import time
import zipfile
from pathlib import Path

import pytest

from clients.kube import resources as r
from local.kubelet import flink_home
from local.kubelet.launch import ImagePending, ImageProblem

OTHER = "1.20.99"
INSTALLED = importlib.metadata.version("apache-flink-libraries")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The only packages that pip knows; the cache is empty."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(flink_home, "_REMEMBERED", 0.5)
    return folder


def publish(index: Path, version: str) -> None:
    name = f"apache_flink_libraries-{version}"
    files = {
        "pyflink/lib/flink-dist.jar": "",
        f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: apache-flink-libraries\nVersion: {version}\n",
        f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{name}.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(index / f"{name}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


def found(version: str) -> flink_home.Home:
    """Asks until it is there, as a pod does."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            return flink_home.find_home(version)
        except ImagePending:
            time.sleep(0.02)
    pytest.fail("pending for a minute")


@pytest.mark.parametrize("version", [INSTALLED, INSTALLED.rpartition(".")[0]])
def test_the_installed_one_is_used_as_it_is(index, version):
    assert list((found(version).folder / "lib").glob(f"flink-dist-{INSTALLED}.jar"))


def test_another_one_is_installed_once(index):
    """Nobody is held up meanwhile, and the next one who asks needs no pip."""
    publish(index, OTHER)
    with pytest.raises(ImagePending, match=f"pip installs Flink {OTHER} to "):
        flink_home.find_home(OTHER)
    home = found(OTHER)
    assert (home.folder / "lib" / "flink-dist.jar").is_file()
    next(index.iterdir()).unlink()
    assert flink_home.find_home(OTHER) == home
    assert {path.name for path in home.cache.iterdir()} == {f"flink-{OTHER}", f"flink-{OTHER}.lock"}


@pytest.mark.parametrize(("published", "asked"), [(OTHER, "1.20"), ("2.3.99", "2.3.99")])
def test_a_minor_version_is_its_newest_release_and_a_full_one_is_exact(index, published, asked):
    publish(index, published)
    assert (found(asked).folder / "lib" / "flink-dist.jar").is_file()


def test_a_failure_is_one_line_and_not_the_end(index):
    """It names the version and what pip said, for every pod that waits; nothing half installed is left."""
    for _ in range(2):
        with pytest.raises(ImageProblem, match=f"pip cannot install Flink {OTHER}: ERROR: .*=={OTHER}") as caught:
            found(OTHER)
        assert "\n" not in str(caught.value)
    publish(index, OTHER)
    end = time.monotonic() + 60
    while True:
        try:
            home = found(OTHER)
            break
        except ImageProblem:
            assert time.monotonic() < end
            time.sleep(0.1)
    assert (home.folder / "lib" / "flink-dist.jar").is_file()


def test_a_registry_that_does_not_answer_is_told(index, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(ImageProblem, match=f"Flink {OTHER}: no package registry answers; PIP_INDEX_URL names"):
        found(OTHER)


def test_what_an_interrupted_installation_left_is_no_flink(index):
    (flink_home.find_home(INSTALLED).cache / f"flink-{OTHER}.part" / "pyflink" / "half").mkdir(parents=True)
    publish(index, OTHER)
    assert not (found(OTHER).folder / "half").exists()


def test_a_pod_tells_what_it_waits_for_and_starts(index, world):
    """ContainerCreating while pip is at work."""
    publish(index, OTHER)
    name = world.pod("echo up", container={"image": f"registry.example/flink:{OTHER}-java17"})
    told = world.until(name, lambda pod: world.state(pod)["state"].get("waiting", {}).get("message"))
    waiting = world.state(told)["state"]["waiting"]
    assert waiting["reason"] == "ContainerCreating"
    assert waiting["message"].startswith(f"pip installs Flink {OTHER} to ")
    world.until_phase(name, "Succeeded")
    assert world.log(name) == "up\n"


def test_a_pod_tells_why_it_cannot_start(index, world):
    name = world.pod("true", container={"image": f"flink:{OTHER}"})
    pod = world.until(name, lambda pod: "Back" in world.state(pod)["state"].get("waiting", {}).get("message", ""))
    waiting = world.state(pod)["state"]["waiting"]
    assert waiting["reason"] == "ImagePullBackOff"
    assert f"pip cannot install Flink {OTHER}" in waiting["message"]
    world.client.delete(r.PODS, name, namespace="default")
    world.until_gone(name)
