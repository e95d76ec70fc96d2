"""Whether the Metacontroller of a cluster may do what the toy controllers ask of it: our own overlay gives it less."""

from clients.kube import Forbidden, resources

METACONTROLLER = "app.kubernetes.io/name=metacontroller"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
# Each stands for what a case does with a parent, with children and with events.
NEEDED = (("list", "example.org", "things"), ("update", "example.org", "gadgets"), ("create", "", "configmaps"))
MENDED = "install it from its own manifests, without metacontroller/overlays/metacontroller/rights.yaml"


def missing(client):
    """What it may not, in one line, and what to do; '' where that cannot be found out."""
    try:
        pods = client.list(resources.PODS, label_selector=METACONTROLLER)["items"]
        for namespace, name in sorted({_account(pod) for pod in pods}):
            if refused := [right for right in NEEDED if not _may(client, namespace, name, *right)]:
                verb, group, plural = refused[0]
                what = f"{verb} {plural}{f'.{group}' if group else ''}"
                return f"Metacontroller's account {namespace}/{name} may not {what}: {MENDED}"
    except Forbidden:
        pass
    return ""


def _account(pod):
    return pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName", "default")


def _may(client, namespace, name, verb, group, plural):
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    asked = {"verb": verb, "group": group, "resource": plural}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:{namespace}:{name}", "groups": groups, "resourceAttributes": asked},
    }
    return client.request("POST", REVIEWS, json=body).json()["status"]["allowed"]
