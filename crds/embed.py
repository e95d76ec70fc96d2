"""Copies the cluster's and the job's spec into the FlinkDeployment's file: `python -m crds.embed`.

kubectl needs each file to stand alone, and a schema cannot refer to another. So flinkclusters.yaml and flinkjobs.yaml
are the source, flinkdeployments.yaml holds copies, and a test fails when they differ. Works on lines, so that comments
survive.
"""

from pathlib import Path

SPEC = (10, "spec:")
CLUSTER = (14, "cluster:")
JOB = (20, "spec:")
Key = tuple[int, str]


def embed(deployment: str, cluster: str, job: str) -> str:
    """The text of flinkdeployments.yaml with the `spec` blocks of the other two texts in their places."""
    lines = replace(deployment.splitlines(), CLUSTER, block(cluster.splitlines(), SPEC))
    return "\n".join(replace(lines, JOB, block(job.splitlines(), SPEC))) + "\n"


def block(lines: list[str], key: Key) -> list[str]:
    """The lines below `key`, with the key's own indentation taken off."""
    start, end = extent(lines, key)
    return [line[key[0] :] for line in lines[start:end]]


def replace(lines: list[str], key: Key, new: list[str]) -> list[str]:
    """The lines with `new`, indented as the key is, in place of what is below `key`."""
    start, end = extent(lines, key)
    return lines[:start] + [" " * key[0] + line for line in new] + lines[end:]


def extent(lines: list[str], key: Key) -> tuple[int, int]:
    """Where the block below `key` (its indentation and text) starts and ends. ValueError when there is no such line."""
    indentation, text = key
    start = end = lines.index(" " * indentation + text) + 1
    while end < len(lines) and len(lines[end]) - len(lines[end].lstrip()) > indentation:
        end += 1
    return start, end


def main(folder: Path = Path(__file__).parent) -> None:
    """Rewrites flinkdeployments.yaml in `folder`."""
    target = folder / "flinkdeployments.yaml"
    sources = [(folder / name).read_text("utf-8") for name in ("flinkclusters.yaml", "flinkjobs.yaml")]
    target.write_text(embed(target.read_text("utf-8"), *sources), "utf-8")


if __name__ == "__main__":
    main()
