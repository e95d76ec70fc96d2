"""The revision: what makes new Flink pods, and what does not."""

from __future__ import annotations

from copy import deepcopy

import pytest

import crds
from core import cluster, schema

SPEC = {
    "taskManagers": 2,
    "runtime": {"image": "flink:2.3.0"},
    "jobManager": {"serviceMode": "ClusterIP"},
    "taskManager": {"taskSlots": 2},
    "flinkConfiguration": {"a": "1"},
    "supervisor": {"image": "flinkctl:1"},
}


def stored(spec):
    whole = crds.schema("FlinkCluster")
    return dict(schema.apply_defaults(whole["properties"]["spec"], deepcopy(spec)))


def revision(spec, restarts=0, **metadata):
    return cluster.revision(cluster.read({"metadata": {"name": "demo", **metadata}, "spec": spec}), restarts)


def edited(**parts):
    spec = deepcopy(SPEC)
    for key, value in parts.items():
        spec[key] = {**spec.get(key, {}), **value} if isinstance(value, dict) else value
    return spec


CHANGES = {
    "image": edited(runtime={"image": "flink:2.4.0"}),
    "pull policy": edited(runtime={"pullPolicy": "Always"}),
    "pull secret": edited(runtime={"pullSecrets": "s"}),
    "service mode": edited(jobManager={"serviceMode": "NodePort"}),
    "JobManager's resources": edited(jobManager={"resources": {"limits": {"memory": "1Gi"}}}),
    "JobManager's template": edited(jobManager={"podTemplate": {"spec": {"priorityClassName": "x"}}}),
    "slots": edited(taskManager={"taskSlots": 3}),
    "TaskManager's environment": edited(taskManager={"environment": [{"name": "A", "value": "1"}]}),
    "an emptyDir": edited(taskManager={"volumes": [{"name": "a", "emptyDir": {}}]}),
    "a Flink option": edited(flinkConfiguration={"a": "2"}),
    "another Flink option": edited(flinkConfiguration={"b": "1"}),
}
SAME = {
    "scale": edited(taskManagers=7),
    "limits": edited(minTaskManagers=1, maxTaskManagers=9),
    "suspension": edited(suspend=True),
    "deadline": edited(deletionDeadline=1),
    "supervisor": edited(supervisor={"image": "flinkctl:2", "pollingInterval": 1, "replicas": 2}),
    "a spelled-out pull policy": edited(runtime={"pullPolicy": "IfNotPresent", "pullSecrets": None}),
    "the JobManager's defaults": edited(
        jobManager={"serviceAccount": "default", "args": ["jobmanager"], "command": None}
    ),
    "the TaskManager's defaults": edited(taskManager={"serviceAccount": "default", "args": ["taskmanager"]}),
    "empty lists and maps": edited(taskManager={"volumes": [], "annotations": {}, "resources": {"limits": {}}}),
    "a number for a text": edited(flinkConfiguration={"a": 1}),
    "the schema's defaults": stored(SPEC),
}


@pytest.mark.parametrize("spec", CHANGES.values(), ids=CHANGES)
def test_new_pods(spec):
    assert revision(spec) != revision(SPEC)


def test_every_change_is_a_revision_of_its_own():
    assert len({revision(spec) for spec in CHANGES.values()}) == len(CHANGES)


@pytest.mark.parametrize("spec", SAME.values(), ids=SAME)
def test_the_same_pods(spec):
    assert revision(spec) == revision(SPEC)


def test_a_restart_is_a_revision():
    assert len({revision(SPEC, restarts) for restarts in range(3)}) == 3


def test_one_slot_is_the_default():
    assert revision(edited(taskManager={"taskSlots": None})) == revision(edited(taskManager={"taskSlots": 1}))


def test_metadata_does_not_matter():
    assert revision(SPEC, uid="x", generation=9, annotations={"a": "b"}, labels={"a": "b"}) == revision(SPEC)


def test_this_revision_is_for_ever():
    """A new version of ours may not restart all clusters: if this fails, it would."""
    assert revision(SPEC) == "6f9fd1c0"


def test_the_order_of_keys_does_not_matter():
    assert revision(dict(reversed(SPEC.items()))) == revision(SPEC)
