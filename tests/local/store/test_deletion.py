"""Deletion: finalizers, a pod's grace, preconditions, the garbage collector, namespaces."""

from typing import Any

import pytest

from .conftest import LAMPS, PODS, Http, lamp, owned_by, pod

JOBS = "/apis/batch/v1/namespaces/default/jobs"


def bound_pod(http: Http, name: str = "p") -> dict[str, Any]:
    http.ok("POST", PODS, pod(name))
    http.ok("POST", f"{PODS}/{name}/binding", {"target": {"kind": "Node", "name": "local"}})
    return http.ok("GET", f"{PODS}/{name}")


def test_a_deletion_without_finalizers_is_answered_with_a_status(http: Http) -> None:
    made = http.ok("POST", LAMPS, lamp())
    status = http.ok("DELETE", f"{LAMPS}/a")
    assert (status["kind"], status["status"]) == ("Status", "Success")
    details = {"name": "a", "group": "test.example.com", "kind": "lamps", "uid": made["metadata"]["uid"]}
    assert status["details"] == details
    code, status = http.call("DELETE", f"{LAMPS}/a")
    assert (code, status["message"]) == (404, 'lamps.test.example.com "a" not found')


def test_what_goes_at_once_is_never_seen_terminating(http: Http) -> None:
    http.ok("POST", LAMPS, lamp())
    watcher = http.watch(LAMPS)
    http.ok("DELETE", f"{LAMPS}/a")
    assert "deletionTimestamp" not in watcher.wait_for("DELETED", "a")["metadata"]


def test_finalizers_hold_an_object_until_the_last_is_gone(http: Http) -> None:
    http.ok("POST", LAMPS, lamp(finalizers=["x/one", "x/two"]))
    watcher = http.watch(LAMPS)
    watcher.wait(1)
    held = http.ok("DELETE", f"{LAMPS}/a")
    assert held["metadata"]["deletionTimestamp"] and held["metadata"]["generation"] == 2
    assert http.ok("DELETE", f"{LAMPS}/a") == held, "a second deletion changes nothing"
    http.patch(f"{LAMPS}/a", {"metadata": {"finalizers": ["x/two"]}})
    http.patch(f"{LAMPS}/a", {"metadata": {"finalizers": None}})
    http.ok("POST", LAMPS, lamp("b"))
    expected = [("ADDED", "a"), ("MODIFIED", "a"), ("MODIFIED", "a"), ("DELETED", "a"), ("ADDED", "b")]
    assert watcher.wait(5) == expected


def test_no_finalizer_is_added_while_an_object_terminates(http: Http) -> None:
    http.ok("POST", LAMPS, lamp(finalizers=["x/one"]))
    http.ok("DELETE", f"{LAMPS}/a")
    code, status = http.patch(f"{LAMPS}/a", {"metadata": {"finalizers": ["x/one", "x/new"]}})
    assert code == 422 and "metadata.finalizers: Forbidden: no new finalizers can be added" in status["message"]


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
def test_preconditions(http: Http, field: str) -> None:
    made = http.ok("POST", LAMPS, lamp())
    code, status = http.call("DELETE", f"{LAMPS}/a", {"preconditions": {field: "0"}})
    assert (code, status["reason"]) == (409, "Conflict") and "Precondition failed" in status["message"]
    http.ok("DELETE", f"{LAMPS}/a", {"preconditions": {field: made["metadata"][field]}})


