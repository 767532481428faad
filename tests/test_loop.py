"""The event loop: asyncio's promises hold on Qt."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from collections.abc import AsyncIterator

import pytest
from PySide6.QtCore import QEventLoop, QTimer

from portal_desktop.loop import PortalLoop

pytestmark = pytest.mark.gui


def _loop() -> PortalLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PortalLoop)
    return loop


async def test_call_later_cancelled_timers_are_swept_not_kept_until_due() -> None:
    for _ in range(10):
        for handle in [_loop().call_later(600, lambda: None) for _ in range(1_000)]:
            handle.cancel()
        await asyncio.sleep(0)
    assert len(_loop()._later_calls) < 300


async def test_call_later_never_fires_early() -> None:
    start = _loop().time()
    await asyncio.sleep(0.05)
    assert _loop().time() - start >= 0.05


async def test_call_later_beyond_the_longest_qt_timer_is_accepted() -> None:
    handle = _loop().call_later(86_400 * 60, lambda: None)
    handle.cancel()
    assert isinstance(handle, asyncio.TimerHandle)


async def test_call_soon_threadsafe_keeps_the_context_of_the_caller() -> None:
    mark: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="none")
    seen: asyncio.Future[str] = _loop().create_future()
    loop = _loop()

    def from_thread() -> None:
        context = contextvars.Context()
        context.run(mark.set, "thread")
        loop.call_soon_threadsafe(lambda: seen.set_result(mark.get()), context=context)

    thread = threading.Thread(target=from_thread)
    thread.start()
    assert await seen == "thread"
    thread.join()


async def test_drain_while_a_nested_qt_loop_runs_pauses_other_tasks_and_loses_none() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        for _ in range(20):
            await asyncio.sleep(0)
            ticks += 1

    other = asyncio.create_task(tick())
    nested = QEventLoop()
    QTimer.singleShot(30, nested.quit)
    nested.exec()
    await other
    assert ticks == 20


async def test_run_forever_abandoned_async_generator_is_closed() -> None:
    closed = asyncio.Event()

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.set()

    async for _ in numbers():
        break
    async with asyncio.timeout(2):
        await closed.wait()


async def test_subprocess_output_arrives_through_the_loop() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print('x' * 100000)", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    assert len(out.strip()) == 100_000


@pytest.mark.spec("X-02")
async def test_pinned_qt_survives_timer_calls_and_signal_emissions() -> None:
    timer = QTimer()
    for _ in range(200):
        for _ in range(1_000):
            timer.setInterval(5)
        await asyncio.sleep(0)
    heard = 0

    def hear() -> None:
        nonlocal heard
        heard += 1

    timer.timeout.connect(hear)
    for _ in range(5_000):
        timer.timeout.emit()
        if heard % 500 == 0:
            await asyncio.sleep(0)
    assert heard == 5_000
