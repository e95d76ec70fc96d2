"""Pure: Flink's memory options → sizes of a process. The official scripts start a JVM (1 s) to compute the same."""

import re
from collections.abc import Mapping
from typing import NamedTuple

MEBIBYTE = 2**20
_UNITS = {"": 0, "b": 0, "bytes": 0, "k": 1, "kb": 1, "m": 2, "mb": 2, "g": 3, "gb": 3, "t": 4, "tb": 4}
_TASK = "taskmanager.memory."
_JOB = "jobmanager.memory."


class TaskManagerMemory(NamedTuple):
    """All components of a TaskManager's memory, in bytes. The defaults, about 195 MB resident, do for small jobs."""

    framework_heap: int = 64 * MEBIBYTE
    task_heap: int = 64 * MEBIBYTE
    framework_off_heap: int = 32 * MEBIBYTE
    task_off_heap: int = 16 * MEBIBYTE
    managed: int = 32 * MEBIBYTE
    network: int = 24 * MEBIBYTE
    metaspace: int = 160 * MEBIBYTE
    overhead: int = 64 * MEBIBYTE

    def properties(self) -> dict[str, str]:
        """The options that the TaskManager wants to find, all of them."""
        sizes = {
            "framework.heap.size": self.framework_heap,
            "task.heap.size": self.task_heap,
            "framework.off-heap.size": self.framework_off_heap,
            "task.off-heap.size": self.task_off_heap,
            "managed.size": self.managed,
            "network.min": self.network,
            "network.max": self.network,
            "jvm-metaspace.size": self.metaspace,
            "jvm-overhead.min": self.overhead,
            "jvm-overhead.max": self.overhead,
        }
        return {_TASK + key: f"{value}b" for key, value in sizes.items()}

    def jvm(self) -> list[str]:
        """The JVM's own limits."""
        direct = self.framework_off_heap + self.task_off_heap + self.network
        heap = self.framework_heap + self.task_heap
        return [f"-Xmx{heap}", f"-XX:MaxDirectMemorySize={direct}", f"-XX:MaxMetaspaceSize={self.metaspace}"]


def task_manager(properties: Mapping[str, str]) -> TaskManagerMemory:
    """As Flink derives it when a total is configured, else small defaults; single components win. Raises ValueError."""
    given = {key.removeprefix(_TASK): text for key, text in properties.items() if key.startswith(_TASK)}
    sized = "process.size" in given or "flink.size" in given
    base = _from_total(given) if sized else TaskManagerMemory()
    keys = {
        "framework_heap": "framework.heap.size",
        "task_heap": "task.heap.size",
        "framework_off_heap": "framework.off-heap.size",
        "task_off_heap": "task.off-heap.size",
        "managed": "managed.size",
        "network": "network.min" if not sized else "",
        "metaspace": "jvm-metaspace.size",
        "overhead": "jvm-overhead.min" if not sized else "",
    }
    return base._replace(**{field: size(given[key]) for field, key in keys.items() if key in given})


def job_manager(properties: Mapping[str, str]) -> list[str]:
    """JVM options of a JobManager: heap as Flink derives it from a configured total, else 128 MB. Raises ValueError."""
    given = {key.removeprefix(_JOB): text for key, text in properties.items() if key.startswith(_JOB)}
    metaspace = _get(given, "jvm-metaspace.size", 256)
    heap = 128 * MEBIBYTE
    if "heap.size" in given:
        heap = size(given["heap.size"])
    elif "flink.size" in given:
        heap = size(given["flink.size"]) - _get(given, "off-heap.size", 128)
    elif "process.size" in given:
        total = size(given["process.size"])
        heap = total - metaspace - _overhead(given, total) - _get(given, "off-heap.size", 128)
    if heap <= 0:
        raise ValueError("jobmanager.memory: the configured total is less than the sum of the other components")
    return [f"-Xmx{heap}", f"-XX:MaxMetaspaceSize={metaspace}"]


def size(text: str) -> int:
    """'1728m', '1 gb', '1048576' → bytes. Raises ValueError."""
    match = re.fullmatch(r"(\d+)\s*([a-z]*)", text.strip().lower())
    if not match or match[2] not in _UNITS:
        raise ValueError(f"not a memory size: {text!r}")
    return int(match[1]) << 10 * _UNITS[match[2]]


def _from_total(given: Mapping[str, str]) -> TaskManagerMemory:
    metaspace = _get(given, "jvm-metaspace.size", 256)
    if "flink.size" in given:
        flink = size(given["flink.size"])
        fraction = float(given.get("jvm-overhead.fraction", 0.1))
        overhead = _overhead(given, int((flink + metaspace) / (1 - fraction)))
    else:
        total = size(given["process.size"])
        overhead = _overhead(given, total)
        flink = total - metaspace - overhead
    framework_heap, framework_off = _get(given, "framework.heap.size", 128), _get(given, "framework.off-heap.size", 128)
    task_off = _get(given, "task.off-heap.size", 0)
    share = int(flink * float(given.get("network.fraction", 0.1)))
    network = _clamp(share, _get(given, "network.min", 64), _get(given, "network.max", 2**40))
    managed = (
        size(given["managed.size"])
        if "managed.size" in given
        else int(flink * float(given.get("managed.fraction", 0.4)))
    )
    task_heap = flink - framework_heap - framework_off - task_off - network - managed
    if task_heap <= 0 and "task.heap.size" not in given:
        raise ValueError("taskmanager.memory: the configured total is less than the sum of the other components")
    return TaskManagerMemory(framework_heap, task_heap, framework_off, task_off, managed, network, metaspace, overhead)


def _overhead(given: Mapping[str, str], total: int) -> int:
    share = int(total * float(given.get("jvm-overhead.fraction", 0.1)))
    return _clamp(share, _get(given, "jvm-overhead.min", 192), _get(given, "jvm-overhead.max", 1024))


def _get(given: Mapping[str, str], key: str, mebibytes: int) -> int:
    return size(given[key]) if key in given else mebibytes * MEBIBYTE


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))
