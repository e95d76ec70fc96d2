"""Flink's plan of an update: main() runs inside the call, for as long as it likes, and the lane goes on meanwhile.

Nothing of it is written down. The answer is for the process that asked; the next process asks again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from clients.flink import Failed
from supervisor import act
from supervisor.decision import Plan
from supervisor.jobmanager import JobManager
from supervisor.world import Planning


def in_a_thread(task: Callable[[], None]) -> None:
    """A daemon, so that no main() keeps the process from ending."""
    threading.Thread(target=task, name="plan", daemon=True).start()


class Planner:
    """One plan at a time of one job. `seen` is the last one that was asked for."""

    def __init__(self, begin: Callable[[Callable[[], None]], None] = in_a_thread) -> None:
        self.seen = Planning()
        self._begin = begin

    def ask(self, plan: Plan, jobmanager: JobManager, now: datetime) -> None:
        """Not while this JobManager still runs main() for the one before."""
        busy = self.seen.running and self.seen.incarnation == jobmanager.incarnation
        if busy or jobmanager.capabilities is None:
            return
        before, client = self.seen, jobmanager.client
        same = (before.delivery, before.incarnation) == (plan.delivery, jobmanager.incarnation)
        failed = before.failed if same else 0
        asked = self.seen = Planning(plan.delivery, jobmanager.incarnation, now, failed, running=True)

        def task() -> None:
            answer = None
            try:
                answer = act.plan(plan, client)
            finally:
                if self.seen is asked:  # nobody waits for a JobManager that is gone
                    failures = failed + isinstance(answer, Failed)
                    self.seen = replace(asked, running=False, answer=answer, failed=failures)

        self._begin(task)
