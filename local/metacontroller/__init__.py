"""Metacontroller's protocol, spoken to the real hooks from one process."""

from local.metacontroller.errors import SyncError, Unsupported
from local.metacontroller.loop import Loop

__all__ = ["Loop", "SyncError", "Unsupported"]
