"""Names, labels and annotations: what the Toolbox's users select on, and what Kubernetes tools expect beside it."""

from __future__ import annotations

from collections.abc import Mapping

GROUP = "nextbreakpoint.com"
API_VERSION = f"{GROUP}/v1"
DEPLOYMENT, CLUSTER, JOB = "FlinkDeployment", "FlinkCluster", "FlinkJob"

# Set by people and the CLI, consumed by the supervisor.
REQUESTED_ACTION = "operator.nextbreakpoint.com/requested-action"
ACTION_TIMESTAMP = "operator.nextbreakpoint.com/action-timestamp"
WITHOUT_SAVEPOINT = "operator.nextbreakpoint.com/without-savepoint"
FROM_SAVEPOINT = "operator.nextbreakpoint.com/from-savepoint"
DRAIN = "operator.nextbreakpoint.com/drain"
# Set by the supervisor on its FlinkCluster, copied into the status by the cluster hook.
REPORT = "supervisor.nextbreakpoint.com/report"
# Set by the deployment hook on its children: the replica count that the FlinkDeployment declared last.
DECLARED = "deployment.nextbreakpoint.com/declared"

LABEL_OWNER, LABEL_COMPONENT, LABEL_CLUSTER, LABEL_JOB, LABEL_ROLE = (
    "owner",
    "component",
    "clusterName",
    "jobName",
    "role",
)
LABEL_REVISION = f"{GROUP}/revision"
LABEL_INCARNATION = f"{GROUP}/incarnation"
LABEL_JOB_UID = f"{GROUP}/job-uid"
# Which install a resource belongs to, where there are several; a FlinkDeployment's children belong to the same one.
LABEL_INSTALL = "operator.nextbreakpoint.com/install"

JOBMANAGER, TASKMANAGER, SUPERVISOR, BOOTSTRAP = "jobmanager", "taskmanager", "supervisor", "bootstrap"


def labels(cluster: str, *, role: str = "", job: str = "") -> dict[str, str]:
    """The labels of everything we make: the Toolbox's, and the recommended ones of Kubernetes."""
    ours = {
        LABEL_OWNER: "flink-operator",
        LABEL_COMPONENT: "flink",
        LABEL_CLUSTER: cluster,
        LABEL_JOB: job,
        LABEL_ROLE: role,
        "app.kubernetes.io/name": "flink",
        "app.kubernetes.io/instance": cluster,
        "app.kubernetes.io/component": role,
        "app.kubernetes.io/managed-by": "flink-metacontroller",
    }
    return {key: value for key, value in ours.items() if value}


def pod_labels(cluster: str, *, role: str, revision: str, incarnation: int) -> dict[str, str]:
    """A Flink pod also says which revision it runs and which JobManager incarnation it belongs to."""
    return {
        **labels(cluster, role=role),
        LABEL_REVISION: revision,
        LABEL_INCARNATION: str(incarnation),
    }


def selector(cluster: str, **more: str) -> str:
    """A label selector for what belongs to a cluster, in kubectl's spelling."""
    wanted = {LABEL_CLUSTER: cluster, LABEL_OWNER: "flink-operator", LABEL_COMPONENT: "flink", **more}
    return ",".join(f"{key}={value}" for key, value in wanted.items())


def jobmanager_service(cluster: str) -> str:
    return f"jobmanager-{cluster}"


def jobmanager_pod(cluster: str, revision: str, incarnation: int) -> str:
    return f"jobmanager-{cluster}-{revision}-{incarnation}"


def taskmanager_pod(cluster: str, revision: str, incarnation: int, number: int) -> str:
    return f"taskmanager-{cluster}-{revision}-{incarnation}-{number}"


def supervisor_deployment(cluster: str) -> str:
    return f"supervisor-{cluster}"


def bootstrap_job(job: str, delivery: int) -> str:
    return f"bootstrap-{job}-{delivery}"


def bound_cluster(metadata: Mapping[str, object], spec: Mapping[str, object], clusters: tuple[str, ...]) -> str:
    """Name of the cluster that a FlinkJob runs on, '' when there is none.

    In this order: `spec.clusterName`, the label, and the Toolbox's rule `<cluster>-<job>` with the longest cluster
    name that fits, so that a cluster `demo` does not take the jobs of a cluster `demo-two` that is there.
    """
    if named := spec.get("clusterName"):
        return str(named)
    known = metadata.get("labels")
    if isinstance(known, Mapping) and known.get(LABEL_CLUSTER):
        return str(known[LABEL_CLUSTER])
    fitting = [cluster for cluster in clusters if str(metadata.get("name", "")).startswith(f"{cluster}-")]
    return max(fitting, key=len, default="")
