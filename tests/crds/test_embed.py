"""FlinkDeployment's copies of the cluster's and the job's spec are the source's, to the letter."""

from pathlib import Path

import pytest

import crds
from crds import embed

FOLDER = Path(crds.__file__).parent
NAMES = ("flinkdeployments.yaml", "flinkclusters.yaml", "flinkjobs.yaml")


def test_copies_are_the_source() -> None:
    deployment, cluster, job = ((FOLDER / name).read_text("utf-8") for name in NAMES)
    assert deployment == embed.embed(deployment, cluster, job), "copies differ: run `python -m crds.embed`"


def test_copies_mean_what_the_source_means() -> None:
    spec = crds.schema("FlinkDeployment")["properties"]["spec"]["properties"]
    assert spec["cluster"] == crds.schema("FlinkCluster")["properties"]["spec"]
    assert spec["jobs"]["items"]["properties"]["spec"] == crds.schema("FlinkJob")["properties"]["spec"]


def test_command_rewrites_the_copies_and_only_them(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text((FOLDER / name).read_text("utf-8"), "utf-8")
    source = tmp_path / "flinkjobs.yaml"
    source.write_text(source.read_text("utf-8").replace("default: 180", "default: 181"), "utf-8")
    embed.main(tmp_path)
    before, after = ((folder / NAMES[0]).read_text("utf-8") for folder in (FOLDER, tmp_path))
    assert after == before.replace("default: 180", "default: 181") != before


def test_block_ends_where_the_indentation_does() -> None:
    assert embed.block(["a:", "  spec:", "    x: 1", "      y: 2", "  status:"], (2, "spec:")) == ["  x: 1", "    y: 2"]


def test_missing_place_is_an_error() -> None:
    with pytest.raises(ValueError):
        embed.embed("spec:\n", "x: 1\n", "y: 2\n")
