"""A process that forks children which already have everything imported, so that hundreds can be killed in a minute.

It reads one JSON line per child: the function of `tests.faults.work`, its arguments, the file for its reports. The
child's number comes back as a line. What a child reports with one `write` is there even when it is killed next.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]


class Child:
    """A running child and what it has reported so far."""

    def __init__(self, pid: int, reports: Path) -> None:
        self.pid = pid
        self._reports = reports

    def kill(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = 30) -> list[Any]:
        """Return the reports once the child has ended; its exception becomes one of ours."""
        end = time.monotonic() + seconds
        while self.alive:
            assert time.monotonic() < end, "the child hangs"
            time.sleep(0.002)
        return self.reports()

    def wait_for(self, count: int, seconds: float = 30) -> list[Any]:
        end = time.monotonic() + seconds
        while len(found := self.reports()) < count:
            assert self.alive, found
            assert time.monotonic() < end, "the child does not report"
            time.sleep(0.002)
        return found

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def reports(self) -> list[Any]:
        lines = self._reports.read_bytes().split(b"\n")[:-1]
        found = [json.loads(line) for line in lines]
        for report in found:
            if isinstance(report, dict) and "traceback" in report:
                raise AssertionError(report["traceback"])
        return found


class Children:
    """The forking process; use it as a context."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.faults.children"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def start(self, function: str, *arguments: object) -> Child:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._count += 1
        reports = self._folder / f"reports-{self._count}"
        reports.touch()
        line = json.dumps({"function": function, "arguments": list(map(_plain, arguments)), "reports": str(reports)})
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        return Child(int(self._process.stdout.readline()), reports)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _serve() -> None:
    from tests.faults import work

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid:
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        target = os.open(order["reports"], os.O_WRONLY | os.O_APPEND)

        def report(value: object, target: int = target) -> None:
            os.write(target, json.dumps(value).encode() + b"\n")

        try:
            getattr(work, order["function"])(report, *order["arguments"])
        except BaseException:  # noqa: BLE001 - the parent is told of everything
            report({"traceback": traceback.format_exc()})
        os._exit(0)


if __name__ == "__main__":
    _serve()
