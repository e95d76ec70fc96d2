"""Variables, volumes and paths of a container: tables."""

import base64
from pathlib import Path

import pytest

from local.kubelet.environment import EnvironmentProblem, Lookup, Volume, expand, mounts, rewriter, variables, volumes
from local.kubelet.launch import Image, run_command

POD = {
    "metadata": {"name": "p", "namespace": "ns", "uid": "u-1", "labels": {"app": "x"}, "annotations": {"a/b": "y"}},
    "spec": {"nodeName": "local", "containers": []},
}
CONFIG = {"data": {"A": "1", "B": "2"}}
SECRET = {"data": {"PASSWORD": base64.b64encode(b"hidden").decode()}}


def lookup(claim=None, persistent=()):
    return Lookup(
        {"config": CONFIG}.get,
        {"secret": SECRET}.get,
        {"claim": claim}.get if claim else {}.get,
        lambda: list(persistent),
        {
            "jobs:1": Image(run_command, root=Path("/images/jobs")),
            "ours:1": Image(run_command, paths={"/opt/examples": Path("/repository/examples")}),
        }.__getitem__,
    )


def env(*items, **more):
    return variables({"name": "c", "env": list(items), **more}, POD, "127.64.0.9", lookup())


def field(path):
    return {"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)-$(B)", "1-2"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("$A ${A} $", "$A ${A} $"),
        ("$$$(A)", "$1"),
    ],
)
def test_references_are_expanded(text, expected):
    """As Kubernetes does it, not as a shell."""
    assert expand(text, {"A": "1", "B": "2"}) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "ns"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app']", "x"),
        ("metadata.annotations['a/b']", "y"),
        ("metadata.labels['none']", ""),
        ("status.podIP", "127.64.0.9"),
        ("spec.nodeName", "local"),
    ],
)
def test_fields_of_the_pod_become_variables(path, expected):
    assert env(field(path)) == {"X": expected}


def test_a_variable_refers_to_those_before_it():
    """Not to later ones."""
    first, second, third = ({"name": n, "value": v} for n, v in (("A", "$(B)"), ("B", "b"), ("C", "$(B)c")))
    assert env(first, second, third) == {"A": "$(B)", "B": "b", "C": "bc"}


def test_sources_come_first_and_own_values_win():
    """Whole ConfigMaps and Secrets with a prefix, then single variables."""
    sources = [{"configMapRef": {"name": "config"}, "prefix": "C_"}, {"secretRef": {"name": "secret"}}]
    assert env({"name": "C_A", "value": "mine"}, envFrom=sources) == {"C_A": "mine", "C_B": "2", "PASSWORD": "hidden"}


def test_single_keys_become_variables():
    """An optional key that is missing gives no variable."""

    def key(kind, name, which, **more):
        return {"name": which, "valueFrom": {kind: {"name": name, "key": which, **more}}}

    found = env(
        key("configMapKeyRef", "config", "A"),
        key("secretKeyRef", "secret", "PASSWORD"),
        key("configMapKeyRef", "config", "NONE", optional=True),
        key("secretKeyRef", "none", "NONE", optional=True),
    )
    assert found == {"A": "1", "PASSWORD": "hidden"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "none", "key": "A"}}, 'configmap "none" not found'),
        ({"secretKeyRef": {"name": "none", "key": "A"}}, 'secret "none" not found'),
        ({"configMapKeyRef": {"name": "config", "key": "Z"}}, "couldn't find key Z"),
        ({"fieldRef": {"fieldPath": "spec.priority"}}, "spec.priority is not supported"),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, "resourceFieldRef is not supported"),
    ],
)
def test_a_missing_source_is_a_problem(source, message):
    with pytest.raises(EnvironmentProblem, match=message):
        env({"name": "X", "valueFrom": source})


PATHS = {"/data": Path("/disk/data"), "/data/deep": Path("/deep"), "/jar": Path("/pod/jar"), "/same": Path("/same")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data", "/disk/data"),
        ("/data/x/y.jar", "/disk/data/x/y.jar"),
        ("/data/deep/x", "/deep/x"),
        ("file:///data/s", "file:///disk/data/s"),
        ("file:/data/s", "file:/disk/data/s"),
        ("-Dpath=/jar/job.jar", "-Dpath=/pod/jar/job.jar"),
        ("a: /data/1\nb: '/jar'\n", "a: /disk/data/1\nb: '/pod/jar'\n"),
        ("cp /jar/a.jar /data/ && echo", "cp /pod/jar/a.jar /disk/data/ && echo"),
        ("/database", "/database"),
        ("/data-2/x", "/data-2/x"),
        ("/other/data/x", "/other/data/x"),
        ("http://host/data/x", "http://host/data/x"),
        ("http://jar/x", "http://jar/x"),
        ("s3://jar/x", "s3://jar/x"),
        ("/same/x", "/same/x"),
    ],
)
def test_paths_below_a_mount_are_rewritten(text, expected):
    """At a path's boundary only, the longest mount wins, and never twice."""
    assert rewriter(PATHS)(text) == expected


