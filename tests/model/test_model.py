"""The hooks and the supervisor against each other, everybody late, anybody killed between any two writes.

More runs: `MODEL_RUNS=5000 pytest tests/model`.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from .flink import ABSENT, BROKEN, REFUSED, USELESS
from .kubernetes import Caches
from .world import World

WHICH = st.sampled_from(["job", "cluster"])
ACTIONS = st.sampled_from(["START", "STOP", "TRIGGER_SAVEPOINT", "FORGET_SAVEPOINT"])
SOME = st.integers(0, 7)
TROUBLES = st.sampled_from(["kill", "silence", "conflict"])


class Life(RuleBasedStateMachine):
    """Rules that say "some" move a part of the world by a few steps, so that all the others are behind it."""

    @initialize(rounds=st.sampled_from([0, 3, 15]))
    def begin(self, rounds: int) -> None:
        self.world = World()
        for _ in range(rounds):
            self.world.round()

    def teardown(self) -> None:
        """The faults cease."""
        self.spoil_the_jobs_spec(wrong=False)
        self.world.settle()

    # the programs

    @rule(at=st.none() | st.integers(0, 5), when=st.sampled_from(["before", "after"]), trouble=TROUBLES)
    def supervisor(self, at: int | None, when: str, trouble: str) -> None:
        self.world.tick(at=-1 if at is None else at, when=when, trouble=trouble)

    @rule(writes=st.none() | st.integers(0, 4))
    def metacontroller(self, writes: int | None) -> None:
        self.world.metacontroller.sync_cluster(writes)

    @rule()
    def job_hook(self) -> None:
        self.world.metacontroller.sync_jobs()

    @rule(which=st.integers(0, 2), changes=st.integers(1, 4))
    def supervisor_sees_some(self, which: int, changes: int) -> None:
        self.world.supervisor.caches.every[which].catch_up(changes)

    @rule(which=st.integers(0, 2), changes=st.integers(1, 4))
    def metacontroller_sees_some(self, which: int, changes: int) -> None:
        self.world.metacontroller.caches.every[which].catch_up(changes)

    @rule(mine=st.booleans())
    def somebody_sees_all(self, mine: bool) -> None:
        caches: Caches = (self.world.supervisor if mine else self.world.metacontroller).caches
        caches.catch_up()

    @rule()
    def kubelet(self) -> None:
        self.world.kubelet()

    @rule(seconds=st.sampled_from([0.2, 1.0, 12.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(restarts=st.booleans())
    def nobody_looks_for_longer_than_a_start_may_take(self, restarts: bool) -> None:
        """And then somebody does, maybe just when Flink restarts its tasks. The hooks are there."""
        self.somebody_sees_all(mine=False)
        self.job_hook()
        for _ in range(10):
            self.world.wait(10.0)
        if restarts:
            self.world.kill("taskmanager", 0)
            self.world.wait(0.2)
        self.world.look()

    @rule(rounds=st.integers(1, 4))
    def all_is_well_for_a_while(self, rounds: int) -> None:
        for _ in range(rounds):
            self.world.round()

    # people

    @rule(image=st.sampled_from(["flink:1", "flink:2", ABSENT, USELESS]))
    def edit_the_cluster(self, image: str) -> None:
        self.world.edit("cluster", runtime={"image": image})

    @rule(arguments=st.sampled_from([[], ["x"], [REFUSED], [BROKEN]]), parallelism=st.integers(0, 2))
    def edit_the_job(self, arguments: list[str], parallelism: int) -> None:
        """With REFUSED nothing can be submitted, with BROKEN main() throws."""
        bootstrap = {"image": "img:1", "className": "Main", "jarPath": "/app.jar", "arguments": arguments}
        self.world.edit("job", jobParallelism=parallelism, bootstrap=bootstrap)

    @rule(wrong=st.booleans())
    def spoil_the_jobs_spec(self, wrong: bool) -> None:
        self.world.edit("job", restart={"restartPolicy": "Sometimes" if wrong else "Always", "restartDelay": 5})

    @rule()
    def the_job_loses_its_label(self) -> None:
        self.world.lose_label()

    @rule(which=WHICH, suspend=st.booleans())
    def suspend(self, which: str, suspend: bool) -> None:
        self.world.edit(which, suspend=suspend)

    @rule(which=WHICH, action=ACTIONS, without=st.booleans())
    def ask(self, which: str, action: str, without: bool) -> None:
        self.world.ask(which, action, without=without)

    @rule(which=WHICH, sure=st.integers(0, 3))
    def delete(self, which: str, sure: int) -> None:
        if sure == 3:
            self.world.delete(which)

    # faults

    @rule(role=st.sampled_from(["jobmanager", "taskmanager"]), which=SOME)
    def a_container_ends(self, role: str, which: int) -> None:
        self.world.kill(role, which)

    @rule(which=SOME)
    def a_node_goes(self, which: int) -> None:
        self.world.lose(which)

    @rule()
    def main_takes_longer_than_anybody_waits(self) -> None:
        for flink in self.world.jobmanagers.values():
            flink.slow = True


Life.TestCase.settings = settings(
    max_examples=int(os.environ.get("MODEL_RUNS", "60")),
    stateful_step_count=30,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
TestLife = Life.TestCase
