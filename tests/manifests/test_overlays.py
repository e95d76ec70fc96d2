"""Every overlay with every choice of components renders, and fits itself, the hooks and the supervisor."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import crds
from core import cluster as clusters
from core import names
from hooks.app import create_app
from hooks.children import bootstrap, jobmanager, supervisor, taskmanager
from hooks.install import DEFAULT
from tests.hooks.security import restricted_violations
from tests.hooks.worlds import flink_cluster

from .rendering import (
    COMPONENTS,
    INSTALL,
    OVERLAYS,
    ROOT,
    Resource,
    around,
    choices,
    identity,
    kubectl,
    of_kind,
    pod_specs,
    rendered,
)

pytestmark = kubectl
every_choice = pytest.mark.parametrize(("overlay", "components"), choices(OVERLAYS, COMPONENTS), ids=str)
EXAMPLES = [ROOT / "examples" / "wordcount", ROOT / "examples" / "wordcount" / "kubernetes"]

ROLES = {"flink-metacontroller-read", "flink-metacontroller-write", "flink-supervisor"}
SHARED = next(yaml.safe_load_all((INSTALL / "components" / "shared-supervisor" / "supervisor.yaml").read_text("utf-8")))
SHARED_LABELS = SHARED["spec"]["template"]["metadata"]["labels"]
CONTROLLERS = {"flink-deployment", "flink-cluster", "flink-job"}
ADDED = {
    "image-volumes": set[str](),
    "network-policy": {"NetworkPolicy"},
    "prometheus": {"ServiceMonitor", "PodMonitor"},
}


def names_of(items: tuple[Resource, ...], *kinds: str) -> set[str]:
    return {item["metadata"]["name"] for item in of_kind(items, *kinds)}


@every_choice
def test_it_renders_what_its_parts_say(overlay: str, components: tuple[str, ...]) -> None:
    items, alone = around(overlay, components), around(overlay)
    assert len({identity(item) for item in items}) == len(items)
    more = {kind for name in components for kind in ADDED[name]}
    assert {item["kind"] for item in items} - {item["kind"] for item in alone} == more
    assert {identity(item) for item in items} >= {identity(item) for item in alone}


@every_choice
def test_every_webhook_leads_to_the_hooks(overlay: str, components: tuple[str, ...]) -> None:
    fits_itself(around(overlay, components))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_prefix_and_a_namespace_reach_every_place(overlay: str) -> None:
    items = around(overlay, COMPONENTS, namePrefix="x-", namespace="elsewhere")
    fits_itself(items)
    (service,) = of_kind(items, "Service")
    assert service["metadata"]["namespace"] == "elsewhere" and service["metadata"]["name"].startswith("x-")
    text = yaml.safe_dump_all(item for item in items if item["kind"] != "CustomResourceDefinition")
    assert "flink-system" not in text


def fits_itself(items: tuple[Resource, ...]) -> None:
    """Each name that a resource says of another is that of one that is there."""
    (service,), deployment = of_kind(items, "Service"), hooks_of(items)
    controllers = of_kind(items, "CompositeController", "DecoratorController")
    hooks = [hook["webhook"]["service"] for item in controllers for hook in item["spec"]["hooks"].values()]
    where = {"name": service["metadata"]["name"], "namespace": service["metadata"]["namespace"], "port": 8080}
    assert len(hooks) == 7 and all(hook == where for hook in hooks)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (service["spec"]["selector"], deployment["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()
    roles, accounts = names_of(items, "ClusterRole"), {identity(item) for item in of_kind(items, "ServiceAccount")}
    for binding in of_kind(items, "RoleBinding", "ClusterRoleBinding"):
        assert binding["roleRef"]["name"] in names_of(items, binding["roleRef"]["kind"])
        (subject,) = binding["subjects"]
        account = (subject["kind"], subject["namespace"], subject["name"])
        assert account in {("ServiceAccount", "metacontroller", "metacontroller"), *accounts}
    (supervisor_role,) = [name for name in roles if name.endswith(DEFAULT.supervisor_role)]
    assert variables(deployment)["FLINK_SUPERVISOR_ROLE"] == supervisor_role
    bound = [
        rule["resourceNames"]
        for item in of_kind(items, "ClusterRole")
        for rule in item["rules"]
        if "bind" in rule["verbs"]
    ]
    assert bound == [[supervisor_role]]
    policies = names_of(items, "ValidatingAdmissionPolicy")
    assert {item["spec"]["policyName"] for item in of_kind(items, "ValidatingAdmissionPolicyBinding")} == policies
    for item in of_kind(items, "NetworkPolicy"):
        wanted = item["spec"]["podSelector"]["matchLabels"].items()
        assert wanted <= labels.items() or wanted <= SHARED_LABELS.items()
    for item in of_kind(items, "PodDisruptionBudget"):
        wanted = item["spec"]["selector"]["matchLabels"].items()
        assert wanted <= labels.items() or wanted <= SHARED_LABELS.items()
    for item in of_kind(items, "ServiceMonitor"):
        assert item["metadata"]["namespace"] == service["metadata"]["namespace"]
        assert item["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert {end["port"] for end in item["spec"]["endpoints"]} == {port["name"] for port in service["spec"]["ports"]}


def variables(deployment: Resource) -> dict[str, str]:
    return {item["name"]: item["value"] for item in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}


def hooks_of(items: tuple[Resource, ...]) -> Resource:
    found = of_kind(items, "Deployment")
    return next(item for item in found if item["metadata"]["name"].endswith("flink-hooks"))


@every_choice
def test_pods_pass_the_restricted_level(overlay: str, components: tuple[str, ...]) -> None:
    found = pod_specs(around(overlay, components))
    assert len(found) == (2 if overlay == "shared-supervisor" else 1)
    assert {name: restricted_violations(spec) for name, spec in found.items()} == {name: [] for name in found}


@pytest.mark.parametrize("folder", [*(INSTALL / "overlays" / name for name in OVERLAYS), *EXAMPLES], ids=str)
def test_no_pod_runs_an_image_without_a_version(folder: Path) -> None:
    text = yaml.safe_dump_all(item for item in rendered(folder) if item["kind"] != "CustomResourceDefinition")
    images = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.strip(" -").startswith("image:")]
    assert all(":" in image and not image.endswith(":latest") for image in images)


def test_the_default_is_everything() -> None:
    items = around("default")
    assert names_of(items, "CustomResourceDefinition") == {
        f"{plural}.nextbreakpoint.com" for plural in crds.KINDS.values()
    }
    assert names_of(items, "ClusterRole") == ROLES | {"flink-view", "flink-edit"}
    assert names_of(items, "ClusterRoleBinding") == {"flink-metacontroller-read", "flink-metacontroller-write"}
    assert names_of(items, "CompositeController", "DecoratorController") == CONTROLLERS
    (namespace,) = of_kind(items, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert namespace["metadata"]["name"] == "flink-system"


def test_two_hooks_one_of_which_is_always_there() -> None:
    items, (deployment,) = around("ha"), of_kind(around("ha"), "Deployment")
    assert deployment["spec"]["replicas"] == 2
    assert [item["spec"]["minAvailable"] for item in of_kind(items, "PodDisruptionBudget")] == [1]
    assert {identity(item) for item in items} - {identity(item) for item in around("default")} == {
        ("PodDisruptionBudget", "flink-system", "flink-hooks")
    }


# One team's own install.


def test_the_overlay_to_copy_is_such_a_copy() -> None:
    ours, copy = rendered(INSTALL / "overlays" / "namespaced"), around("namespaced")
    assert {identity(item) for item in ours} == {
        tuple(text.replace("team-a", "flink-team") for text in identity(item)) for item in copy
    }
    assert selectors(ours) == [{"matchLabels": {names.LABEL_INSTALL: "flink-team"}}] * 3


def test_a_team_gets_rights_to_write_in_its_namespace_only() -> None:
    items = around("namespaced")
    (binding,) = of_kind(items, "RoleBinding")
    assert (binding["metadata"]["namespace"], binding["roleRef"]["name"]) == (
        "team-a",
        "team-a-flink-metacontroller-write",
    )
    assert [item["roleRef"]["name"] for item in of_kind(items, "ClusterRoleBinding")] == [
        "team-a-flink-metacontroller-read"
    ]
    assert not of_kind(items, "Namespace", "CustomResourceDefinition")


def selectors(items: tuple[Resource, ...]) -> list[Resource]:
    found = [item["spec"] for item in of_kind(items, "CompositeController", "DecoratorController")]
    return [(spec.get("parentResource") or spec["resources"][0])["labelSelector"] for spec in found]


def test_two_teams_have_nothing_in_common() -> None:
    one, two = (around("namespaced", COMPONENTS, namespace=name, namePrefix=f"{name}-") for name in ("a", "b"))
    # kustomize gives cluster-wide resources a namespace too, which the API server drops.
    assert not {(item["kind"], item["metadata"]["name"]) for item in one} & {
        (item["kind"], item["metadata"]["name"]) for item in two
    }
    for name, items in (("a", one), ("b", two)):
        assert selectors(items) == [{"matchLabels": {names.LABEL_INSTALL: name}}] * 3
        (label,) = of_kind(items, "ValidatingAdmissionPolicyBinding")
        assert label["spec"]["matchResources"]["namespaceSelector"] == {
            "matchLabels": {"kubernetes.io/metadata.name": name}
        }


# Components.


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_image_volumes_are_a_variable_of_the_hooks(overlay: str) -> None:
    without, given = (hooks_of(around(overlay, parts)) for parts in ((), ("image-volumes",)))
    assert variables(given) == {**variables(without), "FLINK_IMAGE_VOLUMES": "true"}


def pods_of_a_cluster() -> dict[str, Resource]:
    """Role: {labels, names of ports}."""
    cluster = clusters.read(flink_cluster())
    (deployment,) = of_kind(supervisor.make_all(cluster, role="x"), "Deployment")
    made = {
        names.JOBMANAGER: jobmanager.make_pod(cluster, revision="r", incarnation=1),
        names.TASKMANAGER: taskmanager.make_pod(cluster, revision="r", incarnation=1, number=0),
        names.SUPERVISOR: deployment["spec"]["template"],
        names.BOOTSTRAP: bootstrap.make_job(
            name="j",
            namespace="n",
            uid="u",
            cluster="c",
            delivery=bootstrap.Delivery(image="i", bootstrap={"jarPath": "/x"}),
        )["spec"]["template"],
    }
    return {
        role: {
            "labels": pod["metadata"]["labels"],
            "ports": {port["name"] for item in pod["spec"]["containers"] for port in item.get("ports", [])},
        }
        for role, pod in made.items()
    }


def selected(selector: Resource) -> set[str]:
    """The roles that a label selector means."""

    def fits(labels: dict[str, str]) -> bool:
        return selector.get("matchLabels", {}).items() <= labels.items() and all(
            labels.get(term["key"]) in term["values"] for term in selector.get("matchExpressions", [])
        )

    return {role for role, pod in pods_of_a_cluster().items() if fits(pod["labels"])}


def test_who_reaches_what_in_a_teams_namespace() -> None:
    items = yaml.safe_load_all((INSTALL / "components/team-network-policy/flink.yaml").read_text("utf-8"))
    reached: dict[str, set[tuple[str, str]]] = {}
    for item in items:
        (target,) = selected(item["spec"]["podSelector"])
        reached[target] = {
            (source, port)
            for rule in item["spec"].get("ingress", [])
            for peer in rule["from"]
            for source in sources(peer)
            for port in ([entry["port"] for entry in rule["ports"]] if "ports" in rule else ["any"])
        }
        ports = {port for _, port in reached[target]} - {"any"}
        assert ports <= pods_of_a_cluster()[target]["ports"]
    assert reached == {
        "jobmanager": {
            ("supervisor", "ui"),
            ("bootstrap", "ui"),
            ("shared supervisor", "ui"),
            ("taskmanager", "rpc"),
            ("taskmanager", "blob"),
        },
        "taskmanager": {("jobmanager", "any"), ("taskmanager", "any")},
        "supervisor": {("monitoring", "http")},
        "bootstrap": set(),
    }


def sources(peer: Resource) -> set[str]:
    """Who may come: of the team's own pods, or of another namespace."""
    if "namespaceSelector" not in peer:
        return selected(peer["podSelector"])
    namespace = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    if namespace == SHARED["metadata"]["namespace"]:
        assert peer["podSelector"]["matchLabels"].items() <= SHARED_LABELS.items()
        return {"shared supervisor"}
    return {namespace}


def test_supervisors_are_scraped_where_they_listen() -> None:
    (monitor,) = of_kind(around("default", ("prometheus",)), "PodMonitor")
    assert selected(monitor["spec"]["selector"]) == {"supervisor"}
    assert monitor["spec"]["selector"]["matchLabels"].items() <= SHARED_LABELS.items()
    (end,) = monitor["spec"]["podMetricsEndpoints"]
    assert end["port"] in pods_of_a_cluster()["supervisor"]["ports"]
    assert end["honorLabels"]  # or the namespace would be that of a shared supervisor
    assert set(monitor["spec"]["podTargetLabels"]) <= set(pods_of_a_cluster()["supervisor"]["labels"])


def test_the_hooks_are_scraped_where_they_answer() -> None:
    (monitor,) = of_kind(around("default", ("prometheus",)), "ServiceMonitor")
    (end,) = monitor["spec"]["endpoints"]
    assert create_app().test_client().get(end["path"]).status_code == 200
