"""The running program: the asyncio-Qt loop with the desk on it. Loaded after the first picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from PySide6.QtWidgets import QApplication

from portal_desktop.desktop.desk import Desk
from portal_desktop.loop import PortalLoop

__all__ = ["Desk", "live"]


def live(app: QApplication, desk: Callable[[], Desk]) -> int:
    """Run until the user quits and return the exit code. `desk` is called on the running loop."""

    async def run() -> int:
        return await desk().run()

    with asyncio.Runner(loop_factory=lambda: PortalLoop(app)) as runner:
        return runner.run(run())
