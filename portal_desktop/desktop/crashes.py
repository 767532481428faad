"""Catches what nobody handled for as long as the desk runs, and offers what an earlier run left. Nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

from portal_desktop.clock import Clock
from portal_desktop.crash import CrashReports
from portal_desktop.log import LogHandle, get_logger, redact
from portal_desktop.paths import Paths
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.notice import Tone

if TYPE_CHECKING:
    from portal_desktop.desktop.rooms import Rooms
    from portal_desktop.ui.window import PortalWindow

CRASH = "crash"
MOST_SHOWN = 5
MOST_QT_TEXTS = 100
_LEVELS = {
    QtMsgType.QtWarningMsg: "warning",
    QtMsgType.QtCriticalMsg: "critical",
    QtMsgType.QtFatalMsg: "fatal",
}

log = get_logger("desktop")


class Crashes:
    """`handle` gives the log once it is open; what is written before that is masked by the patterns alone."""

    def __init__(self, paths: Paths, clock: Clock, handle: Callable[[], LogHandle | None]) -> None:
        self._handle = handle
        self._reports = CrashReports(paths.crashes, clock, redact=self._redact, tail=self._tail)
        self._qt_texts: set[str] = set()

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Catch from now on; a folder that cannot be written costs the reports only."""
        try:
            self._reports.install()
        except OSError as error:
            log.warning("crashes will leave no report", error=error)
        loop.set_exception_handler(self._reports.of_loop)
        qInstallMessageHandler(self._of_qt)

    def uninstall(self) -> None:
        """Catch nothing more."""
        qInstallMessageHandler(None)
        self._reports.uninstall()

    async def offer(self, window: PortalWindow, rooms: Rooms) -> None:
        """Tell quietly, once, that an earlier run left reports."""
        found = await asyncio.to_thread(self._reports.unseen)
        if not found:
            return
        ended = any(report.ended for report in found)
        title = tr("Portal closed unexpectedly last time") if ended else tr("Something went wrong last time")

        def seen() -> None:
            window.withdraw(CRASH)
            for report in found:
                self._reports.seen(report)

        def view() -> None:
            rooms.open_report([report.text for report in found[-MOST_SHOWN:]])
            seen()

        advice = tr("There is a report on this computer. Nothing was sent.")
        window.notify(CRASH, title, advice, tone=Tone.QUIET, action=tr("View report"), run=view, dismissed=seen)

    def _redact(self, text: str) -> str:
        handle = self._handle()
        return redact(text) if handle is None else handle.redactor.text(text)

    def _tail(self) -> str:
        handle = self._handle()
        return "" if handle is None else handle.tail()

    def _of_qt(self, kind: QtMsgType, _context: QMessageLogContext, text: str | None) -> None:
        """Log each text of Qt once: a complaint about painting comes back with every frame."""
        level, words = _LEVELS.get(kind, ""), text or ""
        if level and words not in self._qt_texts and len(self._qt_texts) < MOST_QT_TEXTS:
            self._qt_texts.add(words)
            self._reports.of_qt(level, words)
