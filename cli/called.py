"""The objects that bare NAMEs mean, where only one kind has each."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cli import kinds
from cli.errors import Failed
from cli.session import Session
from clients.kube import NotFound, Resource


def full(session: Session, words: tuple[str, ...], among: Sequence[Resource] = kinds.FLINK) -> tuple[str, ...]:
    """The words, with KIND/NAME in the place of each bare NAME. Failed: none has it; UsageError: several have."""
    if not words or any("/" in word for word in words) or kinds.is_kind(words[0]):
        return words
    return tuple(_full(session, word, among) for word in words)


def _full(session: Session, name: str, among: Sequence[Resource]) -> str:
    found = [f"{kinds.short(resource)}/{name}" for resource in among if _is_there(session, resource, name)]
    if not found:
        nouns = ", ".join(map(kinds.short, among))
        raise Failed(f'{name!r} is no kind, and no {nouns} of that name is in "{session.namespace}"')
    if len(found) > 1:
        raise click.UsageError(f"there are several {name}; did you mean {' or '.join(found)}?")
    return found[0]


def _is_there(session: Session, resource: Resource, name: str) -> bool:
    try:
        session.client.get(resource, name, namespace=session.namespace)
    except NotFound:
        return False
    return True


def one(session: Session, words: tuple[str, ...], among: Sequence[Resource] = kinds.FLINK) -> tuple[Resource, str]:
    """The one object of these kinds that the words mean. UsageError."""
    word, names = kinds.split(full(session, words, among))
    found = kinds.kinds(word)
    if len(names) != 1 or len(found) != 1 or found[0] not in among:
        raise click.UsageError(f"give one {' or '.join(f'{kinds.short(resource)}/NAME' for resource in among)}")
    return found[0], names[0]
