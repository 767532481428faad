"""The real window program in a process of its own, with somebody in front of it.

    async with sitting(home, server.base_url) as seat:
        await seat.until(lambda state: state["ready"])
        await seat.say("ask", "Hello")
        await seat.until(lambda state: "Hello" in state["texts"])
        seat.process.send_signal(signal.SIGTERM)
        report = await seat.left()

The child tells what stands in its window as JSON lines, and at its end every file that Python opened for writing and
every address it connected to, as the audit hook saw them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tests.support.portal import ROOT, variables

State: TypeAlias = Mapping[str, Any]

MODEL = "llama3.2:3b"


def served(url: str) -> dict[str, str]:
    """The variables that make one fake Ollama the only server, and its model the default."""
    entry = {"id": "fake", "kind": "ollama", "name": "Fake", "base_url": url}
    return {
        "PORTAL_MODELS_ENDPOINTS": json.dumps([entry]),
        "PORTAL_MODELS_DISCOVERY": "false",
        "PORTAL_CHAT_DEFAULT_MODEL": f"fake/{MODEL}",
    }


@dataclass
class Seat:
    """The parent's side."""

    process: asyncio.subprocess.Process
    state: dict[str, Any] = field(default_factory=dict)
    noise: list[str] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, wanted: Callable[[State], object], seconds: float = 30.0) -> float:
        """Wait for a state; return the monotonic second at which it was there."""
        async with asyncio.timeout(seconds):
            while "ready" not in self.state or not wanted(self.state):
                assert self.process.returncode is None, self.noise
                self._changed.clear()
                await self._changed.wait()
        return time.monotonic()

    async def ready(self) -> None:
        """Wait until the window is furnished and its models are known."""
        await self.until(lambda state: state["ready"])

    async def say(self, *words: str) -> None:
        """Do something in the window: `ask TEXT`, `press BUTTON`, `file PATH`, `add TASK`, `chat ID`, `quit`, `size WIDTH HEIGHT`."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words).encode() + b"\n")
        await self.process.stdin.drain()

    async def left(self, seconds: float = 20.0) -> Mapping[str, Any]:
        """Wait for its end; return the last words with its exit code."""
        code = await asyncio.wait_for(self.process.wait(), seconds)
        while not self.state.get("over") and code == 0:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 5)
        return {**self.state, "code": code}

    async def listen(self) -> None:
        """Read what the child tells."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            try:
                self.state = {**self.state, **json.loads(line)}
            except ValueError:
                self.noise.append(line.decode())
            self._changed.set()


