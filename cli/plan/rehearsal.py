"""The whole system in one loop, without a network and without waiting, until it comes to rest."""

from __future__ import annotations

from datetime import datetime

from cli.plan.controllers import Controllers
from cli.plan.state import State
from cli.plan.supervision import Step, Supervision
from core import names

ROUNDS = 200  # a rolling change of a cluster with its jobs takes about twenty


class Rehearsal:
    """`state` is the world as it is, and changes; an edit is put into it before run()."""

    def __init__(self, state: State, now: datetime) -> None:
        self.state, self.settled = state, False
        self._controllers, self._supervision = Controllers(state, now), Supervision(state, now)

    @property
    def steps(self) -> list[Step]:
        return self._supervision.steps

    def run(self) -> None:
        for _ in range(ROUNDS):
            before = self.state.version
            self._round()
            if self.state.version == before:
                self.settled = True
                return

    def _round(self) -> None:
        acts = (
            (names.DEPLOYMENT, self._controllers.sync_deployment),
            (names.CLUSTER, self._controllers.sync_cluster),
            (names.JOB, self._controllers.sync_job),
            (names.CLUSTER, self._supervision.supervise),
        )
        for kind, act in acts:
            for item in self.state.of(kind):
                act(item)
