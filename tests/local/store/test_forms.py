"""Tables for kubectl get, and what clients discover."""

from datetime import UTC, datetime
from typing import Any

import pytest

from local.store.tables import age, json_path, span

from .conftest import LAMPS, PODS, Http, lamp, pod

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
AGGREGATED = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"}


def table(http: Http, path: str, **query: str) -> tuple[list[str], list[list[Any]]]:
    got = http.request("GET", path, headers=TABLE, params=query).json()
    assert got["kind"] == "Table" and got["metadata"]["resourceVersion"]
    return [c["name"] for c in got["columnDefinitions"]], [row["cells"] for row in got["rows"]]


def test_a_custom_kind_has_the_columns_of_its_crd(http: Http) -> None:
    made = http.ok("POST", LAMPS, lamp())
    conditions = [{"type": "Other", "status": "x"}, {"type": "Ready", "status": "True"}]
    http.ok("PUT", f"{LAMPS}/a/status", made | {"status": {"conditions": conditions}})
    http.ok("POST", LAMPS, lamp("b", bulbs=3))
    names, rows = table(http, LAMPS)
    assert names == ["Name", "Bulbs", "Ready", "Colour", "Age"]
    assert [row[:4] for row in rows] == [["a", 1, "True", "red"], ["b", 3, None, "red"]]
    assert rows[0][4].endswith("s")
    priorities = [c["priority"] for c in http.request("GET", LAMPS, headers=TABLE).json()["columnDefinitions"]]
    assert priorities == [0, 0, 0, 1, 0]


@pytest.mark.parametrize(("include", "kind"), [("", "PartialObjectMetadata"), ("Object", "Lamp"), ("None", None)])
def test_a_row_carries_as_much_of_its_object_as_asked(http: Http, include: str, kind: str | None) -> None:
    http.ok("POST", LAMPS, lamp())
    query = {"includeObject": include} if include else {}
    (row,) = http.request("GET", f"{LAMPS}/a", headers=TABLE, params=query).json()["rows"]
    assert row.get("object", {}).get("kind") == kind


def test_a_pods_row_tells_its_state(http: Http) -> None:
    http.ok("POST", PODS, pod())
    states = [{"name": "c", "ready": False, "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]
    http.patch(f"{PODS}/p/status", {"status": {"phase": "Running", "podIP": "127.0.0.9", "containerStatuses": states}})
    names, rows = table(http, PODS)
    assert names == ["Name", "Ready", "Status", "Restarts", "Age", "IP", "Node"]
    assert [*rows[0][:4], *rows[0][5:]] == ["p", "0/1", "CrashLoopBackOff", "2", "127.0.0.9", "<none>"]


def test_a_watch_gives_tables_too(http: Http) -> None:
    http.ok("POST", LAMPS, lamp())
    answer = http.request("GET", LAMPS, headers=TABLE, params={"watch": "1", "timeoutSeconds": "0"})
    assert answer.json()["object"]["rows"][0]["cells"][0] == "a"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".a.b", [1]),
        (".a['b']", [1]),
        (".l[0].n", ["x"]),
        (".l[*].n", ["x", "y"]),
        ('.l[?(@.n=="y")].v', [2]),
        ('.l[?(@.n=="z")].v', []),
        (".l[7].n", []),
        (r".dotted\.key", [3]),
        (".a.none", []),
        (".a[?(broken", []),
    ],
)
def test_json_path(path: str, found: list[Any]) -> None:
    value = {"a": {"b": 1}, "l": [{"n": "x", "v": 1}, {"n": "y", "v": 2}], "dotted.key": 3}
    assert json_path(value, path) == found


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (3000, "50m"),
        (10799, "179m"),
        (10800, "3h"),
        (12000, "3h20m"),
        (86400, "24h"),
        (200000, "2d7h"),
        (900000, "10d"),
        (70000000, "2y80d"),
    ],
)
def test_durations_as_kubectl_writes_them(seconds: int, text: str) -> None:
    assert span(seconds) == text


def test_an_age_that_is_no_time_is_unknown() -> None:
    assert age(None, datetime.now(UTC)) == age("soon", datetime.now(UTC)) == "<unknown>"


def test_discovery_in_the_old_and_the_new_form(http: Http) -> None:
    assert http.ok("GET", "/api") == {"kind": "APIVersions", "versions": ["v1"]}
    groups = [group["name"] for group in http.ok("GET", "/apis")["groups"]]
    assert "apps" in groups and "test.example.com" in groups
    assert http.ok("GET", "/apis/apps")["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    listed = http.ok("GET", "/apis/test.example.com/v1")["resources"]
    assert [r["name"] for r in listed] == ["lamps", "lamps/status", "lamps/scale"]
    assert listed[0]["shortNames"] == ["lp"] and listed[2]["kind"] == "Scale"
    answer = http.request("GET", "/apis", headers=AGGREGATED)
    assert "as=APIGroupDiscoveryList" in answer.headers["Content-Type"]
    found = {group["metadata"]["name"]: group for group in answer.json()["items"]}
    (kind,) = found["test.example.com"]["versions"][0]["resources"]
    assert (kind["resource"], kind["scope"], kind["categories"]) == ("lamps", "Namespaced", ["all"])


@pytest.mark.parametrize("path", ["/apis/none", "/apis/none/v1", "/api/v2", "/openapi/v2", "/nothing", "/api/v1/none"])
def test_what_is_not_there(http: Http, path: str) -> None:
    code, status = http.call("GET", path)
    assert (code, status["reason"]) == (404, "NotFound")


def test_open_api_says_that_the_server_validates_fields(http: Http) -> None:
    assert "apis/test.example.com/v1" in http.ok("GET", "/openapi/v3")["paths"]
    paths = http.ok("GET", "/openapi/v3/apis/test.example.com/v1")["paths"]
    operation = paths["/apis/test.example.com/v1/namespaces/{namespace}/lamps/{name}"]["patch"]
    assert "fieldValidation" in [parameter["name"] for parameter in operation["parameters"]]


def test_the_store_says_what_it_is(http: Http) -> None:
    assert http.ok("GET", "/version")["gitVersion"].endswith("+flinkctl.local")
    assert http.request("GET", "/readyz").text == "ok"
