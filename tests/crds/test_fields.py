"""The fields of Flink K8s Toolbox 1.4 are all there, no stricter, with the defaults that its code applies."""

from dataclasses import fields
from typing import Any

import pytest

import crds
from core import schema
from core.job_status import JobStatus, RecoveryPoint
from core.records import camel

# path, type, then: required, nullable, enum=A|B, default=VALUE. `*` after a type: anything else inside is kept.
FLINK_POD = """
serviceAccount string nullable
annotations map(string) nullable
command array(string) nullable
args array(string) nullable
environment array(object)
environment[].name string required
environment[].value string
environment[].valueFrom object*
environmentFrom array(object)
environmentFrom[].prefix string
environmentFrom[].configMapRef object
environmentFrom[].configMapRef.name string
environmentFrom[].configMapRef.optional boolean
environmentFrom[].secretRef object
environmentFrom[].secretRef.name string
environmentFrom[].secretRef.optional boolean
volumes array(object*)
volumes[].name string required
volumeMounts array(object)
volumeMounts[].name string required
volumeMounts[].mountPath string required
volumeMounts[].subPath string
volumeMounts[].subPathExpr string
volumeMounts[].readOnly boolean
volumeMounts[].mountPropagation string
extraPorts array(object)
extraPorts[].containerPort integer required
extraPorts[].name string
extraPorts[].protocol string default=TCP
extraPorts[].hostPort integer
extraPorts[].hostIP string
initContainers array(object*)
initContainers[].name string required
sideContainers array(object*)
sideContainers[].name string required
resources object
resources.requests map(int-or-string)
resources.limits map(int-or-string)
securityContext object*
affinity object*
tolerations array(object)
tolerations[].key string
tolerations[].operator string
tolerations[].value string
tolerations[].effect string
tolerations[].tolerationSeconds integer
topologySpreadConstraints array(object)
topologySpreadConstraints[].maxSkew integer required
topologySpreadConstraints[].topologyKey string required
topologySpreadConstraints[].whenUnsatisfiable string required
topologySpreadConstraints[].labelSelector object*
"""
CLUSTER_SPEC = """
taskManagers integer default=0
minTaskManagers integer nullable default=0
maxTaskManagers integer nullable default=32
runtime object required
runtime.image string required
runtime.pullPolicy string enum=Never|Always|IfNotPresent default=IfNotPresent
runtime.pullSecrets string nullable
jobManager object required
jobManager.serviceMode string required enum=ClusterIP|NodePort default=ClusterIP
taskManager object required
taskManager.taskSlots integer required nullable
supervisor object required
supervisor.image string required
supervisor.pullPolicy string enum=Never|Always|IfNotPresent default=IfNotPresent
supervisor.pullSecrets string nullable
supervisor.serviceAccount string nullable
supervisor.pollingInterval integer nullable default=5
supervisor.taskTimeout integer nullable default=300
supervisor.rescaleDelay integer nullable default=60
supervisor.rescalePolicy string enum=None|JobParallelism default=JobParallelism
supervisor.replicas integer nullable default=1
supervisor.resources object
supervisor.resources.requests map(int-or-string)
supervisor.resources.limits map(int-or-string)
supervisor.securityContext object*
"""
JOB_SPEC = """
jobParallelism integer default=0
minJobParallelism integer default=0
maxJobParallelism integer default=32
bootstrap object required
bootstrap.image string required
bootstrap.className string required
bootstrap.jarPath string required
bootstrap.arguments array(string)
bootstrap.pullPolicy string enum=Never|Always|IfNotPresent default=IfNotPresent
bootstrap.pullSecrets string
bootstrap.serviceAccount string
bootstrap.resources object
bootstrap.resources.requests map(int-or-string)
bootstrap.resources.limits map(int-or-string)
bootstrap.securityContext object*
savepoint object required
savepoint.savepointMode string enum=Manual|Automatic default=Automatic
savepoint.savepointPath string
savepoint.savepointInterval integer required
savepoint.savepointTargetPath string required
restart object required
restart.restartPolicy string enum=Never|Always|OnlyIfFailed default=Never
restart.restartDelay integer default=60
restart.restartTimeout integer default=180
restart.rollback boolean default=True
"""
RESOURCE, PHASE = "enum=Unknown|Updating|Updated", "enum=Unknown|Starting|Started|Stopping|Stopped|Terminated"
CLUSTER_STATUS = f"""
resourceStatus string {RESOURCE}
supervisorStatus string {PHASE}
labelSelector string
clusterHealth string
serviceMode string
taskManagers integer
taskSlots integer
taskManagerReplicas integer
totalTaskSlots integer
rescaleTimestamp string
digest object
digest.runtime string
digest.jobManager string
digest.taskManager string
digest.supervisor string
timestamp string
"""
JOB_STATUS = f"""
resourceStatus string {RESOURCE}
supervisorStatus string {PHASE}
clusterName string
clusterUid string
clusterHealth string
labelSelector string
jobParallelism integer
jobId string
jobStatus string
savepointPath string
savepointJobId string
savepointTriggerId string
savepointTimestamp string
savepointRequestTimestamp string
savepointMode string
restartPolicy string
digest object
digest.bootstrap string
digest.savepoint string
digest.restart string
timestamp string
"""
DEPLOYMENT_STATUS = f"""
resourceStatus string {RESOURCE}
digest object
digest.cluster object
digest.cluster.runtime string
digest.cluster.jobManager string
digest.cluster.taskManager string
digest.cluster.supervisor string
digest.jobs array(object)
digest.jobs[].name string required
digest.jobs[].job object
digest.jobs[].job.bootstrap string
digest.jobs[].job.savepoint string
digest.jobs[].job.restart string
timestamp string
"""
OURS_CLUSTER = """
suspend boolean default=False
rollback boolean default=True
updateTimeout integer default=600
deletionDeadline integer default=300
flinkConfiguration map(int-or-string)
jobManager.podTemplate.metadata.labels map(string)
jobManager.podTemplate.spec object*
taskManager.podTemplate.metadata.annotations map(string)
"""
OURS_JOB = """
clusterName string
suspend boolean default=False
deletionDeadline integer default=300
flinkConfiguration map(int-or-string)
savepoint.savepointSchedule string
savepoint.savepointFormat string enum=CANONICAL|NATIVE default=CANONICAL
savepoint.savepointOnDelete boolean default=False
savepoint.historyLimit integer default=10
savepoint.maxStateAge integer default=0
savepoint.claimMode string enum=NO_CLAIM|CLAIM default=NO_CLAIM
savepoint.historyMaxAge integer default=0
savepoint.cleanup string enum=Keep|Dispose default=Keep
restart.restartMaxDelay integer default=600
restart.unhealthyPolicy string enum=Report|Restart default=Report
restart.unhealthyRestarts integer default=5
restart.unhealthyWindow integer default=600
bootstrap.allowNonRestoredState boolean default=False
"""


