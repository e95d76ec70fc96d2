"""KubeClient: what it asks for, and what it makes of the answers."""

import threading

import pytest

from clients import kube
from clients.kube import Resource, Unreachable
from clients.kube import resources as r

# ---- what is asked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "arguments", "path"),
    [
        (r.PODS, (), "/api/v1/pods"),
        (r.PODS, ("ns",), "/api/v1/namespaces/ns/pods"),
        (r.DEPLOYMENTS, ("ns", "x"), "/apis/apps/v1/namespaces/ns/deployments/x"),
        (r.FLINK_JOBS, ("ns", "x", "status"), "/apis/nextbreakpoint.com/v1/namespaces/ns/flinkjobs/x/status"),
        (r.NAMESPACES, ("ignored", "x"), "/api/v1/namespaces/x"),
        (r.CRDS, ("ns", "a.b"), "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a.b"),
        (r.PODS, ("ns", "ä b?"), "/api/v1/namespaces/ns/pods/%C3%A4%20b%3F"),
    ],
)
def test_paths(resource, arguments, path):
    assert resource.path(*arguments) == path


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%2fb"])
def test_a_name_that_is_no_name_never_becomes_a_path(client, api, name):
    """An empty name would delete the whole collection."""
    with pytest.raises(kube.BadRequest):
        client.delete(r.PODS, name)
    assert api.asked == []


def test_api_version():
    assert (r.PODS.api_version, r.JOBS.api_version) == ("v1", "batch/v1")
    assert Resource("g", "v2", "things", "Thing").api_version == "g/v2"


def test_get(client, api, will):
    """Named objects are looked for in the connection's namespace unless another is given."""
    api.will(will.reply({"kind": "Pod"}), will.reply({}), will.reply({"kind": "Scale"}))
    assert client.get(r.PODS, "x") == {"kind": "Pod"}
    client.get(r.PODS, "x", namespace="other")
    client.get(r.FLINK_CLUSTERS, "c", subresource="scale")
    assert [(asked.method, asked.path) for asked in api.asked] == [
        ("GET", "/api/v1/namespaces/flink/pods/x"),
        ("GET", "/api/v1/namespaces/other/pods/x"),
        ("GET", "/apis/nextbreakpoint.com/v1/namespaces/flink/flinkclusters/c/scale"),
    ]
    assert api.asked[0].headers["User-Agent"] == "flink-metacontroller"


def test_create(client, api):
    """The body's own namespace comes before the connection's; dry runs are the server's."""
    client.create(r.PODS, {"metadata": {"name": "x", "namespace": "own"}}, dry_run=True)
    client.create(r.NAMESPACES, {"metadata": {"name": "n"}})
    assert [(asked.method, asked.url) for asked in api.asked] == [
        ("POST", "/api/v1/namespaces/own/pods?dryRun=All"),
        ("POST", "/api/v1/namespaces"),
    ]
    assert api.asked[0].body == {"metadata": {"name": "x", "namespace": "own"}}
    assert api.asked[0].headers["Content-Type"] == "application/json"


def test_replace(client, api):
    body = {"metadata": {"name": "x", "resourceVersion": "5"}}
    client.replace(r.FLINK_JOBS, body, subresource="status")
    (asked,) = api.asked
    assert (asked.method, asked.body) == ("PUT", body)
    assert asked.url == "/apis/nextbreakpoint.com/v1/namespaces/flink/flinkjobs/x/status"


@pytest.mark.parametrize(
    ("kind", "patch", "content_type"),
    [
        ("merge", {"spec": {"replicas": 2}}, "application/merge-patch+json"),
        ("json", [{"op": "remove", "path": "/spec"}], "application/json-patch+json"),
    ],
)
def test_patch(client, api, kind, patch, content_type):
    client.patch(r.FLINK_CLUSTERS, "c", patch, subresource="scale", kind=kind, dry_run=True)
    (asked,) = api.asked
    assert (asked.method, asked.body, asked.headers["Content-Type"]) == ("PATCH", patch, content_type)
    assert asked.url == "/apis/nextbreakpoint.com/v1/namespaces/flink/flinkclusters/c/scale?dryRun=All"