def test_a_bound_pod_has_its_grace_and_goes_when_the_kubelet_says_so(http: Http) -> None:
    bound_pod(http)
    dying = http.ok("DELETE", f"{PODS}/p")
    assert dying["metadata"]["deletionGracePeriodSeconds"] == 30 and dying["metadata"]["deletionTimestamp"]
    assert http.ok("DELETE", f"{PODS}/p") == dying
    sooner = http.ok("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 5})
    assert sooner["metadata"]["deletionGracePeriodSeconds"] == 5
    http.ok("DELETE", f"{PODS}/p", gracePeriodSeconds=0)
    assert http.call("GET", f"{PODS}/p")[0] == 404


def test_a_pod_that_never_ran_or_has_ended_goes_at_once(http: Http) -> None:
    http.ok("POST", PODS, pod())
    assert http.ok("DELETE", f"{PODS}/p")["kind"] == "Pod"
    assert http.call("GET", f"{PODS}/p")[0] == 404
    bound_pod(http)
    http.patch(f"{PODS}/p/status", {"status": {"phase": "Failed"}})
    http.ok("DELETE", f"{PODS}/p")
    assert http.call("GET", f"{PODS}/p")[0] == 404


def test_a_pods_finalizer_outlives_its_grace(http: Http) -> None:
    bound_pod(http)
    http.patch(f"{PODS}/p", {"metadata": {"finalizers": ["x/y"]}})
    http.ok("DELETE", f"{PODS}/p", gracePeriodSeconds=0)
    assert http.ok("GET", f"{PODS}/p")["metadata"]["deletionGracePeriodSeconds"] == 0
    http.patch(f"{PODS}/p", {"metadata": {"finalizers": None}})
    assert http.call("GET", f"{PODS}/p")[0] == 404


def test_a_collection_is_deleted_by_selector(http: Http) -> None:
    for name, on in (("a", "yes"), ("b", "no"), ("c", "yes")):
        http.ok("POST", LAMPS, lamp(name, labels={"on": on}))
    http.ok("DELETE", LAMPS, labelSelector="on=yes")
    assert [item["metadata"]["name"] for item in http.ok("GET", LAMPS)["items"]] == ["b"]


def test_dependents_follow_their_last_owner(http: Http) -> None:
    one, two = (http.ok("POST", LAMPS, lamp(name)) for name in ("one", "two"))
    http.ok("POST", LAMPS, lamp("child", ownerReferences=owned_by(one, two)))
    child = http.ok("GET", f"{LAMPS}/child")
    http.ok("POST", LAMPS, lamp("grandchild", ownerReferences=owned_by(child)))
    watcher = http.watch(LAMPS)
    http.ok("DELETE", f"{LAMPS}/one")
    left = watcher.wait_for("MODIFIED", "child")
    assert [ref["name"] for ref in left["metadata"]["ownerReferences"]] == ["two"]
    http.ok("DELETE", f"{LAMPS}/two", propagationPolicy="Background")
    watcher.wait_for("DELETED", "grandchild")
    assert http.ok("GET", LAMPS)["items"] == []


@pytest.mark.parametrize(
    "wrong", [{"uid": "gone"}, {"name": "other"}, {"kind": "Other"}], ids=lambda wrong: next(iter(wrong))
)
def test_a_dependent_of_an_owner_that_is_not_there_is_collected(http: Http, wrong: dict[str, str]) -> None:
    owner = http.ok("POST", LAMPS, lamp("owner"))
    watcher = http.watch(LAMPS)
    http.ok("POST", LAMPS, lamp("child", ownerReferences=[owned_by(owner)[0] | wrong]))
    watcher.wait_for("DELETED", "child")
    http.ok("GET", f"{LAMPS}/owner")


def test_an_owner_in_another_namespace_owns_nothing(http: Http) -> None:
    http.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
    owner = http.ok("POST", LAMPS.replace("default", "other"), lamp("owner"))
    watcher = http.watch(LAMPS)
    http.ok("POST", LAMPS, lamp("child", ownerReferences=owned_by(owner)))
    watcher.wait_for("DELETED", "child")


def test_foreground_deletion_waits_for_blocking_dependents(http: Http) -> None:
    owner = http.ok("POST", LAMPS, lamp("owner"))
    http.ok("POST", LAMPS, lamp("held", ownerReferences=owned_by(owner), finalizers=["x/y"]))
    http.ok("POST", LAMPS, lamp("free", ownerReferences=owned_by(owner, block=False), finalizers=["x/y"]))
    watcher = http.watch(LAMPS)
    waiting = http.ok("DELETE", f"{LAMPS}/owner", propagationPolicy="Foreground")
    assert waiting["metadata"]["finalizers"] == ["foregroundDeletion"]
    for name in ("held", "free"):
        assert watcher.wait_for("MODIFIED", name)["metadata"]["deletionTimestamp"]
    http.ok("GET", f"{LAMPS}/owner")
    http.patch(f"{LAMPS}/held", {"metadata": {"finalizers": None}})
    watcher.wait_for("DELETED", "owner")
    http.ok("GET", f"{LAMPS}/free")


def test_orphans_stay_and_lose_the_reference(http: Http) -> None:
    owner = http.ok("POST", LAMPS, lamp("owner"))
    http.ok("POST", LAMPS, lamp("child", ownerReferences=owned_by(owner)))
    watcher = http.watch(LAMPS)
    http.ok("DELETE", f"{LAMPS}/owner", {"propagationPolicy": "Orphan"})
    watcher.wait_for("DELETED", "owner")
    assert "ownerReferences" not in http.ok("GET", f"{LAMPS}/child")["metadata"]


def test_a_jobs_pods_are_orphaned_unless_the_client_says_otherwise(http: Http) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    job = http.ok("POST", JOBS, {"metadata": {"name": "j"}, "spec": {"template": template}})
    child = pod()
    child["metadata"]["ownerReferences"] = owned_by(job)
    http.ok("POST", PODS, child)
    watcher = http.watch(JOBS)
    answer = http.request("DELETE", f"{JOBS}/j")
    assert "child pods are preserved by default" in answer.headers["Warning"]
    watcher.wait_for("DELETED", "j")
    http.ok("GET", f"{PODS}/p")


def test_a_namespace_goes_after_its_content(http: Http) -> None:
    spaces = "/api/v1/namespaces"
    http.ok("POST", spaces, {"metadata": {"name": "team"}})
    lamps = LAMPS.replace("default", "team")
    http.ok("POST", lamps, lamp(finalizers=["x/y"]))
    watcher, content = http.watch(spaces), http.watch(lamps)
    going = http.ok("DELETE", f"{spaces}/team")
    assert going["status"]["phase"] == "Terminating"
    content.wait_for("MODIFIED", "a")
    code, status = http.call("POST", lamps, lamp("b"))
    assert code == 403 and "because it is being terminated" in status["message"]
    http.patch(f"{lamps}/a", {"metadata": {"finalizers": None}})
    watcher.wait_for("DELETED", "team")
    assert http.ok("GET", "/api/v1/serviceaccounts", fieldSelector="metadata.namespace=team")["items"] == []
