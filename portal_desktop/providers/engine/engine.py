"""Which model file is loaded, for whom, and how often a crashed engine is started again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from portal_desktop.clock import Clock
from portal_desktop.errors import ProviderError
from portal_desktop.providers.engine.launch import EngineConfig
from portal_desktop.providers.engine.process import EngineProcess

RESTARTS = 3
"""Crashes in a row after which the same file is not tried again for `CALM_SECONDS`."""

CALM_SECONDS = 300.0

NOTICE_SECONDS = 1.0
"""Seconds between a connection that broke and the end of the process being noticed."""


class Engine:
    """Keeps at most one engine process. Requests for one file share it; another file waits until the first is free."""

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        clock: Clock,
        *,
        threads: Callable[[], int],
        idle_seconds: Callable[[], float | None] = lambda: None,
        embedding: bool = False,
    ) -> None:
        self._command = command
        self._environ = environ
        self._clock = clock
        self._threads = threads
        self._idle_seconds = idle_seconds
        self._embedding = embedding
        self._process: EngineProcess | None = None
        self._file: Path | None = None
        self._users = 0
        self._turn = asyncio.Condition()
        self._idle: asyncio.Task[None] | None = None
        self._crashes: tuple[Path | None, int, float] = (None, 0, 0.0)

    @property
    def loaded(self) -> Path | None:
        """The file that answers now; None while nothing is loaded."""
        return self._file if self._process is not None and not self._process.stopped else None

    @property
    def busy(self) -> bool:
        """Whether somebody is being answered; choosing another file would have to wait."""
        return self._users > 0

    @asynccontextmanager
    async def lease(self, file: Path, context: int = 0) -> AsyncIterator[EngineProcess]:
        """Hold a running process that serves this file, loading it first when needed, with room for so many tokens.

        Raises:
            ProviderError: it cannot be loaded, or crashed too often.
        """
        process = await self._take(file, context)
        try:
            yield process
        finally:
            await asyncio.shield(self._give_back(process, file))

    async def failure(self, process: EngineProcess) -> ProviderError | None:
        """Return why a process is gone, for an answer that broke; None when it lives."""
        return process.explain() if await process.wait(NOTICE_SECONDS) else None

    async def stop(self) -> None:
        """End the process, whoever uses it; the next lease starts a new one. Safe to call twice."""
        self._cancel_idle()
        process, self._process = self._process, None
        if process is not None:
            await process.stop()

    async def _take(self, file: Path, context: int) -> EngineProcess:
        async with self._turn:
            await self._turn.wait_for(lambda: self._users == 0 or self._file == file)
            self._cancel_idle()
            process = self._process
            if process is None or process.stopped or self._file != file:
                process = await self._load(file, context)
            self._users += 1
            return process

    async def _load(self, file: Path, context: int) -> EngineProcess:
        self._refuse_hopeless(file)
        await self.stop()
        config = EngineConfig(str(file), self._threads(), context, self._embedding)
        process = EngineProcess(self._command, config, self._environ)
        self._process, self._file = process, file
        try:
            await process.start()
        except ProviderError as problem:
            if problem.name == "engine_crashed":
                self._count_crash(file)
            raise
        return process

    async def _give_back(self, process: EngineProcess, file: Path) -> None:
        async with self._turn:
            self._users -= 1
            if process.stopped and process is self._process:
                self._process = None
                self._count_crash(file)
            elif not process.stopped:
                self._crashes = (None, 0, 0.0)
            self._turn.notify_all()
            if self._users == 0 and self._process is not None and (seconds := self._idle_seconds()) is not None:
                self._idle = asyncio.create_task(self._unload_after(seconds), name="engine idle")

    async def _unload_after(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._idle = None
        async with self._turn:
            if self._users == 0:
                await self.stop()

    def _cancel_idle(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None:
            idle.cancel()

    def _count_crash(self, file: Path) -> None:
        before = self._crashes[1] if self._crashes[0] == file else 0
        self._crashes = (file, before + 1, self._clock.monotonic())

    def _refuse_hopeless(self, file: Path) -> None:
        crashed, times, last = self._crashes
        if crashed == file and times > RESTARTS and self._clock.monotonic() - last < CALM_SECONDS:
            raise ProviderError("engine_crashed", technical=f"it stopped {times} times in a row; not tried again yet")
