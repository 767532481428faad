"""Brings the windows' places into the database soon after they change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from portal_desktop.clock import Clock
from portal_desktop.errors import PortalError
from portal_desktop.log import get_logger
from portal_desktop.ui.places import PLACES, Places

PAUSE_SECONDS = 0.5

log = get_logger("desktop")


class PlaceKeeper:
    """Writes at most one row per pause. A write that fails is tried again with the next change, and only logged."""

    def __init__(self, places: Places, save: Callable[[str, object], Awaitable[None]], clock: Clock) -> None:
        self._places = places
        self._save = save
        self._clock = clock
        self._written: dict[str, object] | None = None
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Write until cancelled."""
        self._places.follow(self._changed.set)
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.write()
            await self._clock.sleep(PAUSE_SECONDS)

    async def write(self) -> None:
        """Write now what is not written yet."""
        values = self._places.values()
        if values == self._written:
            return
        try:
            await self._save(PLACES, values)
        except PortalError as error:
            log.warning("the places of the windows were not kept", error=error)
        else:
            self._written = values
