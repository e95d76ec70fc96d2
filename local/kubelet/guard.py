"""Starts processes so that none outlives the runtime: a guard process kills what is left when the runtime is gone.

The guard reads the live process groups from a pipe; the pipe's end means that the runtime died, whatever killed it.
Unlike Linux's parent-death signal this reaches grandchildren too, works on macOS, needs no code between fork and exec,
and does not mistake the end of the thread that forked for the end of the runtime.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class Guard:
    """Starts process groups and answers for their end. Thread-safe."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        self._lock = threading.Lock()

    def spawn(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path, on_exit: Callable[[int], None]
    ) -> subprocess.Popen[bytes]:
        """Start `argv` in a group of its own, output appended to `log`; `on_exit(code)` is called once, by a thread.

        The code is subprocess's: negative for a signal. When the first process ends, so does the rest of its group, as
        in a container. Raises OSError when the program cannot be started.
        """
        with log.open("ab") as output:
            process = subprocess.Popen(
                list(argv),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._tell(f"+{process.pid}")
        threading.Thread(target=self._wait, args=(process, on_exit), name=f"wait-{process.pid}", daemon=True).start()
        return process

    def close(self) -> None:
        """Kill every group that still lives and end the guard."""
        with self._lock, contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.wait(timeout=10)

    def _wait(self, process: subprocess.Popen[bytes], on_exit: Callable[[int], None]) -> None:
        code = process.wait()
        kill_group(process.pid, signal.SIGKILL)
        self._tell(f"-{process.pid}")
        on_exit(code)

    def _tell(self, line: str) -> None:
        with self._lock, contextlib.suppress(BrokenPipeError, ValueError):  # closed: the guard has killed everything
            if self._process.stdin is not None:
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()


def kill_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group; one that has ended is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        os.killpg(group, number)


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        (groups.add if line[0] == "+" else groups.discard)(group)
    for group in groups:
        kill_group(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