def rows(kind: str, root: str, table: str) -> list[tuple[str, str, str]]:
    cells = [line.split(" ", 1) for line in table.splitlines() if line]
    return [(kind, root + path, wanted) for path, wanted in cells]


FIELDS = [
    *rows("FlinkCluster", "spec.", CLUSTER_SPEC + OURS_CLUSTER),
    *rows("FlinkCluster", "spec.jobManager.", FLINK_POD),
    *rows("FlinkCluster", "spec.taskManager.", FLINK_POD),
    *rows("FlinkCluster", "status.", CLUSTER_STATUS),
    *rows("FlinkJob", "spec.", JOB_SPEC + OURS_JOB),
    *rows("FlinkJob", "status.", JOB_STATUS),
    *rows("FlinkDeployment", "spec.", "cluster object required\njobs array(object) nullable"),
    *rows("FlinkDeployment", "spec.jobs[].", "name string required\nspec object required"),
    *rows("FlinkDeployment", "spec.cluster.", CLUSTER_SPEC),
    *rows("FlinkDeployment", "spec.cluster.jobManager.", FLINK_POD),
    *rows("FlinkDeployment", "spec.jobs[].spec.", JOB_SPEC),
    *rows("FlinkDeployment", "status.", DEPLOYMENT_STATUS),
]


