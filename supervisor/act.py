"""The one place that does something to Flink, and what a refusal means for the job. An answer that never came means
nothing: the next look finds out."""

from __future__ import annotations

import logging

from clients.flink import Capabilities, Duplicate, Failed, FlinkClient, FlinkError, NotFound, Rejected, TimedOut
from core.states import ClaimMode, Phase
from supervisor import delivery, finder, history, rollback, search, steps
from supervisor.decision import (
    Action,
    Cancel,
    Decision,
    DisposeSavepoint,
    FindState,
    Plan,
    Reason,
    Run,
    StopJob,
    TakeSavepoint,
)
from supervisor.states import started, stopping
from supervisor.world import World

log = logging.getLogger("supervisor")


def act(action: Action, flink: FlinkClient, capabilities: Capabilities) -> Rejected | str | None:
    """Does it. Returns Flink's definite no, the word that it gave, or None for yes and for what nobody knows."""
    try:
        return _send(action, flink, capabilities)
    except Duplicate as error:
        log.info("Flink has this submission already: %s", error.text)
    except Rejected as error:
        return None if isinstance(action, Run) and _runs(action.job_id, flink) else error
    except FlinkError as error:
        log.warning("%s: no answer, looking again: %s", type(action).__name__, error)
    return None


def plan(asked: Plan, flink: FlinkClient) -> Rejected | Failed | str | None:
    """Asks for the plan of an update. Returns the name that main() gives the job, or why there is none: definitely, or
    this time; None when nobody answers."""
    try:
        return flink.plan(
            asked.jar_id,
            entry_class=asked.entry_class,
            arguments=asked.arguments,
            parallelism=asked.parallelism,
            flink_configuration=asked.flink_configuration,
            timeout_seconds=asked.timeout,
        )
    except (Rejected, Failed) as error:
        return error
    except FlinkError as error:
        if isinstance(error, TimedOut) and _answers(flink):
            return Rejected(504, f"main() did not come to a plan in {asked.timeout:.0f} s")
        log.warning("Plan: no answer, looking again: %s", error)
    return None


def _runs(job_id: str, flink: FlinkClient) -> bool:
    """A main() that throws after it has submitted leaves a job that runs: then the submission is no failure. Nor is it
    known to be one when nobody answers."""
    try:
        return flink.job(job_id).status != "FAILED"
    except NotFound:
        return False
    except FlinkError:
        return True


def _answers(flink: FlinkClient) -> bool:
    """Was it main() that took so long, not the JobManager?"""
    try:
        flink.overview()
    except FlinkError:
        return False
    return True


def _send(action: Action, flink: FlinkClient, capabilities: Capabilities) -> str | None:
    match action:
        case Run():
            flink.run(
                action.jar_id,
                entry_class=action.entry_class,
                arguments=action.arguments,
                parallelism=action.parallelism,
                job_id=action.job_id,
                savepoint_path=action.savepoint_path or None,
                claim_mode=action.claim_mode or ClaimMode.NO_CLAIM,
                allow_non_restored_state=action.allow_non_restored_state,
                flink_configuration=action.flink_configuration,
                capabilities=capabilities,
                timeout_seconds=action.timeout,
            )
        case StopJob():
            flink.stop(
                action.job_id,
                trigger_id=action.trigger_id,
                target_directory=action.target_directory,
                drain=action.drain,
                format_type=action.format,
            )
        case TakeSavepoint():
            flink.savepoint(
                action.job_id,
                trigger_id=action.trigger_id,
                target_directory=action.target_directory,
                format_type=action.format,
            )
        case Cancel():
            flink.cancel(action.job_id)
        case DisposeSavepoint():
            return flink.dispose(action.path)
        case FindState():
            return finder.find(flink, action)
    return None


def after_answer(world: World, action: Action, answer: Rejected | str) -> Decision | None:
    """What Flink's answer means; `world` has the status that was written before the action."""
    if isinstance(action, FindState):
        return search.answered(rollback.as_run(world), answer)
    if isinstance(answer, Rejected):
        return after_refusal(world, action, answer)
    return history.accepted(rollback.as_run(world), answer)


def after_refusal(world: World, action: Action, error: Rejected) -> Decision | None:
    """What Flink's no means; `world` has the status that was written before the action. None: the next look decides."""
    world = rollback.as_run(world)
    phase = world.status.supervisor_status
    if isinstance(action, Run):
        reason: Reason = "BootstrapFailed" if delivery.jar_is_gone(error) else "SubmissionFailed"
        return steps.fail(world, reason, error.text)
    if isinstance(error, NotFound):
        return None
    if isinstance(action, StopJob) and phase == Phase.STOPPING:
        return stopping.savepoint_failed(world, error.text)
    if isinstance(action, TakeSavepoint) and phase == Phase.STARTED:
        return started.savepoint_failed(world, error.text)
    if isinstance(action, DisposeSavepoint):
        return history.failed(world, error.text)
    return None
