"""Who gets the slots that several jobs wait for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from supervisor.claims import KEPT, Claims

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=180)


@pytest.fixture
def claims() -> Claims:
    return Claims()


def test_one_free_slot_is_for_one_job(claims):
    assert claims.take("a", 1, 1, LATER) is None
    assert claims.take("b", 1, 1, LATER) == 0
    assert (claims.left("a", 1), claims.left("b", 1)) == (1, 0)


def test_a_repeated_claim_is_the_same_one(claims):
    assert claims.take("a", 2, 3, LATER) is None
    assert claims.take("a", 2, 3, LATER) is None
    assert claims.take("b", 1, 3, LATER) is None


def test_it_ends_when_flink_is_asked_anew(claims):
    """Until then the slots that its tasks have taken are still counted as free."""
    claims.hold("a", 1, NOW)
    claims.release("a")
    assert claims.left("b", 1) == 0
    claims.settle({"a", "b"}, NOW)
    assert claims.left("b", 1) == 1


def test_held_again_it_does_not_end(claims):
    claims.hold("a", 1, NOW)
    claims.release("a")
    claims.hold("a", 1, NOW)
    claims.settle({"a"}, NOW)
    assert claims.left("b", 1) == 0


def test_a_job_that_is_gone_claims_nothing(claims):
    claims.hold("a", 3, NOW)
    claims.settle({"b"}, NOW)
    assert claims.left("b", 4) == 4


@pytest.mark.parametrize(
    ("claim", "until"),
    [(lambda claims: claims.hold("a", 1, NOW), NOW + KEPT), (lambda claims: claims.take("a", 1, 1, LATER), LATER)],
)
def test_nothing_is_claimed_for_ever(claims, claim, until):
    claim(claims)
    claims.settle({"a"}, until - timedelta(seconds=1))
    assert claims.left("b", 1) == 0
    claims.settle({"a"}, until)
    assert claims.left("b", 1) == 1


def test_of_those_that_come_back_none_waits_for_another(claims):
    claims.hold("a", 2, NOW, returns=True)
    claims.hold("b", 1, NOW, returns=True)
    assert (claims.left("b", 1), claims.left("c", 1)) == (1, 0)