def test_paths_of_the_image_are_rewritten_where_they_exist(tmp_path):
    """The image's folder plays /, but what is not in it is the machine's; a mount hides the image's folder."""
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "a.jar").touch()
    (tmp_path / "jar").mkdir()
    rewrite = rewriter(PATHS, tmp_path)
    assert rewrite("cp /jars/a.jar /jars/none.jar /jar/") == f"cp {tmp_path}/jars/a.jar /jars/none.jar /pod/jar/"
    assert rewrite("cp /jars/*.jar /bin/x") == f"cp {tmp_path}/jars/*.jar /bin/x"


def volume(name, **source):
    return {"name": name, **source}


def found(*items, **objects):
    pod = {**POD, "spec": {**POD["spec"], "volumes": list(items)}}
    return volumes(pod, Path("/pod/volumes"), lookup(**objects))


def test_volumes_are_folders():
    """Of the pod, of the host, or with the files of a ConfigMap or Secret."""
    empty, host, config, secret, other = found(
        volume("empty", emptyDir={}),
        volume("host", hostPath={"path": "/srv"}),
        volume("config", configMap={"name": "config", "items": [{"key": "A", "path": "a.txt"}]}),
        volume("secret", secret={"secretName": "secret"}),
        volume("token", projected={"sources": []}),
    )
    assert empty == Volume("empty", Path("/pod/volumes/empty"))
    assert host == Volume("host", Path("/srv"))
    assert config == Volume("config", Path("/pod/volumes/config"), {"a.txt": b"1"})
    assert secret == Volume("secret", Path("/pod/volumes/secret"), {"PASSWORD": b"hidden"})
    assert other == Volume("token", Path("/pod/volumes/token"))


def disk(name, **spec):
    return {
        "metadata": {"name": name},
        "spec": {"hostPath": {"path": f"/disks/{name}"}, "accessModes": ["RWX"], **spec},
    }


@pytest.mark.parametrize(
    ("claim", "disks", "expected"),
    [
        ({"volumeName": "b"}, [disk("a"), disk("b")], "/disks/b"),
        ({}, [disk("b"), disk("a")], "/disks/a"),
        ({}, [disk("a", claimRef={"namespace": "ns", "name": "other"}), disk("b")], "/disks/b"),
        ({}, [disk("b"), disk("c", claimRef={"namespace": "ns", "name": "claim"})], "/disks/c"),
        ({"storageClassName": "fast"}, [disk("a"), disk("b", storageClassName="fast")], "/disks/b"),
        ({"accessModes": ["RWX"]}, [disk("a", accessModes=["RWO"]), disk("b")], "/disks/b"),
    ],
)
def test_a_claim_finds_its_volume(claim, disks, expected):
    """By name, else the first that fits."""
    whole = {"metadata": {"name": "claim", "namespace": "ns"}, "spec": claim}
    (only,) = found(volume("v", persistentVolumeClaim={"claimName": "claim"}), claim=whole, persistent=disks)
    assert str(only.folder) == expected


@pytest.mark.parametrize("objects", [{}, {"claim": {"metadata": {"name": "claim", "namespace": "ns"}, "spec": {}}}])
def test_a_claim_without_a_volume_is_a_problem(objects):
    with pytest.raises(EnvironmentProblem, match='persistentvolumeclaim "claim"'):
        found(volume("v", persistentVolumeClaim={"claimName": "claim"}), **objects)


def test_mounts_lead_to_folders():
    """Also into a part of a volume; a mount without a volume is a problem."""
    items = found(volume("v", emptyDir={}))
    container = {
        "name": "c",
        "volumeMounts": [{"name": "v", "mountPath": "/a/"}, {"name": "v", "mountPath": "/b", "subPath": "s"}],
    }
    assert mounts(container, items) == {"/a": Path("/pod/volumes/v"), "/b": Path("/pod/volumes/v/s")}
    with pytest.raises(EnvironmentProblem, match='"w" of container "c" has no volume'):
        mounts({"name": "c", "volumeMounts": [{"name": "w", "mountPath": "/w"}]}, items)


def test_an_image_is_the_folders_that_play_it():
    """One root, or the parts of an image of which there is no root."""
    items = found(volume("jobs", image={"reference": "jobs:1"}), volume("ours", image={"reference": "ours:1"}))
    container = {
        "name": "c",
        "volumeMounts": [{"name": "jobs", "mountPath": "/jobs"}, {"name": "ours", "mountPath": "/ours"}],
    }
    assert mounts(container, items) == {
        "/jobs": Path("/images/jobs"),
        "/ours": Path("/pod/volumes/ours"),
        "/ours/opt/examples": Path("/repository/examples"),
    }