@asynccontextmanager
async def sitting(home: Path, url: str = "", *words: str, more: Mapping[str, str] | None = None) -> AsyncIterator[Seat]:
    """Start the program with these words; whatever is left of it at the end is killed."""
    own = {
        "QT_QPA_PLATFORM": "offscreen",
        **(served(url) if url else {"PORTAL_MODELS_DISCOVERY": "false"}),
        **(more or {}),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.seat", *words),
        cwd=ROOT,
        env=variables(home, own),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    seat = Seat(process)
    listening = asyncio.create_task(seat.listen())
    try:
        yield seat
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


def _tell(**state: Any) -> None:
    sys.stdout.write(json.dumps(state) + "\n")
    sys.stdout.flush()


class _Audit:
    """What Python opened for writing and connected to."""

    def __init__(self) -> None:
        self.written: set[str] = set()
        self.connected: set[str] = set()

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(args[0], str | bytes | os.PathLike):
            flags = args[2] if isinstance(args[2], int) else 0
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.written.add(str(Path(os.fsdecode(args[0])).absolute()))
        elif event == "socket.connect":
            address = args[1]
            self.connected.add(str(address[0] if isinstance(address, tuple) else address))


def _child() -> int:
    audit = _Audit()
    sys.addaudithook(audit)
    from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QLabel, QLineEdit, QPushButton

    from portal_desktop.desktop import life, start
    from portal_desktop.desktop.desk import Desk
    from portal_desktop.ui.window import MainWindow

    class Watched(Desk):
        raised = 0
        failed = 0

        def bring_up(self) -> None:
            self.raised += 1
            super().bring_up()

        async def run(self) -> int:
            loop = asyncio.get_running_loop()
            show_failure = self.window.show_failure

            def show(*words: Any) -> None:
                show_failure(*words)
                self.failed += 1

            self.window.show_failure = show  # type: ignore[method-assign]

            def read() -> None:
                with os.fdopen(os.dup(0), "rb", buffering=0) as spoken:
                    for line in spoken:
                        loop.call_soon_threadsafe(self._do, *json.loads(line))

            threading.Thread(target=read, daemon=True).start()
            watching = asyncio.create_task(self._watch())
            try:
                return await super().run()
            finally:
                watching.cancel()

        async def _watch(self) -> None:
            before: dict[str, Any] = {}
            while True:
                now = self._state()
                if now != before:
                    _tell(**now)
                    before = now
                await asyncio.sleep(0.02)

        def _state(self) -> dict[str, Any]:
            shown = self.window._stack.currentWidget()
            state: dict[str, Any] = {
                "ready": False,
                "over": False,
                "raised": self.raised,
                "failed": self.failed,
                "labels": [label.text() for label in shown.findChildren(QLabel)],
                "buttons": [button.text() for button in shown.findChildren(QPushButton)],
                "texts": [],
                "statuses": [],
                "running": False,
                "draft": "",
                "tasks": [],
                "failures": [],
                "notices": [notice.text for notice in self.window.notices.values()],
                "toast": self.window.toast.text if self.window.toast.isVisible() else "",
                "error": self.window.error_card.text if self.window.error_card.isVisible() else "",
                "asks_file": self._file_dialog() is not None,
            }
            if (rooms := self._rooms) is not None:
                messages = rooms.chat.panel.model.messages()
                state |= {
                    "labels": [],
                    "buttons": [],
                    "ready": bool(rooms.found.listings()) and rooms.chat.panel.composer.isEnabled(),
                    "texts": ["".join(getattr(p, "text", "") for p in m.parts if p.kind == "text") for m in messages],
                    "statuses": [message.status.value for message in messages],
                    "running": rooms.chat.panel.model.running,
                    "draft": rooms.chat.panel.composer.text,
                    "failures": [
                        f"{part.title}: {part.details}" for m in messages for part in m.parts if part.kind == "failure"
                    ],
                    "tasks": [task.title for task in rooms.tasks.tasks()],
                    "page": self.window.page,
                    "chats": [line.title for line in rooms.chats.model.lines() if line.conversation],
                    "writable": rooms.chat.panel.composer.isEnabled(),
                }
            return state

        def _file_dialog(self) -> QFileDialog | None:
            return next((dialog for dialog in self.window.findChildren(QFileDialog) if dialog.isVisible()), None)

        def _do(self, what: str, *words: str) -> None:
            if what == "quit":
                self.window.close()
            elif what == "file" and (dialog := self._file_dialog()) is not None:
                dialog.findChildren(QLineEdit)[0].setText(words[0])
                dialog.findChildren(QDialogButtonBox)[0].buttons()[0].click()
            elif what == "add":
                assert self._rooms is not None
                self._rooms.tasks_page.quick.field.setText(words[0])
                self._rooms.tasks_page.quick.field.returnPressed.emit()
            elif what == "chat":
                assert self._rooms is not None
                self._rooms.chat.open(int(words[0]))
            elif what == "size":
                self.window.resize(*map(int, words))
            elif what == "press":
                buttons = self.window._stack.currentWidget().findChildren(QPushButton)
                next(button for button in buttons if button.text() == words[0]).click()
            elif what == "page":
                self.window.show_page(words[0])
            elif what == "theme":
                from portal_desktop.settings import declared

                assert self._core is not None
                self.spawn.start(self._core.settings.set(declared.THEME, words[0]), "choose a theme")
            elif what == "ask":
                from PySide6.QtCore import Qt
                from PySide6.QtTest import QTest

                assert self._rooms is not None
                composer = self._rooms.chat.panel.composer
                composer.set_text(words[0])
                QTest.keyClick(composer.field, Qt.Key.Key_Return)

    def told(window: MainWindow) -> None:
        paint(window)
        rect, theme = window.geometry(), window.look.theme
        size = [rect.x(), rect.y(), rect.width(), rect.height()]
        _tell(first={"rect": size, "scheme": theme.scheme.value, "zoom": theme.zoom})

    paint, start.wait_for_paint = start.wait_for_paint, told
    life.Desk = Watched  # type: ignore[misc]
    code = start.start(sys.argv[1:])
    _tell(over=True, written=sorted(audit.written), connected=sorted(audit.connected))
    return code


if __name__ == "__main__":
    sys.exit(_child())