def test_delete(client, api):
    client.delete(r.PODS, "x")
    client.delete(r.PODS, "x", propagation="Foreground", uid="u", grace_seconds=0)
    options = {"apiVersion": "v1", "kind": "DeleteOptions"}
    assert [asked.body for asked in api.asked] == [
        {**options, "propagationPolicy": "Background"},
        {**options, "propagationPolicy": "Foreground", "preconditions": {"uid": "u"}, "gracePeriodSeconds": 0},
    ]


def test_list_follows_pages(client, api, will):
    """One List with all items, each of which says its kind; the selectors go with each page."""
    api.will(
        will.reply({"kind": "PodList", "metadata": {"resourceVersion": "7", "continue": "next"}, "items": [{"n": 1}]}),
        will.reply({"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": [{"n": 2, "kind": "Own"}]}),
    )
    found = client.list(r.PODS, label_selector="a=b", field_selector="c=d")
    assert found["metadata"]["resourceVersion"] == "7"
    assert found["items"] == [
        {"apiVersion": "v1", "kind": "Pod", "n": 1},
        {"apiVersion": "v1", "kind": "Own", "n": 2},
    ]
    first = {"limit": "500", "labelSelector": "a=b", "fieldSelector": "c=d"}
    assert [asked.query for asked in api.asked] == [first, {**first, "continue": "next"}]
    assert api.asked[0].path == "/api/v1/pods"


def test_list_starts_over_when_a_page_is_gone(client, api, will):
    """All at once then: no object of the lost pages is given twice."""
    api.will(
        will.reply({"metadata": {"continue": "next"}, "items": [{"n": 1}]}),
        will.refuse(410, "Expired"),
        will.reply({"metadata": {}, "items": None}),
    )
    assert client.list(r.PODS, namespace="ns")["items"] == []
    assert api.asked[2].query == {}


def test_list_that_is_gone_at_once(client, api, will):
    api.will(will.refuse(410, "Expired"))
    with pytest.raises(kube.Gone):
        client.list(r.PODS)


def test_service_proxy(client, api, will):
    api.will(will.reply({"jobs": []}))
    assert client.service_proxy("ns", "jobmanager-a", 8081, "/jobs/overview", params={"a": 1}) == {"jobs": []}
    assert api.asked[0].url == "/api/v1/namespaces/ns/services/jobmanager-a:8081/proxy/jobs/overview?a=1"


def test_service_proxy_does_not_wait_for_a_service(client, api, will):
    """A Service without a pod is an answer, not an outage of the API server."""
    api.will(will.refuse(503, "ServiceUnavailable", "no endpoints available"))
    with pytest.raises(kube.ServerError, match="no endpoints available"):
        client.service_proxy("ns", "jobmanager-a", 8081, "jobs")
    assert len(api.asked) == 1


def test_service_proxy_keeps_the_services_own_error(client, api, will):
    api.will(will.reply({"errors": ["Job not found"]}, 404))
    with pytest.raises(kube.NotFound, match=r"was answered with 404: .*Job not found") as caught:
        client.service_proxy("ns", "jobmanager-a", 8081, "jobs/1")
    assert caught.value.body == {"errors": ["Job not found"]}


@pytest.mark.parametrize("chunked", [True, False])
def test_logs(client, api, will, chunked):
    """Lines come as text, whatever the bytes are; an empty line is a line; the last may have no end."""
    api.will(will.stream(b"one", b"", b"tw\xffo\r", chunked=chunked))
    lines = client.logs("pod", namespace="ns", container="c", tail=3)
    assert list(lines) == ["one", "", "tw\ufffdo\r"]
    assert api.asked[0].url == "/api/v1/namespaces/ns/pods/pod/log?container=c&tailLines=3"


