"""What may go wrong in a sync, by what the worker does about it."""


class SyncError(Exception):
    """The sync failed: an Event on the parent, a line in the log, and back-off."""


class HookError(SyncError):
    """The hook did not answer, or not with something usable; nothing of the answer was applied."""


class TooManyRequests(Exception):
    """The hook answered 429: again after `after` seconds, without an Event and without counting as a failure."""

    def __init__(self, after: int) -> None:
        super().__init__(f"again after {after} s")
        self.after = after


class NotSynced(Exception):
    """A cache that this sync needs is not filled yet: a quiet retry."""


class Unsupported(ValueError):
    """The controller asks for something that this loop does not imitate."""
