"""Built-in kinds: defaults, validation and what may not change."""

from typing import Any

import pytest

from core.quantities import canonical

from .conftest import PODS, Http, pod

SERVICES = "/api/v1/namespaces/default/services"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
CONTAINER = {"name": "c", "image": "x:1"}


def job(**spec: Any) -> dict[str, Any]:
    template = {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}
    return {"metadata": {"name": "j"}, "spec": {"template": template} | spec}


def deployment(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [CONTAINER]}}
    base = {"selector": {"matchLabels": {"app": "d"}}, "template": template}
    return {"metadata": {"name": "d"}, "spec": base | spec}


def service(*ports: dict[str, Any], name: str = "s", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"selector": {"app": "p"}, "ports": list(ports)} | spec}


def test_a_pod_gets_the_defaults_of_an_api_server_and_its_admission(http: Http) -> None:
    container = CONTAINER | {
        "env": [{"name": "A", "value": ""}, {"name": "B", "value": "b"}],
        "ports": [{"containerPort": 8081}],
        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.5}},
        "readinessProbe": {"httpGet": {"port": 8081}},
    }
    spec = http.ok("POST", PODS, pod(containers=[container]))["spec"]
    got = spec["containers"][0]
    assert (got["imagePullPolicy"], got["terminationMessagePath"]) == ("IfNotPresent", "/dev/termination-log")
    assert got["env"] == [{"name": "A"}, {"name": "B", "value": "b"}]
    assert got["ports"] == [{"containerPort": 8081, "protocol": "TCP"}]
    assert got["resources"] == {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}}
    assert got["readinessProbe"]["httpGet"] == {"port": 8081, "scheme": "HTTP", "path": "/"}
    assert got["readinessProbe"]["periodSeconds"] == 10
    assert (spec["restartPolicy"], spec["dnsPolicy"], spec["terminationGracePeriodSeconds"]) == (
        "Always",
        "ClusterFirst",
        30,
    )
    assert [t["key"].partition("/")[2] for t in spec["tolerations"]] == ["not-ready", "unreachable"]
    (mount,) = got["volumeMounts"]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount" and mount["readOnly"]
    assert [volume["name"] for volume in spec["volumes"]] == [mount["name"]]


