"""The one event loop of the desktop: asyncio on Qt.

qasync brings sockets, pipes and child processes to Qt's loop; its scheduler is replaced here, because in 0.28 it
keeps a cancelled timer alive until it would have fired, fires early, forgets contexts, overflows after 24.8 days, has
no hooks for abandoned async generators, and loses the steps of other tasks while a nested Qt loop runs.

Qt may deliver its events while nobody runs the loop (between two runs); calls then wait for the next run.

`PortalLoop` keeps immediate calls in a queue that one zero-delay timer drains for at most `BUDGET` seconds per turn
of Qt's loop, and later calls on a heap with one precise timer armed for the earliest. While a task is inside a nested
Qt loop, nothing is drained: other tasks pause instead of dying.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication

import qasync  # isort: skip - it picks the Qt binding that is loaded already

BUDGET = 0.004
"""Seconds of callbacks in one turn of Qt's loop, after which windows get their events."""

LONGEST = 2**31 - 1
"""Milliseconds a Qt timer can wait at most; longer waits are re-armed."""

NESTED_RETRY = 10
"""Milliseconds between looks whether a nested Qt loop has ended."""

PURGE_FROM = 100
"""Cancelled timers that may stay on the heap before it is swept."""

THREADS = 8


class _Pump(QObject):
    """The Qt half: two timers and a signal that crosses threads."""

    woken = Signal()

    def __init__(self, drain: Callable[[], None], due: Callable[[], None], arm: Callable[[], None]) -> None:
        super().__init__()
        self.now = QTimer(self)
        self.now.setSingleShot(True)
        self.now.setInterval(0)
        self.now.timeout.connect(drain)
        self.later = QTimer(self)
        self.later.setSingleShot(True)
        self.later.setTimerType(Qt.TimerType.PreciseTimer)
        self.later.timeout.connect(due)
        self._arm = arm
        self.woken.connect(self._wake, Qt.ConnectionType.QueuedConnection)

    def _wake(self) -> None:
        self._arm()


class PortalLoop(qasync.QEventLoop):  # type: ignore[misc, unused-ignore]  # qasync has no type hints
    """An asyncio loop run by Qt; use it with `asyncio.Runner(loop_factory=lambda: PortalLoop(app))`."""

    def __init__(self, app: QApplication) -> None:
        self._ready_calls: deque[asyncio.Handle] = deque()
        self._later_calls: list[asyncio.TimerHandle] = []
        self._cancelled_calls = 0
        self._armed = False
        self._pump = _Pump(self._drain, self._fire_due, self._arm)
        super().__init__(app)
        self.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="portal"))

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        """Run a callback at the next turn of the loop."""
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._ready_calls.append(handle)
        self._arm()
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        """Run a callback at the next turn of the loop; may be called from any thread."""
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._ready_calls.append(handle)
        self._pump.woken.emit()
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        """Run a callback after so many seconds, never earlier."""
        if delay <= 0:
            return self.call_soon(callback, *args, context=context)
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run a callback when `time` reaches a moment."""
        self._check_closed()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        _mark(handle, scheduled=True)
        heapq.heappush(self._later_calls, handle)
        if self._later_calls[0] is handle:
            self._rearm()
        return handle

    def run_forever(self) -> None:
        """Run until `stop`, with the hooks that close abandoned async generators."""
        before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)
        if self._ready_calls:
            self._arm()
        try:
            super().run_forever()
        finally:
            sys.set_asyncgen_hooks(*before)

    def close(self) -> None:
        """Stop both timers, then close sockets and the thread pool."""
        if not self.is_closed():
            self._pump.now.stop()
            self._pump.later.stop()
            self._ready_calls.clear()
            self._later_calls.clear()
        super().close()
        self._pump.deleteLater()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:  # noqa: ARG002 - asyncio's signature
        self._cancelled_calls += 1
        if self._cancelled_calls > PURGE_FROM and self._cancelled_calls * 2 > len(self._later_calls):
            alive = []
            for call in self._later_calls:
                if call.cancelled():
                    _mark(call, scheduled=False)
                else:
                    alive.append(call)
            heapq.heapify(alive)
            self._later_calls = alive
            self._cancelled_calls = 0

    def _arm(self) -> None:
        if not self._armed and not self.is_closed():
            self._armed = True
            self._pump.now.start()

    def _drain(self) -> None:
        self._armed = False
        if not self.is_running():
            return
        if asyncio.current_task(self) is not None:
            QTimer.singleShot(NESTED_RETRY, self._pump, self._arm)
            return
        end = time.perf_counter() + BUDGET
        for _ in range(len(self._ready_calls)):
            handle = self._ready_calls.popleft()
            if not handle.cancelled():
                self._run(handle)
            if time.perf_counter() > end or not self._ready_calls:
                break
        if self._ready_calls:
            self._arm()

    def _run(self, handle: asyncio.Handle) -> None:
        handle._run()  # noqa: SLF001 - asyncio's own protocol with its loops

    def _rearm(self) -> None:
        calls = self._later_calls
        while calls and calls[0].cancelled():
            _mark(heapq.heappop(calls), scheduled=False)
            self._cancelled_calls -= 1
        if not calls:
            self._pump.later.stop()
            return
        wait = math.ceil((calls[0].when() - self.time()) * 1000)
        self._pump.later.start(min(max(wait, 0), LONGEST))

    def _fire_due(self) -> None:
        now = self.time()
        calls = self._later_calls
        while calls and calls[0].when() <= now:
            handle = heapq.heappop(calls)
            _mark(handle, scheduled=False)
            if handle.cancelled():
                self._cancelled_calls -= 1
            else:
                self._ready_calls.append(handle)
        if self._ready_calls:
            self._arm()
        self._rearm()


def _mark(handle: asyncio.TimerHandle, *, scheduled: bool) -> None:
    """Tell a handle whether cancelling it must be reported to the loop: asyncio's own protocol with its loops."""
    handle._scheduled = scheduled  # type: ignore[attr-defined]  # noqa: SLF001 - no public name for it
