"""Notices that the administrator's file changed while the app runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from portal_desktop.clock import Clock
from portal_desktop.errors import SettingsError
from portal_desktop.settings.values import Settings

LOOK_SECONDS = 1.0


class AdminFileWatcher:
    """Compares the file's content every second and applies a change once it has stood still for one.

    By content and by path, so that a file replaced in one move is noticed as surely as one written in place, and a
    half-written one is left alone. `refused` is told of each problem that was not there before.
    """

    def __init__(self, settings: Settings, clock: Clock, refused: Callable[[SettingsError], None]) -> None:
        self._settings = settings
        self._clock = clock
        self._refused = refused
        self._applied = b""
        self._seen = b""

    async def run(self) -> None:
        """Watch until cancelled; what is there now counts as applied."""
        self._applied = self._seen = await asyncio.to_thread(self._settings.file_digest)
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        digest = await asyncio.to_thread(self._settings.file_digest)
        settled, self._seen = digest == self._seen, digest
        if not settled or digest == self._applied:
            return
        self._applied = digest
        known = {str(problem) for problem in self._settings.problems}
        await self._settings.reload_file()
        for problem in self._settings.problems:
            if str(problem) not in known:
                self._refused(problem)
