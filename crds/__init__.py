"""The three custom resource definitions, as data.

The files beside this module are what `kubectl apply -k` installs; hooks, CLI and local store read the same files to
validate and default. Nothing else in the repository knows a field's type, limit or default.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

KINDS = {"FlinkDeployment": "flinkdeployments", "FlinkCluster": "flinkclusters", "FlinkJob": "flinkjobs"}
"""Kind to plural; the plural is also the file's name."""

# libyaml reads the largest file ten times faster; PyYAML may be built without it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def load(kind: str) -> dict[str, Any]:
    """The whole CustomResourceDefinition of `kind`, one of KINDS, else KeyError. Shared: read it, do not change it."""
    text = files(__name__).joinpath(f"{KINDS[kind]}.yaml").read_text("utf-8")
    crd: dict[str, Any] = yaml.load(text, _LOADER)
    return crd


def schema(kind: str) -> dict[str, Any]:
    """The openAPIV3Schema of a whole object of `kind`, in its one version. Shared: read it, do not change it."""
    version: dict[str, Any] = load(kind)["spec"]["versions"][0]
    result: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return result
