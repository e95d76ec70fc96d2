"""The bootstrap Job: carries one JAR from the user's image to the JobManager, and runs nothing."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from core import canonical, names, spec
from core.job_status import Delivery
from hooks.children import pod

USER = 65532
FOLDER = "/jar"
# A pod that is deleted or evicted is made again.
BACKOFF_LIMIT = 3
KILLED = [137, 143]  # SIGKILL and SIGTERM, as exit codes
# A failed delivery is the supervisor's business: it says what went wrong and orders the next one.
FAILURE_POLICY = {
    "rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": KILLED}},
    ]
}
RESOURCES = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}


def make_job(
    *, name: str, namespace: str, uid: str, cluster: str, delivery: Delivery, image_volume: bool = False
) -> dict[str, Any]:
    """`delivery` is what the supervisor ordered, as the spec was then: a later edit does not change it.

    The user's image needs nothing but the JAR and `cp`: an init container copies it, our image uploads it. As an
    `image_volume` it needs no `cp` either.
    """
    # By its uid: a FlinkJob that was made anew under the name never takes the JAR of the one before.
    labels = {**names.labels(cluster, role=names.BOOTSTRAP, job=name), names.LABEL_JOB_UID: uid}
    spec_of = _with_image_volume if image_volume else _with_copy
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.bootstrap_job(name, delivery.number),
            "namespace": namespace,
            "labels": labels,
        },
        "spec": {
            "backoffLimit": BACKOFF_LIMIT,
            "podFailurePolicy": FAILURE_POLICY,
            "template": {"metadata": {"labels": labels}, "spec": spec_of(cluster, delivery)},
        },
    }


def _with_copy(cluster: str, delivery: Delivery) -> dict[str, Any]:
    path = spec.text(delivery.bootstrap, "jarPath")
    jar = f"{FOLDER}/{PurePosixPath(path).name}"
    copy = {
        "name": "jar",
        "image": spec.text(delivery.bootstrap, "image"),
        "imagePullPolicy": _pull_policy(delivery),
        "command": ["cp", path, jar],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": _resources(delivery),
        "securityContext": _security(delivery),
        "volumeMounts": [{"name": "jar", "mountPath": FOLDER}],
    }
    return {**_pod_spec(cluster, delivery, jar, {"emptyDir": {}}), "initContainers": [copy]}


def _with_image_volume(cluster: str, delivery: Delivery) -> dict[str, Any]:
    jar = f"{FOLDER}/{spec.text(delivery.bootstrap, 'jarPath').lstrip('/')}"
    image = {"reference": spec.text(delivery.bootstrap, "image"), "pullPolicy": _pull_policy(delivery)}
    return _pod_spec(cluster, delivery, jar, {"image": image})


def _pod_spec(cluster: str, delivery: Delivery, jar: str, source: dict[str, Any]) -> dict[str, Any]:
    """Our image uploads the file `jar` of a volume from that `source`."""
    bootstrap = delivery.bootstrap
    body = {
        "restartPolicy": "Never",
        "serviceAccountName": spec.text(bootstrap, "serviceAccount", "default"),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "imagePullSecrets": pod.pull_secrets(bootstrap),
        "securityContext": pod.pod_security(USER),
        "volumes": [{"name": "jar", **source}],
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
                "resources": _resources(delivery),
                "securityContext": {**_security(delivery), "readOnlyRootFilesystem": True},
                "volumeMounts": [{"name": "jar", "mountPath": FOLDER}],
            }
        ],
    }
    return canonical.filled(body)


def _pull_policy(delivery: Delivery) -> str:
    return spec.text(delivery.bootstrap, "pullPolicy", "IfNotPresent")


def _resources(delivery: Delivery) -> dict[str, Any]:
    return spec.part(delivery.bootstrap, "resources") or RESOURCES


def _security(delivery: Delivery) -> dict[str, Any]:
    return pod.container_security(spec.part(delivery.bootstrap, "securityContext"))
