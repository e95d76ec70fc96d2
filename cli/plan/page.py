"""A plan as people read it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from cli.plan.outcome import Change, Outcome, Wait
from cli.plan.supervision import Step

MARKS = {"create": "+", "change": "~", "delete": "-"}
DONE = {"create": "created", "change": "changed", "delete": "deleted"}


def page(outcome: Outcome) -> str:
    parts = [
        [line for change in outcome.changes for line in _object(change)],
        list(_pods(outcome.pods)),
        list(_jobs(outcome.steps)),
        [*_set_back(outcome.set_back), *_waits(outcome.waits)],
        [_summary(outcome), *_notes(outcome)],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _object(change: Change) -> Iterator[str]:
    name = f"{change.kind} {change.namespace}/{change.name}"
    yield f"{MARKS[change.verb]} {name} is {DONE[change.verb]}{_meaning(change)}"
    for field in change.fields:
        yield f"    {field.path}: {field.before or '(unset)'} -> {field.after or '(unset)'}"


def _meaning(change: Change) -> str:
    if change.metadata_only:
        return ", metadata only"
    supervisor = change.kind == "Deployment" and change.verb == "change"
    return ": the supervisor restarts, the jobs go on" if supervisor else ""


def _pods(pods: tuple[Change, ...]) -> Iterator[str]:
    for pod in pods:
        other = ", or another idle one" if pod.verb == "delete" and pod.is_surplus(pods) else ""
        yield f"{MARKS[pod.verb]} Pod {pod.namespace}/{pod.name} is {DONE[pod.verb]}{other}"


def _jobs(steps: Iterable[Step]) -> Iterator[str]:
    """Job by job, each with its steps in their order."""
    for (namespace, job), own in groupby(_by_job(steps), key=lambda step: (step.namespace, step.job)):
        yield f"Job {namespace}/{job}"
        before: Step | None = None
        for step in own:
            yield f"    {_stop(step) if step.verb == 'stop' else _start(step, before)}"
            before = step


def _by_job(steps: Iterable[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: (step.namespace, step.job))


def _stop(step: Step) -> str:
    how = f"with a savepoint in {step.path.rpartition('/')[0]}" if step.savepoint else "without a savepoint"
    drained = ", drained" if step.drain else ""
    return f"stops {how}{drained}: {step.why}"


def _start(step: Step, before: Step | None) -> str:
    return f"starts {_source(step, before)}, parallelism {step.parallelism}"


def _source(step: Step, before: Step | None) -> str:
    if not step.path:
        return "with empty state"
    if before and before.savepoint and before.path == step.path:
        return "from that savepoint"
    # One that runs completes checkpoints until it is stopped.
    return f"from {step.path}{', or from a newer checkpoint' if before and not before.savepoint else ''}"


def _waits(waits: Iterable[Wait]) -> Iterator[str]:
    for wait in waits:
        yield f"{wait.kind} {wait.namespace}/{wait.name} would then wait: {wait.text}"


def _set_back(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        name = f"{change.kind} {change.namespace}/{change.name}"
        for field in change.fields:
            yield f"{name}: its FlinkDeployment sets {field.path} back to {field.after or '(unset)'}; edit that one"


def _summary(outcome: Outcome) -> str:
    if not outcome:
        return "No changes."
    counted = [f"{_count(outcome.changes, verb, 'object')} {word}" for verb, word in DONE.items()]
    counted += [f"{_count(outcome.pods, verb, 'pod')} {DONE[verb]}" for verb in ("create", "delete")]
    text = ", ".join(words for words in counted if not words.startswith("0 "))
    return f"Plan: {text}{', ' if text else ''}{_jobs_in_short(outcome)}."


def _count(changes: Iterable[Change], verb: str, noun: str) -> str:
    number = sum(change.verb == verb for change in changes)
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _jobs_in_short(outcome: Outcome) -> str:
    stopped = {(step.namespace, step.job) for step in outcome.steps if step.verb == "stop"}
    started = {(step.namespace, step.job) for step in outcome.steps if step.verb == "start"}
    gone = {(step.namespace, step.job) for step in outcome.steps if step.deleted and not step.savepoint}
    words = {
        "restarted": stopped & started,
        "stopped": stopped - started - gone,
        "stopped for good without a savepoint": gone,
        "started": started - stopped,
    }
    found = [f"{len(jobs)} job{'' if len(jobs) == 1 else 's'} {word}" for word, jobs in words.items() if jobs]
    return ", ".join(found) or "no job stops"


def _notes(outcome: Outcome) -> Iterator[str]:
    for note in (*outcome.limited, *outcome.trials, *outcome.kept, *outcome.unprotected):
        yield f"{note.kind} {note.namespace}/{note.name}: {note.text}."
    for wait in outcome.still:
        yield f"Waits already, with or without this: {wait.kind} {wait.namespace}/{wait.name}: {wait.text}."
    for job in _in_words(outcome.under_way):
        yield f"Under way already, with or without this: {job}."
    for job in _in_words(outcome.averted):
        yield f"Under way already, but not with this: {job}."
    if not outcome.settled:
        yield "It does not come to rest: this is as far as it was looked at."


def _in_words(steps: Iterable[Step]) -> Iterator[str]:
    """Each job, and what happens to it."""
    for (namespace, job), own in groupby(_by_job(steps), key=lambda step: (step.namespace, step.job)):
        verbs = dict.fromkeys("stops" if step.verb == "stop" else "starts" for step in own)
        yield f"job {namespace}/{job} {' and '.join(verbs)}"
