"""Create, update and patch: versions, generations, conflicts, refusals."""

from typing import Any

import pytest

from .conftest import CRD, CRDS, LAMPS, PODS, Http, lamp, pod


def metadata(obj: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(obj["metadata"].get(name) for name in names)


def test_a_new_object_has_the_servers_fields_and_the_schemas_defaults(http: Http) -> None:
    made = http.ok("POST", LAMPS, lamp() | {"status": {"bulbs": 9}, "extra": 1})
    assert made["spec"] == {"colour": "red", "bulbs": 1}
    assert "status" not in made and "extra" not in made
    assert metadata(made, "name", "namespace", "generation") == ("a", "default", 1)
    assert made["metadata"]["uid"] and made["metadata"]["creationTimestamp"].endswith("Z")
    assert http.ok("GET", f"{LAMPS}/a") == made


def test_generate_name_makes_different_names(http: Http) -> None:
    body = lamp(generateName="l-")
    del body["metadata"]["name"]
    names = {http.ok("POST", LAMPS, body)["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3 and all(len(name) == 7 and name.startswith("l-") for name in names)


@pytest.mark.parametrize(
    ("path", "body", "code", "reason", "message"),
    [
        (
            LAMPS,
            lamp("Big"),
            422,
            "Invalid",
            'Lamp.test.example.com "Big" is invalid: metadata.name: Invalid value: "Big"',
        ),
        (LAMPS, lamp(""), 422, "Invalid", "metadata.name: Required value: name or generateName is required"),
        (
            LAMPS,
            lamp(labels={"a": "b c"}),
            422,
            "Invalid",
            'metadata.labels: Invalid value: "b c": a valid label must be',
        ),
        (LAMPS, lamp(labels={"a": 1}), 400, "BadRequest", "metadata.labels"),
        (LAMPS, lamp(annotations={"a": "x" * 262144}), 422, "Invalid", "metadata.annotations: Too long"),
        (LAMPS, lamp() | {"kind": "Pod"}, 400, "BadRequest", "does not match the expected kind (Lamp)"),
        (LAMPS, lamp(colour="blue"), 422, "Invalid", 'spec.colour: Unsupported value: "blue": supported values: "red"'),
        (LAMPS, [1], 400, "BadRequest", "unrecognized"),
        (LAMPS.replace("default", "none"), lamp(), 404, "NotFound", 'namespaces "none" not found'),
        ("/apis/test.example.com/v1/namespaces/default/none", lamp(), 404, "NotFound", "could not find the requested"),
        (PODS, pod(containers=[]), 422, "Invalid", 'Pod "p" is invalid: spec.containers: Required value'),
        (PODS, pod(containers="x"), 400, "BadRequest", "cannot be handled"),
        (
            PODS,
            pod(serviceAccountName="sa"),
            403,
            "Forbidden",
            'pods "p" is forbidden: error looking up service account',
        ),
        (CRDS, {**CRD, "metadata": {"name": "wrong"}}, 422, "Invalid", "must be spec.names.plural"),
    ],
)
def test_refused_creations(http: Http, path: str, body: Any, code: int, reason: str, message: str) -> None:
    got, status = http.call("POST", path, body)
    assert (got, status["code"], status["kind"], status["reason"]) == (code, code, "Status", reason)
    assert message in status["message"]


def test_an_invalid_object_is_refused_with_one_cause_for_each_problem(http: Http) -> None:
    _, status = http.call("POST", LAMPS, lamp(bulbs=11, rooms=[{}]))
    assert status["details"] == {
        "name": "a",
        "group": "test.example.com",
        "kind": "Lamp",
        "causes": [
            {
                "reason": "FieldValueInvalid",
                "message": "Invalid value: 11: must be less than or equal to 10",
                "field": "spec.bulbs",
            },
            {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.rooms[0].name"},
        ],
    }


def test_a_second_creation_is_refused(http: Http) -> None:
    http.ok("POST", LAMPS, lamp())
    code, status = http.call("POST", LAMPS, lamp())
    assert (code, status["reason"]) == (409, "AlreadyExists")
    assert status["message"] == 'lamps.test.example.com "a" already exists'


def test_only_a_spec_change_bumps_the_generation(http: Http) -> None:
    made = http.ok("POST", LAMPS, lamp())
    labelled = http.ok("PUT", f"{LAMPS}/a", made | {"metadata": made["metadata"] | {"labels": {"x": "y"}}})
    told = http.ok("PUT", f"{LAMPS}/a/status", labelled | {"status": {"bulbs": 1}})
    changed = http.ok("PUT", f"{LAMPS}/a", told | {"spec": {"colour": "red", "bulbs": 4}})
    assert [o["metadata"]["generation"] for o in (made, labelled, told, changed)] == [1, 1, 1, 2]
    assert changed["status"] == {"bulbs": 1}
    versions = [int(o["metadata"]["resourceVersion"]) for o in (made, labelled, told, changed)]
    assert versions == sorted(set(versions))


def test_the_status_and_the_rest_have_separate_doors(http: Http) -> None:
    made = http.ok("POST", LAMPS, lamp())
    changes = {"spec": {"colour": "red", "bulbs": 7}, "status": {"bulbs": 7, "unknown": 1}}
    through_status = http.ok("PUT", f"{LAMPS}/a/status", made | changes)
    assert (through_status["spec"]["bulbs"], through_status["status"]) == (1, {"bulbs": 7})
    through_main = http.ok("PUT", f"{LAMPS}/a", through_status | {"spec": changes["spec"], "status": {"bulbs": 3}})
    assert (through_main["spec"]["bulbs"], through_main["status"]) == (7, {"bulbs": 7})


def test_a_write_without_effect_keeps_the_version_and_tells_no_watcher(http: Http) -> None:
    made = http.ok("POST", LAMPS, lamp())
    watcher = http.watch(LAMPS, resourceVersion=made["metadata"]["resourceVersion"])
    same = made | {"spec": {"colour": "red", "bulbs": 1.0, "unknown": 1}}
    assert http.ok("PUT", f"{LAMPS}/a", same) == made
    assert http.patch(f"{LAMPS}/a", {"spec": {"colour": "red"}}) == (200, made)
    http.ok("POST", LAMPS, lamp("b"))
    assert watcher.wait(1) == [("ADDED", "b")]


def test_an_old_version_is_a_conflict(http: Http) -> None:
    made = http.ok("POST", LAMPS, lamp())
    http.ok("PUT", f"{LAMPS}/a", made | {"spec": {"colour": "red", "bulbs": 2}})
    code, status = http.call("PUT", f"{LAMPS}/a", made | {"spec": {"colour": "red", "bulbs": 3}})
    assert (code, status["reason"]) == (409, "Conflict")
    assert status["message"].startswith(
        'Operation cannot be fulfilled on lamps.test.example.com "a": the object has been'
    )
    code, _ = http.patch(f"{LAMPS}/a", {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}})
    assert code == 409, "a version in a merge patch is a precondition"


def test_a_custom_resource_is_not_replaced_blindly_a_built_in_is(http: Http) -> None:
    http.ok("POST", LAMPS, lamp())
    code, status = http.call("PUT", f"{LAMPS}/a", lamp(bulbs=2))
    assert code == 422 and "metadata.resourceVersion: Invalid value: 0x0: must be specified" in status["message"]
    path = "/api/v1/namespaces/default/configmaps"
    http.ok("POST", path, {"metadata": {"name": "c"}})
    assert http.ok("PUT", f"{path}/c", {"metadata": {"name": "c"}, "data": {"a": "b"}})["data"] == {"a": "b"}


def test_another_name_or_uid_than_the_stored_one_is_refused(http: Http) -> None:
    made = http.ok("POST", LAMPS, lamp())
    assert http.call("PUT", f"{LAMPS}/a", made | {"metadata": made["metadata"] | {"name": "b"}})[0] == 400
    assert http.call("PUT", f"{LAMPS}/a", made | {"metadata": made["metadata"] | {"uid": "x"}})[0] == 409
    assert http.call("PUT", f"{LAMPS}/b", made | {"metadata": made["metadata"] | {"name": "b"}})[0] == 404


def test_two_controllers_are_refused(http: Http) -> None:
    refs = [{"apiVersion": "v1", "kind": "Pod", "name": n, "uid": n, "controller": True} for n in "ab"]
    code, status = http.call("POST", LAMPS, lamp(ownerReferences=refs))
    assert code == 422 and "Only one reference can have Controller set to true".lower() in status["message"].lower()


def test_dry_run_shows_and_stores_nothing(http: Http) -> None:
    shown = http.ok("POST", LAMPS, lamp(), dryRun="All")
    assert shown["spec"]["bulbs"] == 1 and http.call("GET", f"{LAMPS}/a")[0] == 404
    made = http.ok("POST", LAMPS, lamp())
    code, patched = http.patch(f"{LAMPS}/a", {"spec": {"bulbs": 3}}, dryRun="All")
    assert (code, patched["metadata"]["generation"]) == (200, 2)
    http.ok("DELETE", f"{LAMPS}/a", dryRun="All")
    assert http.ok("GET", f"{LAMPS}/a") == made


def test_unknown_fields_are_refused_warned_of_or_dropped_as_asked(http: Http) -> None:
    strict, status = http.call("POST", LAMPS, lamp(nope=1), fieldValidation="Strict")
    assert strict == 400
    assert status["message"] == (
        'Lamp in version "v1" cannot be handled as a Lamp: strict decoding error: unknown field "spec.nope"'
    )
    warned = http.request("POST", LAMPS, json=lamp(nope=1))
    assert warned.headers["Warning"] == '299 - "unknown field \\"spec.nope\\""' and "nope" not in warned.json()["spec"]
    silent = http.request("POST", LAMPS, json=lamp("b", nope=1), params={"fieldValidation": "Ignore"})
    assert silent.status_code == 201 and "Warning" not in silent.headers
    code, status = http.patch(f"{LAMPS}/a", {"spec": {"nope": 2}}, fieldValidation="Strict")
    assert code == 422 and 'strict decoding error: unknown field "spec.nope"' in status["message"]


def test_the_schemas_transition_rules_hold(http: Http) -> None:
    http.ok("POST", LAMPS, lamp())
    code, status = http.patch(f"{LAMPS}/a", {"spec": {"colour": "green"}})
    assert code == 422 and 'spec.colour: Invalid value: "green": colour is immutable' in status["message"]


def test_json_patch_tests_before_it_changes(http: Http) -> None:
    http.ok("POST", LAMPS, lamp())
    test = {"op": "test", "path": "/spec/bulbs", "value": 2}
    code, _ = http.patch(f"{LAMPS}/a", [test, {"op": "remove", "path": "/spec/bulbs"}], "json")
    assert code == 422
    code, got = http.patch(
        f"{LAMPS}/a", [test | {"value": 1}, {"op": "replace", "path": "/spec/bulbs", "value": 5}], "json"
    )
    assert (code, got["spec"]["bulbs"]) == (200, 5)


def test_a_custom_resource_takes_no_strategic_merge_patch(http: Http) -> None:
    http.ok("POST", LAMPS, lamp())
    assert http.patch(f"{LAMPS}/a", {}, "strategic")[0] == 415


def test_scale_reads_and_writes_the_fields_that_the_crd_names(http: Http) -> None:
    made = http.ok("POST", LAMPS, lamp())
    http.ok("PUT", f"{LAMPS}/a/status", made | {"status": {"bulbs": 1, "selector": "a=b"}})
    scale = http.ok("GET", f"{LAMPS}/a/scale")
    assert (scale["kind"], scale["spec"], scale["status"]) == (
        "Scale",
        {"replicas": 1},
        {"replicas": 1, "selector": "a=b"},
    )
    assert http.patch(f"{LAMPS}/a/scale", {"spec": {"replicas": 4}})[1]["spec"] == {"replicas": 4}
    assert http.call("PUT", f"{LAMPS}/a/scale", scale | {"spec": {"replicas": 5}})[0] == 409
    assert http.patch(f"{LAMPS}/a/scale", {"spec": {"replicas": 99}})[0] == 422
    now = http.ok("GET", f"{LAMPS}/a")
    assert (now["spec"]["bulbs"], now["metadata"]["generation"]) == (4, 2)
    assert http.call("GET", f"{PODS}/p/scale")[0] == 404


def test_server_side_apply_creates_merges_and_drops_what_its_manager_no_longer_says(http: Http) -> None:
    body = lamp(bulbs=2, shade="abc", labels={"mine": "1"})
    code, made = http.patch(f"{LAMPS}/a", body, "apply", fieldManager="me")
    assert code == 201
    http.patch(f"{LAMPS}/a", {"metadata": {"labels": {"theirs": "1"}}, "spec": {"port": 80}})
    code, got = http.patch(f"{LAMPS}/a", lamp(bulbs=3), "apply", fieldManager="me")
    assert (code, got["metadata"]["labels"]) == (200, {"theirs": "1"})
    assert got["spec"] == {"colour": "red", "bulbs": 3, "port": 80}
    assert got["metadata"]["uid"] == made["metadata"]["uid"]


def test_a_kind_is_there_as_soon_as_its_crd_is_and_goes_with_it(http: Http) -> None:
    http.ok("POST", LAMPS, lamp())
    watcher, crds = http.watch(LAMPS), http.watch(CRDS)
    crds.wait(1)
    http.ok("DELETE", f"{CRDS}/lamps.test.example.com")
    assert watcher.wait(2) == [("ADDED", "a"), ("DELETED", "a")]
    crds.wait_for("DELETED", "lamps.test.example.com")
    assert http.call("GET", LAMPS)[0] == 404


def test_a_crd_that_is_not_structural_is_refused(http: Http) -> None:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"properties": {"spec": {}}}},
    }
    body = {"metadata": {"name": "xs.y.z"}, "spec": {"group": "y.z", "scope": "Cluster", "versions": [version]}}
    body["spec"]["names"] = {"plural": "xs", "kind": "X"}  # type: ignore[index]
    code, status = http.call("POST", CRDS, body)
    assert code == 422 and "must not be empty for specified object fields" in status["message"]
