"""What is installed renders, and fits the hooks, the supervisor and each other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import crds
from hooks.app import create_app
from hooks.children.supervisor import ROLE
from hooks.protocol import finished

ROOT = Path(__file__).parent.parent.parent
BASE = ROOT / "metacontroller" / "base"
RENDERED = [
    *sorted(path.parent for path in (ROOT / "metacontroller").glob("overlays/*/kustomization.yaml")),
    ROOT / "examples" / "wordcount",
    ROOT / "examples" / "wordcount" / "kubernetes",
]
kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")

Resource = dict[str, Any]


def rendered(folder: Path) -> list[Resource]:
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def documents(name: str) -> list[Resource]:
    return list(yaml.safe_load_all((BASE / name).read_text("utf-8")))


CONTROLLERS = documents("controllers.yaml")
PARENTS = {"flink-deployment": "flinkdeployments", "flink-cluster": "flinkclusters", "flink-job": "flinkjobs"}


def hooks() -> list[tuple[str, str, Resource]]:
    return [
        (item["metadata"]["name"], name, hook) for item in CONTROLLERS for name, hook in item["spec"]["hooks"].items()
    ]


@kubectl
@pytest.mark.parametrize("folder", RENDERED, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_it_renders(folder: Path) -> None:
    items = rendered(folder)
    identities = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in items]
    assert items and len(set(identities)) == len(identities)


@kubectl
@pytest.mark.parametrize("folder", RENDERED, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_no_pod_runs_an_image_without_a_version(folder: Path) -> None:
    text = yaml.safe_dump_all(item for item in rendered(folder) if item["kind"] != "CustomResourceDefinition")
    images = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.strip(" -").startswith("image:")]
    assert all(":" in image and not image.endswith(":latest") for image in images)


@kubectl
def test_the_default_overlay_is_everything() -> None:
    found = {(item["kind"], item["metadata"]["name"]) for item in rendered(ROOT / "metacontroller/overlays/default")}
    assert {("CustomResourceDefinition", f"{plural}.nextbreakpoint.com") for plural in crds.KINDS.values()} <= found
    assert {(item["kind"], item["metadata"]["name"]) for item in CONTROLLERS} <= found
    assert {("Deployment", "flink-hooks"), ("Service", "flink-hooks"), ("ClusterRole", ROLE)} <= found


# Controllers and hooks.


def test_each_kind_has_one_controller() -> None:
    spec = {item["metadata"]["name"]: item["spec"] for item in CONTROLLERS}
    parents = {name: (it.get("parentResource") or it["resources"][0])["resource"] for name, it in spec.items()}
    assert parents == PARENTS


@pytest.mark.parametrize(
    ("controller", "name", "hook"), hooks(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_hook_is_a_route_of_the_service(controller: str, name: str, hook: Resource) -> None:
    routes = {rule.rule for rule in create_app().url_map.iter_rules() if "POST" in (rule.methods or ())}
    service = next(item for item in documents("hooks.yaml") if item["kind"] == "Service")
    webhook = hook["webhook"]
    assert hook["version"] == "v2"
    assert webhook["path"] == f"/{controller.removeprefix('flink-')}/{name}" and webhook["path"] in routes
    assert webhook["service"]["name"] == service["metadata"]["name"]
    assert webhook["service"]["namespace"] == service["metadata"]["namespace"]
    assert webhook["service"]["port"] in [port["port"] for port in service["spec"]["ports"]]


def test_every_route_is_called() -> None:
    routes = {rule.rule for rule in create_app().url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert routes == {hook["webhook"]["path"] for _, _, hook in hooks()}


# Kind: (apiVersion, resource, what Metacontroller does with a difference)
CHILDREN = {
    "flink-deployment": {
        ("nextbreakpoint.com/v1", "flinkclusters", "InPlace"),
        ("nextbreakpoint.com/v1", "flinkjobs", "InPlace"),
    },
    "flink-cluster": {
        ("v1", "pods", "OnDelete"),
        ("v1", "services", "InPlace"),
        ("v1", "serviceaccounts", "InPlace"),
        ("apps/v1", "deployments", "InPlace"),
        ("rbac.authorization.k8s.io/v1", "rolebindings", "InPlace"),
    },
    "flink-job": {("batch/v1", "jobs", "OnDelete")},
}


@pytest.mark.parametrize("controller", CONTROLLERS, ids=lambda item: item["metadata"]["name"])
def test_update_strategies(controller: Resource) -> None:
    """Never rolling, never recreated: pods and Jobs by name only, all else in place."""
    spec = controller["spec"]
    found = {
        (item["apiVersion"], item["resource"], item["updateStrategy"]["method"])
        for item in spec.get("childResources") or spec["attachments"]
    }
    assert found == CHILDREN[controller["metadata"]["name"]]


@pytest.mark.parametrize("literal", ["cluster", "cluster-with-every-option", "bootstrap"])
def test_a_controller_watches_every_kind_that_its_hook_answers_with(literal: str) -> None:
    """A kind that is not listed would be made, and never changed or deleted."""
    controller = "flink-job" if literal == "bootstrap" else "flink-cluster"
    path = ROOT / "tests" / "data" / "children" / f"{literal}.yaml"
    made = finished(yaml.safe_load_all(path.read_text("utf-8")))
    answered = {(child["apiVersion"], f"{child['kind'].lower()}s") for child in made}
    assert answered <= {(version, resource) for version, resource, _ in CHILDREN[controller]}


def test_selectors_are_generated_for_composites() -> None:
    assert all(item["spec"]["generateSelector"] for item in CONTROLLERS if item["kind"] == "CompositeController")


def test_the_clusters_own_status_wakes_its_hook() -> None:
    """The handshake is published in it, and taken up by the next sync."""
    cluster = next(item for item in CONTROLLERS if item["metadata"]["name"] == "flink-cluster")
    assert "ignoreStatusChanges" not in cluster["spec"]["parentResource"]


# Rights.

# What supervisor/ calls: (group, resource, verb). A watch by name lists first.
CALLS = {
    ("nextbreakpoint.com", "flinkclusters", "get"),  # lane: a look before a submission
    ("nextbreakpoint.com", "flinkclusters", "list"),
    ("nextbreakpoint.com", "flinkclusters", "watch"),
    ("nextbreakpoint.com", "flinkclusters", "patch"),  # cycle: the report
    ("nextbreakpoint.com", "flinkjobs", "get"),  # lane: a look before an effect
    ("nextbreakpoint.com", "flinkjobs", "list"),
    ("nextbreakpoint.com", "flinkjobs", "watch"),
    ("nextbreakpoint.com", "flinkjobs", "patch"),  # lane: the request that was dealt with
    ("nextbreakpoint.com", "flinkjobs/status", "update"),
    ("", "pods", "list"),
    ("", "pods", "watch"),
    ("", "events", "create"),
}


def allowed(role: str) -> set[tuple[str, str, str]]:
    rules = next(item for item in documents("roles.yaml") if item["metadata"]["name"] == role)["rules"]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_supervisor_may_do_what_it_does() -> None:
    assert allowed(ROLE) >= CALLS


def test_the_supervisor_may_do_little_more() -> None:
    """Reading apart: no secrets, no pods made or deleted, nothing of anybody's spec written but annotations."""
    more = {call for call in allowed(ROLE) - CALLS if call[2] not in ("get", "list", "watch")}
    assert more == set()
    assert not [call for call in allowed(ROLE) if "*" in call or call[1] == "secrets"]


def test_editors_may_scale_and_not_write_status() -> None:
    rights = allowed("flink-edit")
    assert ("nextbreakpoint.com", "flinkjobs/scale", "patch") in rights
    assert not [call for call in rights if call[1].endswith("/status")]


# The hooks' own pod.


def test_the_hooks_have_no_access_to_the_kubernetes_api() -> None:
    deployment = next(item for item in documents("hooks.yaml") if item["kind"] == "Deployment")
    assert deployment["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in deployment["spec"]["template"]["spec"]


def test_the_hooks_pod_passes_the_restricted_level_that_its_namespace_enforces() -> None:
    namespace, deployment = documents("hooks.yaml")[:2]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = deployment["spec"]["template"]["spec"]
    assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["seccompProfile"]["type"]) == (
        True,
        "RuntimeDefault",
    )
    for container in spec["containers"]:
        own = container["securityContext"]
        assert (own["allowPrivilegeEscalation"], own["capabilities"]) == (False, {"drop": ["ALL"]})
