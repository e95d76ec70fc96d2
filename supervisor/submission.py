"""An attempt: what is written down before Flink is asked, and what Flink is asked for. Pure."""

from __future__ import annotations

from dataclasses import replace

from core import job as jobs
from core import times
from core.job_status import JobStatus
from core.states import ClaimMode
from supervisor import recovery, rollback, settings, steps
from supervisor.decision import Decision, Run
from supervisor.world import World


def intended(world: World) -> Decision:
    """The intent: everything that the submission needs, before Flink is asked."""
    status, job = world.status, world.job
    attempt = status.attempt + 1
    path = recovery.start_point(status) or ""
    intent = status.but(
        attempt=attempt,
        job_id=jobs.flink_job_id(job.uid, attempt),
        job_status="",
        job_parallelism=job.parallelism,
        restore_path=path,
        restored_path="",
        checkpoint_directory=settings.checkpoint_directory(
            status.delivery.flink_configuration, world.flink_settings, jobs.flink_job_id(job.uid, attempt)
        ),
        forgotten_checkpoint=0,
        forgotten_savepoint="",
        stable=rollback.counted(status, attempt),
        **steps.held(world),
        digest={
            "bootstrap": job.bootstrap_digest,
            "savepoint": job.savepoint_digest,
            "restart": job.restart_digest,
        },
        started_at=times.to_text(world.now),
        ready_at="",
        retry_at="",
    )
    # A trial may be taken back to where it began, and what Flink owns goes with a cancelled job unless it is retained.
    retained = settings.retains_checkpoints(job.flink_configuration, world.flink_settings)
    claims = retained and not rollback.is_trial(world, status) and not status.runs_on.unproven
    mode = job.savepoint.claim_mode if claims else ClaimMode.NO_CLAIM
    intent = recovery.claimed(intent, mode)
    intent = intent.but(message=waiting(intent))
    return Decision(intent, intent.message, steps.pace(0), request(replace(world, status=intent)))


def waiting(status: JobStatus) -> str:
    """What is said from the intent until the tasks run, so that it is written once."""
    path = status.restore_path
    empty = "" if status.had_state else ", with empty state"  # Flink chose where a run begins that it brought back
    return f"attempt {status.attempt}{', from ' + path if path else empty}: waiting for its tasks to run"


def request(world: World) -> Run:
    """As the status says, also when the spec was edited since: a repetition is the same submission."""
    status = world.status
    bootstrap = jobs.read_bootstrap(status.delivery.bootstrap)
    return Run(
        job_id=status.job_id,
        jar_id=status.jar_id,
        entry_class=bootstrap.class_name,
        arguments=bootstrap.arguments,
        parallelism=status.job_parallelism,
        savepoint_path=status.restore_path,
        claim_mode=status.claim_mode,
        allow_non_restored_state=bootstrap.allow_non_restored_state,
        flink_configuration=settings.for_job(status.delivery.flink_configuration, world.flink_settings),
        timeout=float(world.job.restart.timeout),
    )
