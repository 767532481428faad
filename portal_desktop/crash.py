"""Crashes and unexpected errors become a report in a local file, shown at the next start. Nothing is ever sent."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from portal_desktop import __version__
from portal_desktop.clock import Clock, to_iso
from portal_desktop.log import get_logger

MOST_REPORTS = 20
LARGEST_REPORT = 200_000
_NATIVE = "native-"


@dataclass(frozen=True, slots=True)
class CrashReport:
    """A report that nobody has looked at yet."""

    path: Path
    text: str

    @property
    def ended(self) -> bool:
        """Whether the program ended by it."""
        return self.path.name.startswith(_NATIVE)


class CrashReports:
    """The reports of one home.

    `redact` masks secrets in all that is written; `tail` gives the last, already redacted, lines of the log.
    """

    def __init__(
        self, folder: Path, clock: Clock, *, redact: Callable[[str], str], tail: Callable[[], str] = str
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._redact = redact
        self._tail = tail
        self._log = get_logger("crash")
        self._native: TextIO | None = None
        self._before: tuple[Any, Any, Any] | None = None
        self._written = 0
        self._own: set[Path] = set()

    def install(self) -> None:
        """Catch native faults and exceptions nobody handled, in every thread, until `uninstall`.

        Raises:
            OSError: the folder cannot be made.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        path = self._folder / f"{_NATIVE}{self._clock.now():%Y%m%dT%H%M%S%f}-{os.getpid()}.txt"
        self._native = path.open("w", encoding="utf-8")
        self._own.add(path)
        faulthandler.enable(self._native)
        self._before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        sys.excepthook = self._main_thread
        threading.excepthook = self._other_thread
        sys.unraisablehook = self._unraisable

    def uninstall(self) -> None:
        """Put the former hooks back; an empty file for native faults goes."""
        if self._before is not None:
            sys.excepthook, threading.excepthook, sys.unraisablehook = self._before
            self._before = None
        if self._native is not None:
            faulthandler.disable()
            self._native.close()
            path = Path(self._native.name)
            self._native = None
            with suppress(OSError):
                if not path.stat().st_size:
                    path.unlink()

    def of_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:  # noqa: ARG002 - asyncio's form
        """Report what a callback or an asyncio task let fall; give this to `loop.set_exception_handler`."""
        error = context.get("exception")
        where = str(context.get("message", "the event loop"))
        if isinstance(error, BaseException):
            self.report(where, error)
        else:
            self._log.error("The event loop complained", complaint=where)

    def of_qt(self, level: str, text: str) -> None:
        """Log a message of Qt; a critical or fatal one is reported too."""
        if level in {"critical", "fatal"}:
            self._save(f"Qt ({level})", text)
        else:
            self._log.warning("Qt said something", level=level, text=text)

    def report(self, where: str, error: BaseException) -> Path | None:
        """Write a report about an exception; None when the disk does not allow it or there are too many already."""
        self._log.error("Unexpected error", where=where, error=error)
        return self._save(where, "".join(traceback.format_exception(error)))

    def unseen(self) -> Sequence[CrashReport]:
        """Return the reports of earlier runs nobody has looked at, oldest first; native faults come last."""
        reports = []
        for path in sorted(set(self._folder.glob("*.txt")) - self._own):
            with suppress(OSError):
                text = path.read_text(encoding="utf-8", errors="replace")[:LARGEST_REPORT]
                if text.strip():
                    reports.append(CrashReport(path, self._redact(text)))
        return reports

    def seen(self, report: CrashReport) -> None:
        """Do not offer this report again; it stays in the folder until newer ones push it out."""
        with suppress(OSError):
            report.path.rename(report.path.with_suffix(".seen"))
        self._sweep()

    def _save(self, where: str, details: str) -> Path | None:
        if self._written >= MOST_REPORTS:
            return None
        self._written += 1
        now = self._clock.now()
        text = (
            f"Portal Desktop {__version__}, Python {sys.version.split()[0]} on {sys.platform}\n"
            f"{to_iso(now)} in {where}\n\n{details}\n\nThe log before it:\n{self._tail()}\n"
        )
        path = self._folder / f"{now:%Y%m%dT%H%M%S%f}-{os.getpid()}-{self._written}.txt"
        self._own.add(path)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(self._redact(text)[:LARGEST_REPORT], encoding="utf-8", errors="backslashreplace")
            path.chmod(0o600)
        except OSError:
            return None
        self._sweep()
        return path

    def _sweep(self) -> None:
        """Remove the oldest reports beyond the limit, and what a killed run left empty."""
        for path in set(self._folder.glob(f"{_NATIVE}*.txt")) - self._own:
            with suppress(OSError):
                if not path.stat().st_size:
                    path.unlink()
        old = sorted((*self._folder.glob("*.txt"), *self._folder.glob("*.seen")), key=lambda path: path.name)
        for path in [path for path in old if not path.name.startswith(_NATIVE)][:-MOST_REPORTS]:
            path.unlink(missing_ok=True)

    def _main_thread(self, kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            self.report("the main thread", error)
        sys.__excepthook__(kind, error, where)

    def _other_thread(self, given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None and given.exc_type is not SystemExit:
            self.report(f"thread {given.thread.name if given.thread else '?'}", given.exc_value)

    def _unraisable(self, given: sys.UnraisableHookArgs) -> None:
        if given.exc_value is not None:
            self.report(given.err_msg or "a callback", given.exc_value)
