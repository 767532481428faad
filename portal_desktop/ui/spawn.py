"""The only way from a Qt slot into a coroutine: the task is kept alive, and an error in it is always shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

from portal_desktop.errors import PortalError
from portal_desktop.log import get_logger

ShowError: TypeAlias = Callable[[PortalError], None]

_log = get_logger("ui")


class Spawn:
    """Starts coroutines and holds them until they end.

    A `PortalError` reaches `show` as it is; anything else goes to the loop's handler, which
    leaves a report, and reaches `show` as the catalogue's "bug".
    """

    def __init__(self, show: ShowError) -> None:
        self._show = show
        self._running: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, coroutine: Coroutine[Any, Any, object], name: str = "") -> asyncio.Task[None]:
        """Run it on the loop; its result is dropped, its error shown."""
        task = self._loop_now().create_task(self._guard(coroutine), name=name or "a slot's coroutine")
        self._running.add(task)
        task.add_done_callback(partial(self._ended, coroutine))
        return task

    @property
    def running(self) -> int:
        """How many coroutines have not ended."""
        return len(self._running)

    async def close(self) -> None:
        """Cancel whatever still runs and wait for it."""
        tasks = [task for task in self._running if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _loop_now(self) -> asyncio.AbstractEventLoop:
        """Return the running loop; a slot called between two runs of it gets its coroutine run in the next."""
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            if self._loop is None:
                raise
        return self._loop

    def _ended(self, coroutine: Coroutine[Any, Any, object], task: asyncio.Task[None]) -> None:
        """Let go; a coroutine cancelled before its first step is closed, or Python would complain about it."""
        self._running.discard(task)
        coroutine.close()

    async def _guard(self, coroutine: Coroutine[Any, Any, object]) -> None:
        try:
            await coroutine
        except PortalError as error:
            _log.info("shown to the user", error=error.name, technical=error.technical)
            self._show(error)
        except Exception as error:  # noqa: BLE001 - the edge between slots and coroutines: nothing may vanish
            self._loop_now().call_exception_handler({"message": "a slot's coroutine failed", "exception": error})
            bug = PortalError("bug", technical=f"{type(error).__name__}: {error}")
            bug.__cause__ = error
            self._show(bug)
