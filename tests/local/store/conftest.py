"""A running store, a bare HTTP client for it, and a custom kind to play with."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from local.store import Store, serve

LAMPS = "/apis/test.example.com/v1/namespaces/default/lamps"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PODS = "/api/v1/namespaces/default/pods"
CRD: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("lamps.yaml").read_text())
PATCHES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class Watcher(threading.Thread):
    """Collects the events of one watch; `wait` returns when the wanted one has come."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(daemon=True)
        self._response = response
        self._changed = threading.Condition()
        self.events: list[dict[str, Any]] = []
        self.ended = False
        self.start()

    def run(self) -> None:
        for line in self._response.iter_lines(chunk_size=None):
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()
        self._response.close()

    def wait(self, count: int) -> list[tuple[str, str]]:
        """Return (type, name) of the first count events, once they are there."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.events) >= count, timeout=20), self.events
            return [(e["type"], e["object"].get("metadata", {}).get("name", "")) for e in self.events[:count]]

    def wait_for(self, kind: str, name: str) -> dict[str, Any]:
        """Return the first such event's object, once it is there."""

        def found() -> list[dict[str, Any]]:
            return [e["object"] for e in self.events if (e["type"], e["object"]["metadata"]["name"]) == (kind, name)]

        with self._changed:
            assert self._changed.wait_for(found, timeout=20), self.events
            return found()[0]

    def wait_end(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.ended, timeout=20), self.events


class Http:
    """Requests to the store: `call` returns (status, document), `ok` the document of a success."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._watches: list[Watcher] = []

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        return self._session.request(method, self.url + path, timeout=30, **more)

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, dict[str, Any]]:
        answer = self.request(method, path, json=body, params=query)
        return answer.status_code, answer.json()

    def ok(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        code, document = self.call(method, path, body, **query)
        assert code in (200, 201), document
        return document

    def patch(self, path: str, body: Any, kind: str = "merge", **query: Any) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": PATCHES[kind]}
        answer = self.request("PATCH", path, data=json.dumps(body), headers=headers, params=query)
        return answer.status_code, answer.json()

    def watch(self, path: str, **query: Any) -> Watcher:
        response = self._session.get(self.url + path, params={"watch": "1"} | query, stream=True, timeout=30)
        self._watches.append(Watcher(response))
        return self._watches[-1]

    def close(self) -> None:
        """Only after the store's end, which ends the watches."""
        for watcher in self._watches:
            watcher.join(20)
        self._session.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with serve(logs=tmp_path / "logs", history=50) as running:
        yield running


@pytest.fixture
def http(store: Store) -> Iterator[Http]:
    """A client of a store that knows the kind Lamp."""
    client = Http(store.url)
    client.ok("POST", CRDS, CRD)
    yield client
    store.close()
    client.close()


def lamp(name: str = "a", **more: Any) -> dict[str, Any]:
    """A lamp; labels, annotations, finalizers and ownerReferences go into its metadata, the rest into its spec."""
    places = ("labels", "annotations", "finalizers", "ownerReferences", "generateName")
    metadata = {"name": name} | {k: v for k, v in more.items() if k in places}
    spec = {"colour": "red"} | {k: v for k, v in more.items() if k not in places}
    return {"apiVersion": "test.example.com/v1", "kind": "Lamp", "metadata": metadata, "spec": spec}


def pod(name: str = "p", **spec: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "flink:2.3.0"}]
    labels = {"app": name}
    return {"kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": {"containers": containers} | spec}


def owned_by(*owners: dict[str, Any], block: bool = True) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": block,
        }
        for owner in owners
    ]
