"""The real window program in a child that meets its end: `python -m tests.support.doomed WHAT [FILE]`.

WHAT is what goes wrong (`errors` nobody handles, or `native` code), or `look`: somebody sits down at the next start, opens what
is offered, has the bundle made and saves it as FILE. What that person saw is printed as one JSON object.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import sys
import threading
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, qCritical
from PySide6.QtWidgets import QApplication

from portal_desktop.credentials import Secret
from portal_desktop.desktop import life, start
from portal_desktop.desktop.desk import Desk
from portal_desktop.messages import Status, user
from portal_desktop.ui.report import ReportPage

CANARY = "canary-77aa-key"
CHAT = "what I told nobody"


def boom() -> None:
    raise ValueError(f"provoked, with the key {CANARY}")


async def boom_later() -> None:
    boom()


class Doomed(Desk):
    async def _furnish(self, core: Any) -> None:
        await super()._furnish(core)
        core.credentials.use_session()
        await core.credentials.set("box", Secret(CANARY))
        chat = await core.history.create(title=CHAT)
        await core.conversations.add_message(chat.id, None, user(CHAT), status=Status.COMPLETE, source=None)
        self._fate = asyncio.create_task(self._meet(sys.argv[1]))
        self._fate.add_done_callback(lambda _: self.quit())

    async def _meet(self, what: str) -> None:
        match what:
            case "errors":
                QTimer.singleShot(0, boom)
                threading.Thread(target=boom, name="doomed").start()
                self.spawn.start(boom_later())
                qCritical("the painter is lost")
            case "native":
                faulthandler._sigabrt()  # type: ignore[attr-defined]
            case "look":
                async with asyncio.timeout(20):
                    await self._sit_down(Path(sys.argv[2]))
        await asyncio.sleep(0.3)

    async def _sit_down(self, target: Path) -> None:
        await asyncio.sleep(0.5)
        seen: dict[str, Any] = {"notice": ""}
        if (notice := self.window.notices.get("crash")) is not None:
            seen["notice"] = notice.text
            notice.button.click()
            page = next(p for w in QApplication.topLevelWidgets() for p in w.findChildren(ReportPage))
            seen["report"] = page.text.toPlainText()
            page.create_bundle.click()
            while page.save.isHidden():
                await asyncio.sleep(0.02)
            seen["preview"] = {}
            for row in range(page.files.count()):
                page.files.setCurrentIndex(row)
                seen["preview"][page.files.currentText()] = page.text.toPlainText()
            await page.write(target)
            seen["left"] = list(self.window.notices)
        sys.stdout.write(json.dumps(seen))
        sys.stdout.flush()


if __name__ == "__main__":
    life.Desk = Doomed  # type: ignore[misc]
    sys.exit(start.start([]))
