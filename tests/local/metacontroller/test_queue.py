"""The work queue under a clock that only the tests move."""

import threading

import pytest

from local.metacontroller.queue import Queue


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(clock):
    return Queue(clock)


def drain(queue):
    keys = []
    while (key := queue.poll()) is not None:
        keys.append(key)
        queue.done(key)
    return keys


def test_a_key_queued_many_times_is_handed_out_once(queue):
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    assert drain(queue) == ["a", "b"]


def test_a_key_added_while_it_is_processed_runs_exactly_once_more(queue):
    queue.add("a")
    assert queue.poll() == "a"
    for _ in range(50):
        queue.add("a")
    assert queue.poll() is None, "one worker at a time for a key"
    queue.done("a")
    assert drain(queue) == ["a"]


def test_of_two_delays_the_earliest_wins_and_a_later_one_does_not_cancel_it(queue, clock):
    queue.add_after("a", 5)
    queue.add_after("a", 60)
    clock.now += 4.9
    assert drain(queue) == []
    clock.now += 0.1
    assert drain(queue) == ["a"]
    clock.now += 100
    assert drain(queue) == []


def test_an_earlier_delay_replaces_a_later_one(queue, clock):
    queue.add_after("a", 60)
    queue.add_after("a", 5)
    clock.now += 5
    assert drain(queue) == ["a"]
    clock.now += 55
    assert drain(queue) == []


def test_running_in_between_does_not_cancel_a_delay(queue, clock):
    queue.add_after("a", 5)
    queue.add("a")
    assert drain(queue) == ["a"]
    clock.now += 5
    assert drain(queue) == ["a"]


@pytest.mark.parametrize("seconds", [0, -3])
def test_a_delay_that_is_not_positive_is_at_once(queue, seconds):
    queue.add_after("a", seconds)
    assert drain(queue) == ["a"]


def test_back_off_doubles_from_five_milliseconds_to_a_thousand_seconds(queue):
    delays = [queue.add_failed("a") for _ in range(20)]
    assert delays[:4] == [0.005, 0.01, 0.02, 0.04]
    assert delays[17] == pytest.approx(655.36)
    assert delays[18:] == [1000.0, 1000.0]


def test_success_resets_the_back_off_of_that_key_alone(queue):
    for key in ("a", "a", "b", "b"):
        queue.add_failed(key)
    queue.forget("a")
    assert queue.add_failed("a") == 0.005
    assert queue.add_failed("b") == 0.02


def test_all_retries_together_are_ten_a_second_after_a_burst_of_a_hundred(queue, clock):
    delays = [queue.add_failed(f"key-{n}") for n in range(102)]
    assert delays[:100] == [0.005] * 100
    assert delays[100:] == pytest.approx([0.1, 0.2])
    clock.now += 60
    assert queue.add_failed("other") == 0.005


def test_shut_down_releases_whoever_waits():
    queue = Queue()
    got = []
    waiting = threading.Thread(target=lambda: got.append(queue.get()))
    waiting.start()
    queue.shut_down()
    waiting.join(10)
    assert got == [None]


def test_a_waiting_worker_gets_a_delayed_key():
    queue = Queue()
    queue.add_after("a", 0.01)
    assert queue.get() == "a"