@pytest.mark.parametrize("chunked", [True, False])
def test_followed_logs_come_at_once(client, api, will, chunked):
    """A line is given while the answer goes on."""
    api.will(will.stream(b"one", b"two", end="hold", chunked=chunked))
    lines = client.logs("pod", namespace="ns", follow=True)
    assert [next(lines), next(lines)] == ["one", "two"]
    assert api.asked[0].query == {"follow": "true"}


def test_logs_that_break_off(client, api, will):
    api.will(will.stream(b"one", end="cut"))
    lines = client.logs("pod", namespace="ns")
    assert next(lines) == "one"
    with pytest.raises(Unreachable, match="the answer broke off"):
        next(lines)


def test_version(client, api, will):
    api.will(will.reply({"gitVersion": "v1.37.0"}))
    assert client.version()["gitVersion"] == "v1.37.0"


# ---- what it makes of refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", kube.BadRequest),
        (403, "Forbidden", kube.Forbidden),
        (404, "NotFound", kube.NotFound),
        (405, "MethodNotAllowed", kube.ApiError),
        (409, "Conflict", kube.Conflict),
        (409, "AlreadyExists", kube.AlreadyExists),
        (410, "Expired", kube.Gone),
        (422, "Invalid", kube.Invalid),
        (500, "InternalError", kube.ServerError),
    ],
)
def test_refusals(client, api, will, code, reason, kind):
    """One class per status; the server's own words are the message."""
    api.will(will.refuse(code, reason, 'flinkjobs.nextbreakpoint.com "x" ...'))
    with pytest.raises(kind) as caught:
        client.create(r.FLINK_JOBS, {})
    assert type(caught.value) is kind
    assert str(caught.value) == 'flinkjobs.nextbreakpoint.com "x" ...'
    assert (caught.value.status, caught.value.reason) == (code, reason)
    assert caught.value.body["kind"] == "Status"


def test_refusal_without_words(client, api, will):
    """A page of somebody else's server is shortened and says what was asked."""
    api.will(will.reply(b"<html>\n" + b"x" * 1000, 404))
    with pytest.raises(kube.NotFound, match=r"^GET /api/v1/namespaces/flink/pods/x was answered with 404: <html> x+$"):
        client.get(r.PODS, "x")


@pytest.mark.parametrize("status", [False, True])
def test_unknown_kind(client, api, will, status):
    """Group or kind unknown: what a person forgot to install is said."""
    known_group = will.refuse(404, "NotFound", "the server could not find the requested resource")
    api.will(known_group if status else will.reply(b"404 page not found\n", 404))
    with pytest.raises(kube.NotFound, match=r"does not know /apis/nextbreakpoint\.com/v1/flinkjobs: are the CRDs"):
        client.list(r.FLINK_JOBS)


def test_redirect_is_not_followed(client, api, will):
    """An API server does not redirect: a login page does, and our token stays here."""
    api.will(will.reply({}, 302, Location="http://login.example/"))
    with pytest.raises(kube.ApiError, match=r"which points to http://login\.example/"):
        client.get(r.PODS, "x")


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]"])
def test_answer_that_is_no_object(client, api, will, body):
    api.will(will.reply(body))
    with pytest.raises(Unreachable, match="not"):
        client.get(r.PODS, "x")


# ---- threads -------------------------------------------------------------------------------------------------------


def test_threads_share_a_client(client, api):
    """Requests at the same time do not mix up their answers."""

    def echo(handler):
        data = b'{"path": "%s"}' % handler.path.encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    api.otherwise = echo
    wrong: list[str] = []

    def ask(n: int) -> None:
        for m in range(20):
            path = f"/api/v1/namespaces/flink/pods/p{n}-{m}"
            if client.get(r.PODS, f"p{n}-{m}") != {"path": path}:
                wrong.append(path)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(api.asked) == 160 and wrong == []
