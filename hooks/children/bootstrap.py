"""The bootstrap Job: carries one JAR from the user's image to the JobManager, and runs nothing."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from core import names, spec
from core.job_status import Delivery
from hooks.children import pod

USER = 65532
FOLDER = "/jar"
RESOURCES = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}


def make_job(*, name: str, namespace: str, uid: str, cluster: str, delivery: Delivery) -> dict[str, Any]:
    """`delivery` is what the supervisor ordered, as the spec was then: a later edit does not change it.

    The user's image needs nothing but the JAR and `cp`: an init container copies it, our image uploads it.
    """
    # By its uid: a FlinkJob that was made anew under the name never takes the JAR of the one before.
    labels = {**names.labels(cluster, role=names.BOOTSTRAP, job=name), names.LABEL_JOB_UID: uid}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.bootstrap_job(name, delivery.number),
            "namespace": namespace,
            "labels": labels,
        },
        "spec": {
            # A failed delivery is the supervisor's business: it says what went wrong and orders the next one.
            "backoffLimit": 0,
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec(cluster, delivery)},
        },
    }


def _pod_spec(cluster: str, delivery: Delivery) -> dict[str, Any]:
    bootstrap = delivery.bootstrap
    jar = f"{FOLDER}/{PurePosixPath(spec.text(bootstrap, 'jarPath')).name}"
    security = {**pod.CONTAINER_SECURITY, **spec.part(bootstrap, "securityContext")}
    mounts = [{"name": "jar", "mountPath": FOLDER}]
    resources = spec.part(bootstrap, "resources") or RESOURCES
    return {
        "restartPolicy": "Never",
        "serviceAccountName": spec.text(bootstrap, "serviceAccount", "default"),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "imagePullSecrets": pod.pull_secrets(bootstrap),
        "securityContext": pod.pod_security(USER),
        "volumes": [{"name": "jar", "emptyDir": {}}],
        "initContainers": [
            {
                "name": "jar",
                "image": spec.text(bootstrap, "image"),
                "imagePullPolicy": spec.text(bootstrap, "pullPolicy", "IfNotPresent"),
                "command": ["cp", spec.text(bootstrap, "jarPath"), jar],
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "resources": resources,
                "securityContext": security,
                "volumeMounts": mounts,
            }
        ],
        "containers": [
            {
                "name": names.BOOTSTRAP,
                "image": delivery.image,
                "imagePullPolicy": delivery.pull_policy or "IfNotPresent",
                "args": [
                    "bootstrap",
                    "run",
                    f"--flink-url=http://{names.jobmanager_service(cluster)}:8081",
                    f"--jar-path={jar}",
                ],
                "resources": resources,
                "securityContext": {**security, "readOnlyRootFilesystem": True},
                "volumeMounts": mounts,
            }
        ],
    }
