"""The overlay for Metacontroller itself, around a stand-in of its own manifests, which are on another server."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.hooks.security import restricted_violations

from .rendering import INSTALL, Resource, kubectl, of_kind, pod_specs, rendered

pytestmark = kubectl
METADATA = {"name": "metacontroller", "namespace": "metacontroller"}
THEIRS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "metacontroller"}},
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "metacontroller"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
    },
    {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": METADATA,
        "spec": {
            "template": {"spec": {"containers": [{"name": "metacontroller", "image": "x:1", "args": ["--their=own"]}]}}
        },
    },
]


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> tuple[Resource, ...]:
    folder: Path = tmp_path_factory.mktemp("metacontroller").resolve()
    shutil.copytree(INSTALL / "overlays" / "metacontroller", folder, dirs_exist_ok=True)
    (folder / "theirs").mkdir()
    (folder / "theirs" / "all.yaml").write_text(yaml.safe_dump_all(THEIRS), "utf-8")
    (folder / "theirs" / "kustomization.yaml").write_text("resources: [all.yaml]", "utf-8")
    ours = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    (url,) = ours["resources"]
    assert url.endswith("//manifests/production?ref=v4.17.2")
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({**ours, "resources": ["theirs"]}), "utf-8")
    return rendered(folder)


def test_its_own_rights_are_its_own_business(items: tuple[Resource, ...]) -> None:
    """Every wildcard is gone, and nothing of any workload is left: that comes with the plugins' own roles."""
    (role,) = of_kind(items, "ClusterRole")
    assert {group for rule in role["rules"] for group in rule["apiGroups"]} == {
        "metacontroller.k8s.io",
        "apiextensions.k8s.io",
        "",
    }
    assert "*" not in str(role["rules"])


def test_its_flags_come_after_those_it_has(items: tuple[Resource, ...]) -> None:
    (container,) = pod_specs(items)["metacontroller"]["containers"]
    assert container["args"][0] == "--their=own"
    assert {flag.partition("=")[0] for flag in container["args"][1:]} == {"--client-go-qps", "--client-go-burst"}


def test_it_passes_the_restricted_level_that_its_namespace_enforces(items: tuple[Resource, ...]) -> None:
    (namespace,) = of_kind(items, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert restricted_violations(pod_specs(items)["metacontroller"]) == []
