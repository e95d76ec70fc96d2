"""Is the machine large enough? A table, and the pod that finds no node."""

from decimal import Decimal

import pytest

from clients.kube import resources as r
from local.kubelet import scheduling

NODE = {"cpu": Decimal(2), "memory": Decimal(8 * 1024**3)}


def requesting(**requests):
    return {"resources": {"requests": requests}}


def pod(*containers, init=()):
    return {"spec": {"containers": list(containers), "initContainers": list(init)}}


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        (pod({}), ""),
        (pod(requesting(cpu="2", memory="8Gi")), ""),
        (pod(requesting(cpu="2001m")), "1 Insufficient cpu."),
        (pod(requesting(memory="5G"), requesting(memory="5G")), "1 Insufficient memory."),
        (pod({}, init=[requesting(cpu="3", memory="9Gi")]), "1 Insufficient cpu, 1 Insufficient memory."),
        (pod(requesting(cpu="1"), init=[requesting(cpu="2"), requesting(cpu="2")]), ""),
        (pod({"resources": {"limits": {"cpu": "3"}}}), "1 Insufficient cpu."),
        (pod({"resources": {"limits": {"cpu": "3"}, "requests": {"cpu": "1"}}}), ""),
    ],
)
def test_what_is_missing(wanted, missing):
    told = scheduling.refusal(wanted, NODE)
    assert told.startswith(f"0/1 nodes are available: {missing}") if missing else told == ""


def test_a_pod_that_is_too_large_waits_for_a_node_until_it_is_deleted(world):
    name = world.pod("echo up", container=requesting(cpu="1000"))
    found = world.until(name, lambda pod: world.condition(pod, "PodScheduled") == "False")
    (condition,) = found["status"]["conditions"]
    assert (found["status"]["phase"], condition["reason"]) == ("Pending", "Unschedulable")
    assert "Insufficient cpu" in condition["message"]
    assert not found["spec"].get("nodeName")
    world.client.delete(r.PODS, name, namespace="default")
    world.until_gone(name)
