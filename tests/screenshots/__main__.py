"""`python -m tests.screenshots FOLDER [NAME …]`: writes WINDOW-THEME-STATE.png for every window, theme and state."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_API", "pyside6")

import numpy as np
from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from portal_desktop.agent.approval import Decision
from portal_desktop.errors import StorageError
from portal_desktop.loop import PortalLoop
from portal_desktop.ui.look import Look
from portal_desktop.ui.places import Places
from portal_desktop.ui.theme import Scheme, load_theme
from portal_desktop.ui.window import Choice, MainWindow
from tests.screenshots import stage
from tests.screenshots.stage import Leaps, StageClock
from tests.support.desk import Windows, running_core, until

SIZE = QSize(1280, 800)
NARROW = QSize(620, 800)
ALIKE = 40
"""Squared distance of two colours up to which one stands for the other."""

THEMES = {Scheme.LIGHT: "light", Scheme.DARK: "dark", Scheme.CONTRAST: "contrast"}


class Camera:
    """Takes one picture per theme of whatever stands in a window."""

    def __init__(self, look: Look, folder: Path, wanted: Sequence[str]) -> None:
        self._look = look
        self._folder = folder
        self._wanted = wanted

    async def take(self, window: QWidget, name: str, state: str, size: QSize = SIZE) -> None:
        if self._wanted and not any(word in f"{name}-{state}" for word in self._wanted):
            return
        window.resize(size)
        for scheme, theme in THEMES.items():
            self._look.choose(scheme.value, motion="on")
            for _ in range(6):
                QApplication.processEvents()
                await asyncio.sleep(0.03)
            file = self._folder / f"{name}-{theme}-{state}.png"
            save(window.grab().toImage(), file)
            sys.stdout.write(f"{file.name} {file.stat().st_size // 1024} KB\n")
        self._look.choose(Scheme.LIGHT.value)
        window.resize(SIZE)
        await asyncio.sleep(0.05)


def save(image: QImage, file: Path) -> None:
    """Write a PNG of the 256 commonest colours that can be told apart; the file becomes a third."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    width, height = image.width(), image.height()
    pixels = np.frombuffer(image.constBits(), np.uint32).reshape(height, width) & 0xFFFFFF
    colors, places, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    colors, palette, indexes = _channels(colors), [], np.zeros(len(colors), np.uint8)
    nearest = np.full(len(colors), 1 << 30)
    while len(palette) < 256 and (far := np.where(nearest > ALIKE, counts, 0)).any():
        palette.append(colors[far.argmax()])
        apart = ((colors - palette[-1]) ** 2).sum(axis=1)
        indexes[apart < nearest] = len(palette) - 1
        nearest = np.minimum(nearest, apart)
    indexes = indexes[places].reshape(height, width)
    small = QImage(indexes.tobytes(), width, height, width, QImage.Format.Format_Indexed8)
    small.setColorTable([0xFF000000 | int(red) << 16 | int(green) << 8 | int(blue) for red, green, blue in palette])
    small.save(str(file), "PNG", 0)


def _channels(colors: Any) -> Any:
    return np.stack([(colors >> shift & 255).astype(np.int64) for shift in (16, 8, 0)], axis=1)


@asynccontextmanager
async def stage_of(look: Look, clock: StageClock) -> AsyncIterator[Windows]:
    """Furnish the windows over a core in a home of its own."""
    with TemporaryDirectory() as home:
        async with running_core(Path(home), clock=clock) as core:
            core.scripted._clock = Leaps(clock)
            windows = Windows(core, look)
            await windows.open()
            yield windows
            await windows.close()


async def starting(camera: Camera, look: Look) -> None:
    window = MainWindow(look, Places())
    window.show()
    await camera.take(window, "start", "waiting")
    error = StorageError("database_damaged")
    texts = ("Restore the last verified backup\n(yesterday 18:20, 12 chats)", "Save a copy", "Try again", "Quit")
    window.show_failure(error.title, error.advice, [Choice(text, lambda: None) for text in texts])
    await camera.take(window, "start", "error")
    window.close()
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


async def empty(camera: Camera, look: Look) -> None:
    async with stage_of(look, StageClock()) as windows:
        await camera.take(windows.window, "chat", "empty")
        windows.window.show_page("tasks")
        await camera.take(windows.window, "tasks", "empty")


async def filled(camera: Camera, look: Look) -> None:
    clock = StageClock()
    async with stage_of(look, clock) as windows:
        await stage.fill(windows, clock)
        await stage.garden(windows)
        windows.panel.view.to_end()
        await camera.take(windows.window, "chat", "normal")
        await camera.take(windows.window, "chat", "narrow", NARROW)
        await tasks(camera, windows)
        windows.window.show_page("chat")
        await stage.unreachable(windows)
        await camera.take(windows.window, "chat", "error")
        gate = await stage.writing(windows, clock)
        await camera.take(windows.window, "chat", "waiting")
        gate.set()
        await stage.settled(windows)
        await settings(camera, windows)
        await stage.approval(windows, clock)
        await camera.take(windows.window, "chat", "approval")
        windows.core.play([])
        windows.panel.model.decide_open(Decision.DENY)
        await stage.settled(windows)


async def tasks(camera: Camera, windows: Windows) -> None:
    windows.window.show_page("tasks")
    page = windows.rooms.tasks_page
    await until(lambda: windows.rooms.tasks.loaded)
    page.quick.field.setText("pay rent tomorrow 9am #home !high every month")
    await camera.take(windows.window, "tasks", "normal")
    page.quick.field.clear()
    await camera.take(windows.window, "tasks", "narrow", NARROW)
    windows.window.show_error(StorageError("disk_full"))
    await camera.take(windows.window, "tasks", "error")
    windows.window.error_card.hide()


async def settings(camera: Camera, windows: Windows) -> None:
    windows.rooms.open_settings()
    window = next(window for window in windows.rooms.windows() if window.isVisible())
    await until(lambda: windows.spawn.running == 0)
    await camera.take(window, "settings", "normal")
    await camera.take(window, "settings", "narrow", NARROW)
    window.close()


async def play(folder: Path, wanted: Sequence[str]) -> None:
    look = Look(load_theme())
    look.apply()
    camera = Camera(look, folder, wanted)
    for act in (starting, empty, filled):
        await act(camera, look)


def main() -> None:
    parser = argparse.ArgumentParser(prog="screenshots", description="Picture every window, theme and state.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="parts of WINDOW-STATE; all without")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    app.setCursorFlashTime(0)
    app.setQuitOnLastWindowClosed(False)
    with asyncio.Runner(loop_factory=lambda: PortalLoop(app)) as runner:
        runner.run(play(chosen.folder, chosen.names))


if __name__ == "__main__":
    main()