def find(schema: dict[str, Any], path: str) -> tuple[dict[str, Any], bool]:
    """The schema at path and whether it is required."""
    node, required = schema, False
    for step in path.split("."):
        name = step.removesuffix("[]")
        required = name in node.get("required", [])
        node = node["properties"][name]
        node = node["items"] if step.endswith("[]") else node
    return node, required


def type_of(node: dict[str, Any]) -> str:
    if node.get("x-kubernetes-int-or-string"):
        return "int-or-string"
    if node["type"] == "array":
        return f"array({type_of(node['items'])})"
    if "additionalProperties" in node:
        return f"map({type_of(node['additionalProperties'])})"
    return str(node["type"]) + ("*" if node.get("x-kubernetes-preserve-unknown-fields") else "")


def told(node: dict[str, Any], required: bool) -> str:
    """A node in the table's words."""
    words = [type_of(node)]
    words += ["required"] if required else []
    words += ["nullable"] if node.get("nullable") else []
    words += ["enum=" + "|".join(node["enum"])] if "enum" in node else []
    words += [f"default={node['default']}"] if "default" in node else []
    return " ".join(words)


@pytest.mark.parametrize(("kind", "path", "wanted"), FIELDS)
def test_field(kind: str, path: str, wanted: str) -> None:
    assert told(*find(crds.schema(kind), path)) == wanted


@pytest.mark.parametrize("kind", crds.KINDS)
def test_nothing_more_is_required_than_the_toolbox_requires(kind: str) -> None:
    cluster = {"spec.runtime", "spec.jobManager", "spec.taskManager", "spec.supervisor"}
    job = {"spec.bootstrap", "spec.savepoint", "spec.restart"}
    required = {f"spec.{name}" for name in crds.schema(kind)["properties"]["spec"]["required"]}
    assert required == {"FlinkDeployment": {"spec.cluster"}, "FlinkCluster": cluster, "FlinkJob": job}[kind]
    assert crds.schema(kind)["required"] == ["spec"]


@pytest.mark.parametrize("path", ["spec.taskManagers", "spec.jobParallelism"])
def test_the_scale_subresource_never_meets_a_null(path: str) -> None:
    """The API server refuses an object with a null where the scale subresource reads; a default replaces the null."""
    node, _ = find(crds.schema("FlinkJob" if "job" in path else "FlinkCluster"), path)
    assert not node.get("nullable")
    assert node["default"] == 0