def test_a_pod_may_decline_the_token(http: Http) -> None:
    made = http.ok("POST", PODS, pod(automountServiceAccountToken=False))
    assert "volumes" not in made["spec"] and "volumeMounts" not in made["spec"]["containers"][0]
    assert made["status"] == {"phase": "Pending"} and made["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("x", "Always"),
        ("x:latest", "Always"),
        ("r:5000/x", "Always"),
        ("r:5000/x:1", "IfNotPresent"),
        ("x@sha256:a", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(http: Http, image: str, policy: str) -> None:
    made = http.ok("POST", PODS, pod(containers=[{"name": "c", "image": image}]))
    assert made["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_a_written_back_pod_changes_nothing(http: Http) -> None:
    made = http.ok("POST", PODS, pod())
    assert http.ok("PUT", f"{PODS}/p", made) == made


def test_only_little_of_a_pod_may_change(http: Http) -> None:
    made = http.ok("POST", PODS, pod())
    code, status = http.patch(f"{PODS}/p", {"spec": {"restartPolicy": "Never"}})
    assert code == 422 and "spec: Forbidden: pod updates may not change fields other than" in status["message"]
    added = [*made["spec"]["tolerations"], {"key": "x", "operator": "Exists"}]
    assert http.patch(f"{PODS}/p", {"spec": {"tolerations": added}})[0] == 200
    images = [{"op": "replace", "path": "/spec/containers/0/image", "value": "flink:3"}]
    code, changed = http.patch(f"{PODS}/p", images, "json")
    assert (code, changed["metadata"]["generation"]) == (200, 3)
    fewer = [t for t in added if t["key"] != "x"]
    assert http.patch(f"{PODS}/p", {"spec": {"tolerations": fewer}})[0] == 422


def test_a_pod_is_bound_once(http: Http) -> None:
    http.ok("POST", PODS, pod())
    binding = {"target": {"kind": "Node", "name": "local"}}
    assert http.call("POST", f"{PODS}/p/binding", binding)[0] == 201
    assert http.ok("GET", f"{PODS}/p")["spec"]["nodeName"] == "local"
    assert http.call("POST", f"{PODS}/p/binding", binding)[0] == 409
    http.ok("POST", PODS, pod("q"))
    assert http.patch(f"{PODS}/q", {"spec": {"nodeName": "local"}})[0] == 200, "a patch binds too"
    assert http.patch(f"{PODS}/q", {"spec": {"nodeName": "other"}})[0] == 422


@pytest.mark.parametrize(
    ("container", "problem"),
    [
        ({"image": "x"}, "spec.containers[0].name: Required value"),
        ({"name": "c"}, "spec.containers[0].image: Required value"),
        ({"name": "C_", "image": "x"}, 'spec.containers[0].name: Invalid value: "C_"'),
        (CONTAINER | {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, 'volumeMounts[0].name: Not found: "v"'),
        (CONTAINER | {"env": [{"value": "x"}]}, "spec.containers[0].env[0].name: Required value"),
    ],
)
def test_pods_that_are_wrong(http: Http, container: dict[str, Any], problem: str) -> None:
    code, status = http.call("POST", PODS, pod(containers=[container]))
    assert code == 422 and problem in status["message"]


def test_a_service_gets_an_address_and_keeps_it(http: Http) -> None:
    made = http.ok("POST", SERVICES, service({"port": 80}))
    assert made["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    first = made["spec"]["clusterIP"]
    assert first.startswith("127.96.") and made["spec"]["type"] == "ClusterIP"
    assert http.ok("POST", SERVICES, service({"port": 80}, name="t"))["spec"]["clusterIP"] != first
    assert http.ok("PUT", f"{SERVICES}/s", service({"port": 81}))["spec"]["clusterIP"] == first
    code, status = http.patch(f"{SERVICES}/s", {"spec": {"clusterIP": "127.96.0.9"}})
    assert code == 422 and "may not change once set" in status["message"]
    http.ok("DELETE", f"{SERVICES}/s")
    assert http.ok("POST", SERVICES, service({"port": 80}, name="u"))["spec"]["clusterIP"] == first


def test_a_headless_service_has_none(http: Http) -> None:
    made = http.ok("POST", SERVICES, service({"port": 80}, clusterIP="None"))
    assert (made["spec"]["clusterIP"], made["spec"]["clusterIPs"]) == ("None", ["None"])


@pytest.mark.parametrize(
    ("ports", "problem"),
    [
        ([], "spec.ports: Required value"),
        ([{"port": 1}, {"port": 2, "name": "b"}], "spec.ports[0].name: Required value"),
        ([{"port": 1, "name": "a"}, {"port": 1, "name": "b"}], "spec.ports[1]: Duplicate value"),
    ],
)
def test_services_that_are_wrong(http: Http, ports: list[dict[str, Any]], problem: str) -> None:
    code, status = http.call("POST", SERVICES, service(*ports))
    assert code == 422 and problem in status["message"]


def test_a_job_selects_its_own_pods(http: Http) -> None:
    made = http.ok("POST", JOBS, job())
    spec, uid = made["spec"], made["metadata"]["uid"]
    assert (spec["backoffLimit"], spec["completions"], spec["parallelism"]) == (6, 1, 1)
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert spec["template"]["metadata"]["labels"] == {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "j",
        "controller-uid": uid,
        "job-name": "j",
    }


def test_a_foreign_controller_uid_in_a_jobs_template_is_refused(http: Http) -> None:
    body = job()
    body["spec"]["template"]["metadata"] = {"labels": {"controller-uid": "parent"}}
    code, status = http.call("POST", JOBS, body)
    assert code == 422 and "spec.template.metadata.labels[controller-uid]: Invalid value" in status["message"]


def test_a_jobs_pods_may_not_restart_always(http: Http) -> None:
    code, status = http.call("POST", JOBS, job(template={"spec": {"containers": [CONTAINER]}}))
    assert code == 422
    assert 'restartPolicy: Unsupported value: "Always": supported values: "OnFailure", "Never"' in status["message"]


def test_a_jobs_template_is_immutable_its_parallelism_is_not(http: Http) -> None:
    made = http.ok("POST", JOBS, job())
    template = made["spec"]["template"]
    other = template | {"spec": template["spec"] | {"containers": [template["spec"]["containers"][0] | {"image": "y"}]}}
    code, status = http.call("PUT", f"{JOBS}/j", made | {"spec": made["spec"] | {"template": other}})
    assert code == 422 and status["message"].endswith("field is immutable")
    assert http.patch(f"{JOBS}/j", {"spec": {"parallelism": 0}})[1]["metadata"]["generation"] == 2


def test_a_deployments_defaults_and_rules(http: Http) -> None:
    spec = http.ok("POST", DEPLOYMENTS, deployment())["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    assert "tolerations" not in spec["template"]["spec"], "admission adds to pods, not to templates"
    labels = {"matchLabels": {"app": "e"}}
    code, status = http.call("POST", DEPLOYMENTS, deployment(selector=labels) | {"metadata": {"name": "e"}})
    assert code == 422 and "`selector` does not match template `labels`" in status["message"]
    code, status = http.patch(f"{DEPLOYMENTS}/d", {"spec": {"selector": {"matchLabels": {"more": "x"}}}})
    assert code == 422 and "spec.selector: Invalid value" in status["message"]


def test_a_deployment_scales(http: Http) -> None:
    http.ok("POST", DEPLOYMENTS, deployment())
    assert http.ok("GET", f"{DEPLOYMENTS}/d/scale")["status"] == {"replicas": 0, "selector": "app=d"}
    http.patch(f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 3}})
    assert http.ok("GET", f"{DEPLOYMENTS}/d")["spec"]["replicas"] == 3


def test_a_secrets_text_becomes_data(http: Http) -> None:
    made = http.ok("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}, "stringData": {"a": "b"}})
    assert (made["type"], made["data"]) == ("Opaque", {"a": "Yg=="}) and "stringData" not in made


def test_nulls_and_empty_metadata_are_dropped(http: Http) -> None:
    body = {"metadata": {"name": "c", "creationTimestamp": None, "labels": {}}, "data": {"a": "b", "c": None}}
    made = http.ok("POST", "/api/v1/namespaces/default/configmaps", body)
    assert made["data"] == {"a": "b"} and "labels" not in made["metadata"] and "generation" not in made["metadata"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1000m", "1"),
        ("1500m", "1500m"),
        (0.5, "500m"),
        (2, "2"),
        ("0", "0"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1600Mi", "1600Mi"),
        ("512", "512"),
        ("1000M", "1G"),
        ("100k", "100k"),
        ("1e3", "1e3"),
        ("0.0001", "100u"),
        ("1024", "1024"),
        ("1Ki", "1Ki"),
    ],
)
def test_canonical_quantities(given: Any, expected: str) -> None:
    assert canonical(given) == expected


@pytest.mark.parametrize("wrong", ["", "1x", "Mi", "1 Gi", "1gi"])
def test_what_is_no_quantity(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        canonical(wrong)
