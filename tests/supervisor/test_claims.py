"""Who gets the slots that several jobs wait for."""

from __future__ import annotations

import pytest

from supervisor.claims import Claims


@pytest.fixture
def claims() -> Claims:
    return Claims()


def test_one_free_slot_is_for_one_job(claims):
    assert claims.take("a", 1, 1)
    assert not claims.take("b", 1, 1)
    assert (claims.left("a", 1), claims.left("b", 1)) == (1, 0)


def test_a_repeated_claim_is_the_same_one(claims):
    assert claims.take("a", 2, 3)
    assert claims.take("a", 2, 3)
    assert claims.take("b", 1, 3)


def test_it_ends_when_flink_is_asked_anew(claims):
    """Until then the slots that its tasks have taken are still counted as free."""
    claims.hold("a", 1)
    claims.release("a")
    assert claims.left("b", 1) == 0
    claims.settle({"a", "b"})
    assert claims.left("b", 1) == 1


def test_held_again_it_does_not_end(claims):
    claims.hold("a", 1)
    claims.release("a")
    claims.hold("a", 1)
    claims.settle({"a"})
    assert claims.left("b", 1) == 0


def test_a_job_that_is_gone_claims_nothing(claims):
    claims.hold("a", 3)
    claims.settle({"b"})
    assert claims.left("b", 4) == 4
