"""What is said before the cases run on a Metacontroller that may not do what they ask."""

import pytest

from clients.kube import Connection, KubeClient
from tests.cli.servers import served

from .rights import METACONTROLLER, missing

POD = {"metadata": {"name": "metacontroller-0", "namespace": "mc"}, "spec": {"serviceAccountName": "own"}}


@pytest.fixture
def ask():
    """ask(may, pods): what is missing where `may` says what the account may."""

    def ask(may, pods=(POD,), code=200):
        def answer(asked):
            if asked.method == "GET":
                assert asked.params["labelSelector"] == METACONTROLLER
                return code, {"items": list(pods)} if code == 200 else {}
            spec = asked.body["spec"]
            assert spec["user"] == "system:serviceaccount:mc:own"
            return 201, {"status": {"allowed": may(spec["resourceAttributes"])}}

        with served(answer) as port, KubeClient(Connection(f"http://127.0.0.1:{port}")) as client:
            return missing(client)

    return ask


def test_all_rights_are_enough(ask):
    assert ask(lambda asked: True) == ""


def test_the_first_right_that_is_missing_is_told(ask):
    assert ask(lambda asked: asked["resource"] != "things").startswith(
        "Metacontroller's account mc/own may not list things.example.org: install it from its own manifests"
    )
    assert "may not create configmaps: " in ask(lambda asked: asked["group"])


def test_where_it_cannot_be_found_out_the_cases_tell(ask):
    assert ask(lambda asked: False, pods=()) == ""
    assert ask(lambda asked: False, code=403) == ""
