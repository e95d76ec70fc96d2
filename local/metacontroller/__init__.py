"""Metacontroller's protocol, spoken to the real hooks from one process."""

from local.metacontroller.errors import SyncError, Unsupported
from local.metacontroller.faults import Faults, Strikes
from local.metacontroller.guards import Guards
from local.metacontroller.loop import Loop

__all__ = ["Faults", "Guards", "Loop", "Strikes", "SyncError", "Unsupported"]
