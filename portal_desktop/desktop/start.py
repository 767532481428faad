"""From the command line to the running loop: lock, application, window, then everything else."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from portal_desktop.desktop.arguments import Arguments, parse
from portal_desktop.desktop.desk import MOTION, THEME, ZOOM, Desk
from portal_desktop.desktop.keeper import PLACES
from portal_desktop.paths import Paths, resources
from portal_desktop.settings import Environment
from portal_desktop.storage.glance import glance
from portal_desktop.ui.instance import InstanceLock, hand_over, socket_name
from portal_desktop.ui.look import Look
from portal_desktop.ui.places import Places
from portal_desktop.ui.theme import load_theme, scheme_for

NOT_WRITABLE = 4


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
        hand_over(socket_name(paths.data), arguments.words())
        return 0
    try:
        return run(arguments, environment, paths)
    finally:
        lock.release()


def run(arguments: Arguments, environment: Environment, paths: Paths) -> int:
    """Show the window and run the loop; whoever calls holds the lock."""
    app = _application()
    places = Places(glance(paths.database, PLACES))
    wanted, zoom = places.text(THEME, "system"), places.text(ZOOM)
    theme = load_theme(
        scheme_for(wanted, QGuiApplication.styleHints().colorScheme()),
        zoom=int(zoom[:3]) if zoom.isdecimal() else 100,
        reduced_motion=places.text(MOTION) == "on",
    )
    look = Look(theme, wanted=wanted)
    look.follow_system()
    look.apply()
    desk = Desk(arguments, environment, paths, look, places)
    desk.show_first()
    loops = importlib.import_module("portal_desktop.loop")
    with asyncio.Runner(loop_factory=lambda: loops.PortalLoop(app)) as runner:
        return runner.run(desk.run())


def _application() -> QApplication:
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    QCoreApplication.setApplicationName("portal-desktop")
    QGuiApplication.setDesktopFileName("portal-desktop")
    app = QApplication(sys.argv[:1])
    app.setApplicationDisplayName("Portal Desktop")
    app.setQuitOnLastWindowClosed(False)
    app.setWindowIcon(QIcon(str(resources() / "icons" / "app" / "portal-desktop.svg")))
    return app
