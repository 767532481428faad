"""From the command line to the running loop: lock, application, a painted window, then everything else.

What is imported here is imported before the first picture, so it is as little as a picture needs.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEventLoop, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from portal_desktop.desktop.arguments import Arguments, parse
from portal_desktop.paths import Paths, resources
from portal_desktop.settings.environment import Environment
from portal_desktop.storage.glance import glance
from portal_desktop.ui.lock import InstanceLock
from portal_desktop.ui.look import Look
from portal_desktop.ui.places import MOTION, PLACES, THEME, ZOOM, Places
from portal_desktop.ui.theme import load_theme, scheme_for
from portal_desktop.ui.window import MainWindow

if TYPE_CHECKING:
    from portal_desktop.desktop.desk import Desk

NOT_WRITABLE = 4
PAINT_MS = 2000
"""The longest the rest of the start waits for the first picture; a hidden desktop may never draw one."""


def start(words: Sequence[str]) -> int:
    """Run until the user quits; a later start of the same home ends at once with 0."""
    arguments = parse(words)
    environment = Environment.of_process()
    paths = environment.paths
    lock = InstanceLock(paths.lock)
    try:
        first = lock.acquire()
    except OSError as error:
        sys.stderr.write(f"The folder {paths.data} cannot be written: {error.strerror}.\n")
        return NOT_WRITABLE
    if not first:
        instance = importlib.import_module("portal_desktop.ui.instance")
        instance.hand_over(instance.socket_name(paths.data), arguments.words())
        return 0
    try:
        return run(arguments, environment, paths)
    finally:
        lock.release()


def run(arguments: Arguments, environment: Environment, paths: Paths) -> int:
    """Show the window and run the loop; whoever calls holds the lock."""
    app = _application()
    places = Places(glance(paths.database, PLACES))
    look = _look(places)
    window = MainWindow(look, places)
    if not arguments.hidden:
        window.show()
        wait_for_paint(window)
    life = importlib.import_module("portal_desktop.desktop.life")

    def desk() -> Desk:
        made: Desk = life.Desk(
            window=window, arguments=arguments, environment=environment, paths=paths, look=look, places=places
        )
        return made

    code: int = life.live(app, desk)
    return code


def wait_for_paint(window: MainWindow) -> None:
    """Let Qt draw the window before anything else is loaded. No loop runs yet, so this one is nested in none."""
    drawing = QEventLoop()
    late = QTimer()
    late.setSingleShot(True)
    late.timeout.connect(drawing.quit)
    window.painted.connect(drawing.quit)
    late.start(PAINT_MS)
    if not window.was_painted:
        drawing.exec()
    late.stop()
    window.painted.disconnect(drawing.quit)


def _look(places: Places) -> Look:
    wanted, zoom = places.text(THEME, "system"), places.text(ZOOM)
    theme = load_theme(
        scheme_for(wanted, QGuiApplication.styleHints().colorScheme()),
        zoom=int(zoom[:3]) if zoom.isdecimal() else 100,
        reduced_motion=places.text(MOTION) == "on",
    )
    look = Look(theme, wanted=wanted)
    look.follow_system()
    look.apply()
    return look


def _application() -> QApplication:
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    QCoreApplication.setApplicationName("portal-desktop")
    QGuiApplication.setDesktopFileName("portal-desktop")
    app = QApplication(sys.argv[:1])
    app.setApplicationDisplayName("Portal Desktop")
    app.setQuitOnLastWindowClosed(False)
    app.setWindowIcon(QIcon(str(resources() / "icons" / "app" / "portal-desktop.svg")))
    return app
