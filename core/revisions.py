"""Which pods a cluster shall have: those of its spec, or those that worked before an update that failed. Pure."""

from __future__ import annotations

from dataclasses import replace

from core import canonical
from core.cluster import Cluster, ClusterStatus, Report, StablePods, revision

LARGEST = 256 * 1024  # characters of JSON: an object has room for little more than a megabyte


def in_force(cluster: Cluster, status: ClusterStatus, report: Report) -> Cluster:
    """With the stable pods in place of those that were rejected. An edit of these ends that, and so does a restart that
    a person asks for: each is another revision."""
    rejected = report.rejected.revision
    known = bool(rejected and status.stable.revision) and cluster.rollback
    return _with_pods(cluster, status.stable) if known and revision(cluster, report.restarts) == rejected else cluster


def _with_pods(cluster: Cluster, pods: StablePods) -> Cluster:
    return replace(
        cluster,
        runtime=pods.runtime,
        job_manager=pods.job_manager,
        task_manager=pods.task_manager,
        flink_configuration=pods.flink_configuration,
    )


def is_update(cluster: Cluster, stable: StablePods) -> bool:
    """Does it want other pods than those that worked? By what was written, not by the hash of then: another version of
    ours may spell it differently. A restart is no update."""
    return bool(stable.revision) and revision(cluster) != revision(_with_pods(cluster, stable))


def stable_pods(cluster: Cluster, name: str) -> StablePods:
    """The pods of the spec, to be kept under that revision. One that has no room there cannot be come back to."""
    runtime, job_manager, task_manager = map(
        canonical.without_nulls, (cluster.runtime, cluster.job_manager, cluster.task_manager)
    )
    pods = StablePods(name, runtime, job_manager, task_manager, cluster.flink_configuration)
    return pods if len(canonical.canonical_json(pods.to_json())) <= LARGEST else StablePods()
