"""The one way to a decision: the state's module decides, and what holds in every state is added here. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from core import times
from core.job_status import JobStatus
from core.redaction import redacted
from core.states import Phase
from supervisor import conditions, readiness, rollback, steps
from supervisor.decision import Cancel, Decision, Event
from supervisor.states import started, starting, stopped, stopping, terminated, unknown
from supervisor.transitions import allowed
from supervisor.world import World

STATES: dict[Phase, Callable[[World], Decision]] = {
    Phase.UNKNOWN: unknown.decide,
    Phase.STARTING: starting.decide,
    Phase.STARTED: started.decide,
    Phase.STOPPING: stopping.decide,
    Phase.STOPPED: stopped.decide,
    Phase.TERMINATED: terminated.decide,
}
MAX_MESSAGE = 700
# The requests that a state can carry out; it keeps them while something else comes first (a JobManager that does not
# answer). Any other one is answered with "no". Unknown and Stopping pass: they keep every request for the state after.
CARRIED_OUT = {
    Phase.STARTING: ("STOP", "FORGET_SAVEPOINT"),
    Phase.STARTED: ("START", "STOP", "TRIGGER_SAVEPOINT", "FORGET_SAVEPOINT"),
    Phase.STOPPED: ("START", "STOP", "FORGET_SAVEPOINT"),
    Phase.TERMINATED: (),
}


def decide(world: World) -> Decision:
    """What to do about one job now. RuntimeError when a state module leaves the transition table."""
    world = readiness.noted(rollback.as_run(world))
    if world.problems and not world.job.deleting:
        decision = _held(world)
    else:
        state = STATES[world.status.supervisor_status]
        decision = _request_settled(world, state(_without_handled_request(world)))
    wanted = (decision.status.job_id, steps.recoverable(replace(world, status=decision.status)))
    strays = [run for run in world.strays if run not in wanted]
    if strays and decision.action is None:
        decision = replace(decision, action=Cancel(strays[0]), delay=min(decision.delay, steps.SOON))
    return finished(world, decision)


# What a job whose spec is wrong is still looked at with. It keeps the requests of people until the spec is mended.
HELD: dict[Phase, Callable[[World], Decision]] = {
    Phase.STARTING: starting.hold,
    Phase.STARTED: started.hold,
    Phase.STOPPING: stopping.decide,
}


def _held(world: World) -> Decision:
    """The spec is wrong: what runs goes on and is watched, what Flink was asked for is followed to its end, and nothing
    but a cancellation is asked."""
    why = f"InvalidSpec: {'; '.join(world.problems)}"
    held = HELD.get(world.status.supervisor_status)
    decision = held(world) if held else steps.same(world, why, delay=world.cluster.polling_interval)
    action = decision.action if isinstance(decision.action, Cancel) else None
    return replace(decision, why=why, action=action, status=decision.status.but(message=why))


def finished(world: World, decision: Decision) -> Decision:
    """Fit for people, and with what every status says about itself. RuntimeError for a transition that is not in the
    table."""
    before, after = world.status.supervisor_status, decision.status.supervisor_status
    if not allowed(before, after):
        raise RuntimeError(f"no way from {before} to {after}: {decision.why}")
    decision = _for_people(world, decision)
    status = decision.status
    if world.status.ready_at and not status.ready_at:
        status = status.but(ready_until=times.to_text(world.now))
    return replace(decision, status=stamped(world, conditions.described(world, status)))


def _for_people(world: World, decision: Decision) -> Decision:
    """All that is said may be Flink's own words: without secrets, and short. A text is cut when nothing is left in it
    that a cut could bring to light."""
    secrets = world.secrets

    def clean(text: str) -> str:
        return redacted(text, secrets)[:MAX_MESSAGE]

    status = decision.status
    return replace(
        decision,
        why=clean(decision.why),
        status=status.but(
            message=clean(status.message),
            failure=clean(status.failure),
            stop=replace(status.stop, reason=clean(status.stop.reason)),
            rejected=replace(status.rejected, failure=clean(status.rejected.failure)),
            stability=replace(status.stability, trouble=clean(status.stability.trouble)),
        ),
        events=tuple(replace(event, message=clean(event.message)) for event in decision.events),
    )


def stamped(world: World, status: JobStatus) -> JobStatus:
    """With the Toolbox's `timestamp`: when the status changed last."""
    return status if status == world.status else status.but(timestamp=times.to_text(world.now))


def _without_handled_request(world: World) -> World:
    """A request is acted on once, also when its annotation could not be reset afterwards."""
    if world.job.action_token and world.job.action_token == world.status.handled_action:
        return replace(world, job=replace(world.job, action=""))
    return world


def _request_settled(world: World, decision: Decision) -> Decision:
    token = world.job.action_token
    if not token:
        return replace(decision, status=decision.status.but(handled_action=""))
    if token == world.status.handled_action or decision.handled:
        return replace(decision, status=decision.status.but(handled_action=token), handled=True)
    if world.job.action in CARRIED_OUT.get(world.status.supervisor_status, (world.job.action,)):
        return decision
    known = sorted({action for actions in CARRIED_OUT.values() for action in actions})
    why = f"{world.job.action} does not apply while the job is {world.status.supervisor_status}"
    if world.job.action not in known:
        why = f"{world.job.action} is no request; there are {', '.join(known)}"
    return replace(
        decision,
        status=decision.status.but(handled_action=token),
        handled=True,
        events=(*decision.events, Event("RequestIgnored", why)),
    )