READY = '.status.conditions[?(@.type=="Ready")]'
WIDE = [("REASON", "string", READY + ".reason", 1), ("MESSAGE", "string", READY + ".message", 1)]
FIRST = [("READY", "string", READY + ".status", 0), ("RESOURCE-STATUS", "string", ".status.resourceStatus", 0)]
AGE = [("AGE", "date", ".metadata.creationTimestamp", 0)]
COLUMNS = {
    "FlinkDeployment": [*FIRST, *WIDE, *AGE],
    "FlinkCluster": [
        *FIRST,
        ("SUPERVISOR-STATUS", "string", ".status.supervisorStatus", 0),
        ("CLUSTER-HEALTH", "string", ".status.clusterHealth", 0),
        ("TASK-MANAGERS", "integer", ".status.taskManagers", 0),
        ("REQUESTED-TASK-MANAGERS", "integer", ".spec.taskManagers", 0),
        ("TASK-MANAGERS-REPLICAS", "integer", ".status.taskManagerReplicas", 0),
        ("TOTAL-TASK-SLOTS", "integer", ".status.totalTaskSlots", 0),
        ("SERVICE-MODE", "string", ".status.serviceMode", 0),
        *WIDE,
        *AGE,
    ],
    "FlinkJob": [
        *FIRST,
        ("SUPERVISOR-STATUS", "string", ".status.supervisorStatus", 0),
        ("CLUSTER-NAME", "string", ".status.clusterName", 0),
        ("CLUSTER-HEALTH", "string", ".status.clusterHealth", 0),
        ("JOB-STATUS", "string", ".status.jobStatus", 0),
        ("JOB-ID", "string", ".status.jobId", 0),
        ("JOB-RESTART", "string", ".status.restartPolicy", 0),
        ("JOB-PARALLELISM", "integer", ".status.jobParallelism", 0),
        ("REQUESTED-JOB-PARALLELISM", "integer", ".spec.jobParallelism", 0),
        ("SAVEPOINT-MODE", "string", ".status.savepointMode", 0),
        ("SAVEPOINT-PATH", "string", ".status.savepointPath", 0),
        ("SAVEPOINT-AGE", "date", ".status.savepointTimestamp", 0),
        *WIDE,
        *AGE,
    ],
}


def version(kind: str) -> dict[str, Any]:
    (only,) = crds.load(kind)["spec"]["versions"]
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize("kind", crds.KINDS)
def test_printer_columns(kind: str) -> None:
    columns = version(kind)["additionalPrinterColumns"]
    assert [(c["name"], c["type"], c["jsonPath"], c.get("priority", 0)) for c in columns] == COLUMNS[kind]


def test_scale_subresources() -> None:
    paths = {kind: list(version(kind)["subresources"].get("scale", {}).values()) for kind in crds.KINDS}
    assert paths == {
        "FlinkDeployment": [],
        "FlinkCluster": [".spec.taskManagers", ".status.taskManagers", ".status.labelSelector"],
        "FlinkJob": [".spec.jobParallelism", ".status.jobParallelism", ".status.labelSelector"],
    }
    assert all(version(kind)["subresources"]["status"] == {} for kind in crds.KINDS)


@pytest.mark.parametrize(("kind", "short"), [("FlinkDeployment", "fd"), ("FlinkCluster", "fc"), ("FlinkJob", "fj")])
def test_names(kind: str, short: str) -> None:
    crd, plural = crds.load(kind), crds.KINDS[kind]
    assert crd["metadata"]["name"] == f"{plural}.nextbreakpoint.com"
    assert crd["spec"]["names"] == {
        "kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower(),
        "shortNames": [short], "categories": ["flink"],
    }  # fmt: skip
    assert (crd["spec"]["group"], crd["spec"]["scope"]) == ("nextbreakpoint.com", "Namespaced")
    assert (version(kind)["name"], version(kind)["served"], version(kind)["storage"]) == ("v1", True, True)


def test_unknown_kind_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        crds.load("FlinkSession")


@pytest.mark.parametrize(
    ("record", "kind", "path"),
    [
        (JobStatus, "FlinkJob", "status"),
        (type(JobStatus().delivery), "FlinkJob", "status.delivery"),
        (type(JobStatus().stop), "FlinkJob", "status.stop"),
        (RecoveryPoint, "FlinkJob", "status.recoveryPoints[]"),
    ],
)
def test_every_stored_field_is_in_the_schema(record: Any, kind: str, path: str) -> None:
    """The API server silently drops a status field that the schema does not know."""
    known, stored = find(crds.schema(kind), path)[0]["properties"], [camel(field.name) for field in fields(record)]
    assert stored
    assert [name for name in stored if name not in known] == []


def test_the_slots_of_all_task_managers_are_a_product_of_two_whole_numbers():
    status = {"totalTaskSlots": (2**31 - 1) ** 2}
    assert schema.errors(crds.schema("FlinkCluster")["properties"]["status"], status) == []
