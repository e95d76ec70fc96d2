"""What a loop tells of its own doings, while it does them. guards.py listens; without it nobody does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import requests

from local.metacontroller.objects import Key, Object, ObjectMap


class Observer:
    """One for all controllers of a loop, called from all of their threads. This one does not listen.

    `controller` is the name of a CompositeController or DecoratorController.
    """

    def write(self, send: Callable[[], requests.Response]) -> requests.Response:
        """A write of the loop is to be sent: sends it."""
        return send()

    def woken(self, controller: str, key: Key, by: Object | None, *, as_child: bool = False) -> None:
        """A parent is to be synced because of the object `by`, or because of the clock."""

    def woken_after(self, controller: str, key: Key, seconds: float) -> None:
        """A parent will be woken later because its hook wanted it."""

    def answered(self, parent: Object, answer: Mapping[str, Any], ask: Callable[[], Mapping[str, Any]]) -> None:
        """A hook has answered; `ask` sends it the very same request again."""

    def desired(self, parent: Object, observed: ObjectMap, wanted: ObjectMap) -> None:
        """A parent's children are about to become the wanted ones."""

    def compared(self, parent: Object, observed: Object, merged: Object) -> None:
        """An observed child was compared with what it shall become."""

    def deleting(self, parent: Object, child: Object) -> None:
        """A child is about to be deleted: not wanted any more, or to be made again."""

    def creating(self, parent: Object, child: Object) -> None:
        """A child is about to be created."""

    def taken(self, parent: Object, child: Object, look: Callable[[], Object]) -> None:
        """A child was not created, as there is such an object already; `look` gets it."""

    def synced(self, controller: str, key: Key) -> None:
        """A sync has come to its end without an error, in the thread that did its writes."""
