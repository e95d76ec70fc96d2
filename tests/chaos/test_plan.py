"""The plan: the same seed, the same steps; and every kind of fault is drawn."""

from . import plan

KINDS = [*plan.ANYWHERE, *plan.LOCAL]


def steps(seed, count=300, kinds=KINDS):
    return [plan.step(seed, number, kinds) for number in range(count)]


def test_a_seed_repeats_itself_whatever_the_order_of_the_kinds():
    assert steps(1) == steps(1, kinds=KINDS[::-1])
    assert steps(1) != steps(2)


def test_a_step_does_not_depend_on_those_before():
    assert plan.step(1, 7, KINDS) == steps(1)[7]


def test_every_kind_and_every_action_comes_and_sometimes_two_at_once():
    found = steps(1)
    assert {fault.kind for step in found for fault in step.faults} == set(KINDS)
    assert {step.action for step in found} == set(plan.ACTIONS)
    assert {len(step.faults) for step in found} == {1, 2}
    assert all(len({fault.kind for fault in step.faults}) == len(step.faults) for step in found)


def test_one_kind_alone():
    assert {fault.kind for step in steps(1, kinds=["api-lost"]) for fault in step.faults} == {"api-lost"}


def test_only_what_lasts_has_a_duration():
    for fault in (fault for step in steps(1) for fault in step.faults):
        assert bool(fault.seconds) == (plan.ANYWHERE | plan.LOCAL)[fault.kind]
