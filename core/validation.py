"""What is wrong with a spec: what its schema says, and what no schema can say. Pure.

The API server enforces the first part alone; the second one becomes the condition InvalidSpec.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from core import schedule, schema, spec

# What nothing can be made of when it is empty.
_FILLED = (("bootstrap", "image"), ("bootstrap", "jarPath"), ("runtime", "image"), ("supervisor", "image"))
# Where state is.
_STATE = (
    ("savepoint", "savepointPath"),
    ("savepoint", "savepointTargetPath"),
    ("flinkConfiguration", "execution.checkpointing.dir"),
    ("flinkConfiguration", "execution.checkpointing.savepoint-dir"),
    ("flinkConfiguration", "state.checkpoints.dir"),
    ("flinkConfiguration", "state.savepoints.dir"),
)
_QUOTED = "savepointPath"  # read without the quotes that it may be in; the others go to Flink as they are
_ABSOLUTE = re.compile(r"/|[A-Za-z][A-Za-z0-9+.-]*:")
# With it nobody of ours gets an answer from Flink.
_TLS = "security.ssl.rest.enabled"


def problems(known: schema.Schema, body: Any) -> list[str]:
    """Each as `<field path>: <sentence>`; `known` is the schema of the spec."""
    return [*schema.errors(known, body, "spec"), *beyond_schema(body, "spec")]


def beyond_schema(body: Any, path: str) -> Iterator[str]:
    """The problems of the spec of a job or a cluster, or of both in a FlinkDeployment's."""
    if not isinstance(body, Mapping):
        return
    for part, field in _FILLED:
        if spec.part(body, part).get(field) == "":
            yield f"{path}.{part}.{field}: must not be empty"
    if "bootstrap" not in body and spec.texts(body, "flinkConfiguration").get(_TLS, "").strip().lower() == "true":
        wrong = "must not be true: supervisor, bootstrap, probes and flinkctl speak http with Flink"
        yield f"{path}.flinkConfiguration.{_TLS}: {wrong}"
    yield from _relative(body, path)
    yield from beyond_schema(body.get("cluster"), f"{path}.cluster")
    cron = spec.part(body, "savepoint").get("savepointSchedule")
    if isinstance(cron, str) and (wrong := schedule.problem(cron)):
        yield f"{path}.savepoint.savepointSchedule: Invalid value: {json.dumps(cron)}: {wrong}"
    for index, job in enumerate(spec.items(body, "jobs")):
        yield from beyond_schema(job.get("spec") if isinstance(job, Mapping) else None, f"{path}.jobs[{index}].spec")


def _relative(body: Mapping[str, Any], path: str) -> Iterator[str]:
    """Flink takes a path of the JobManager's working directory, and what is there is gone with its container."""
    for part, field in _STATE:
        value = spec.part(body, part).get(field)
        given = spec.unquoted(value) if field == _QUOTED and isinstance(value, str) else value
        if isinstance(given, str) and given and not _ABSOLUTE.match(given):
            wrong = "must be a URI or an absolute path that every Flink pod reaches, such as s3://bucket/savepoints"
            yield f"{path}.{part}.{field}: Invalid value: {json.dumps(value)}: {wrong}"
