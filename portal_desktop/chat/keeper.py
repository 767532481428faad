"""Writes a growing answer through: at most half a second or about a thousand characters are ever unsaved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from portal_desktop.clock import Clock, within
from portal_desktop.errors import InvalidInput, StorageError

SECONDS = 0.5
CHARACTERS = 1000
RETRY_SECONDS = 1.0
"""Half of what X-50 allows, so that the time a write takes is covered too; 1,000 characters are at most 4 KB."""


class Keeper:
    """Saves on its own; the stream never waits for the disk.

    While saving fails, the text stays in memory and saving is tried again every second. `trouble` is called once
    when that begins, `relieved` when it is over.
    """

    def __init__(
        self,
        save: Callable[[], Awaitable[None]],
        clock: Clock,
        trouble: Callable[[StorageError], None],
        relieved: Callable[[], None],
    ) -> None:
        self._save = save
        self._clock = clock
        self._trouble = trouble
        self._relieved = relieved
        self._dirty = asyncio.Event()
        self._full = asyncio.Event()
        self._unsaved = 0
        self._failing = False
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._run(), name="write through")

    def grew(self, characters: int) -> None:
        """Take notice of new text."""
        self._unsaved += characters
        self._dirty.set()
        if self._unsaved >= CHARACTERS:
            self._full.set()

    async def end(self) -> None:
        """Let a write that is under way finish, and write nothing more of the growing answer."""
        self._ending = True
        self._dirty.set()
        self._full.set()
        if self._task is not None and self._failing:
            self._task.cancel()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def insist(self, save: Callable[[], Awaitable[None]]) -> bool:
        """Save; False when that fails and has to be tried again. What was removed meanwhile needs no saving."""
        try:
            await save()
        except InvalidInput:
            self._works()
            return True
        except StorageError as error:
            self._fails(error)
            return False
        self._works()
        return True

    async def persist(self, save: Callable[[], Awaitable[None]]) -> None:
        """Try until the end is saved."""
        while not await self.insist(save):
            await self._clock.sleep(RETRY_SECONDS)

    async def _run(self) -> None:
        while await self._due():
            self._dirty.clear()
            self._full.clear()
            self._unsaved = 0
            if not await self.insist(self._save):
                await self._clock.sleep(RETRY_SECONDS)
                self._dirty.set()

    async def _due(self) -> bool:
        """Wait until something must be saved; False when the end saves it."""
        await self._dirty.wait()
        await within(self._clock, SECONDS, self._full.wait())
        return not self._ending

    def _fails(self, error: StorageError) -> None:
        if not self._failing:
            self._failing = True
            self._trouble(error)

    def _works(self) -> None:
        if self._failing:
            self._failing = False
            self._relieved()
