"""What a submission sets in Flink's configuration for this one job, where neither cluster nor spec says anything."""

from __future__ import annotations

from collections.abc import Mapping

# Without this a cancelled job leaves no checkpoint behind. How many are kept is a setting of the cluster: see hooks/.
RETENTION = "execution.checkpointing.externalized-checkpoint-retention"


def for_job(spec: Mapping[str, str], cluster: Mapping[str, str]) -> dict[str, str]:
    """`spec` is the job's flinkConfiguration, `cluster` the JobManager's configuration; both win over ours."""
    ours = {} if RETENTION in cluster else {RETENTION: "RETAIN_ON_CANCELLATION"}
    return {**ours, **spec}
