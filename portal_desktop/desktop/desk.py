"""The life of the desktop program: first paint, then the core, then its pages; and the way out."""

from __future__ import annotations

import asyncio
import importlib
import signal
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from portal_desktop.clock import SystemClock
from portal_desktop.desktop.arguments import Arguments, parse_sent
from portal_desktop.desktop.crashes import Crashes
from portal_desktop.desktop.keeper import PlaceKeeper
from portal_desktop.desktop.rescue import Rescue
from portal_desktop.errors import PortalError
from portal_desktop.paths import Paths
from portal_desktop.settings import Environment, declared
from portal_desktop.ui.dialogs import ask
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.instance import InstanceServer, socket_name
from portal_desktop.ui.look import Look
from portal_desktop.ui.places import MOTION, THEME, ZOOM, Places
from portal_desktop.ui.shortcuts import bind
from portal_desktop.ui.spawn import Spawn
from portal_desktop.ui.tray import Tray
from portal_desktop.ui.window import MainWindow, PortalWindow

if TYPE_CHECKING:
    from portal_desktop.assembly import Core
    from portal_desktop.desktop.rooms import Rooms
    from portal_desktop.log import LogHandle


class Desk:
    """Owns the main window, the tray, the socket for later starts, and the order of start and stop."""

    def __init__(
        self,
        *,
        window: MainWindow,
        arguments: Arguments,
        environment: Environment,
        paths: Paths,
        look: Look,
        places: Places,
    ) -> None:
        self._arguments = arguments
        self._environment = environment
        self._paths = paths
        self._look = look
        self._places = places
        self.window = window
        self.window.closed.connect(self._closed)
        bind(self.window, "app.quit", self.want_quit)
        self.spawn = Spawn(self.window.show_error)
        self.tray = Tray(
            QApplication.windowIcon(),
            open_window=self.bring_up,
            new_chat=self._new_chat,
            quit_app=self.want_quit,
            parent=self.window,
        )
        self._server = InstanceServer(socket_name(paths.data), self._arrived, self.window)
        self._core: Core | None = None
        self._rooms: Rooms | None = None
        self._keeper: PlaceKeeper | None = None
        self._crashes = Crashes(paths, SystemClock(), self._log)
        self._read_only = False
        self._again = asyncio.Event()
        self._end = asyncio.Event()

    async def run(self) -> int:
        """Run until quit; returns the exit code."""
        loop = asyncio.get_running_loop()
        self._crashes.install(loop)
        if sys.platform != "win32":
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.quit)
        self._server.listen()
        self.tray.start()
        if self._arguments.hidden and not self.tray.visible:
            self.window.show()
        try:
            if await self._open():
                await self._end.wait()
            return 0
        finally:
            await self._close()
            self._crashes.uninstall()

    def bring_up(self) -> None:
        """Show the window and give it the focus."""
        self.window.setWindowState(self.window.windowState() & ~Qt.WindowState.WindowMinimized)
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()

    def quit(self) -> None:
        """Leave now; what streams is kept as far as it came."""
        self._end.set()
        self._again.set()

    def want_quit(self) -> None:
        """Leave, asking first while something runs."""
        running = self._rooms.running() if self._rooms is not None else []
        if not running:
            self.quit()
            return
        self.spawn.start(self._ask_quit(running), "ask before quitting")

    async def _ask_quit(self, running: list[str]) -> None:
        leave = tr("Quit")
        text = tr("Still answering: {chats}. What has arrived is kept.", chats=", ".join(running))
        if await ask(self.window, tr("Quit Portal Desktop?"), text, [tr("Stay"), leave]) == leave:
            self.quit()

    async def _open(self) -> bool:
        """Start the core and furnish the window; False when the user gave up on it."""
        assembly = await asyncio.to_thread(importlib.import_module, "portal_desktop.assembly")
        while not self._end.is_set():
            core = assembly.Core(self._paths, self._environment)
            try:
                await core.start(read_only=self._read_only)
            except PortalError as error:
                await core.stop()
                self._again.clear()
                rescue = Rescue(
                    core, self.window, self.spawn, again=self._try_again, look_only=self._look_only, leave=self.quit
                )
                await rescue.offer(error)
                await self._again.wait()
                continue
            self._core = core
            await self._furnish(core)
            return True
        return False

    async def _furnish(self, core: Core) -> None:
        rooms = importlib.import_module("portal_desktop.desktop.rooms")
        furnished = rooms.Rooms(core, self.window, self._look, self._places, self.spawn)
        furnished.window_closed.connect(self._closed)
        furnished.quit_wanted.connect(self.want_quit)
        core.settings.subscribe(lambda _setting: self._follow_settings())
        self._follow_settings()
        await furnished.start()
        self._rooms = furnished
        if not core.database.read_only:
            self._keeper = PlaceKeeper(self._places, core.setting_rows.save, core.clock)
            self.spawn.start(self._keeper.run(), "keep the places of the windows")
        self.spawn.start(self._crashes.offer(self.window, furnished), "offer the report of a crash")
        core.watch()
        self._take(self._arguments)

    def _log(self) -> LogHandle | None:
        return self._core.log if self._core is not None else None

    def _follow_settings(self) -> None:
        if self._core is None:
            return
        settings = self._core.settings
        wanted, zoom = settings.get(declared.THEME), settings.get(declared.ZOOM)
        motion = settings.get(declared.REDUCED_MOTION)
        for name, value in ((THEME, wanted), (ZOOM, str(zoom)), (MOTION, motion)):
            self._places.set_text(name, value)
        self._look.choose(wanted, zoom=zoom, motion=motion)

    def _try_again(self, *, read_only: bool = False) -> None:
        self._read_only = read_only
        self.window.show_waiting()
        self._again.set()

    def _look_only(self) -> None:
        self._try_again(read_only=True)

    def _new_chat(self) -> None:
        self.bring_up()
        if self._rooms is not None:
            self._rooms.new_chat()

    def _arrived(self, words: list[str]) -> None:
        arguments = parse_sent(words)
        if not arguments.hidden:
            self.bring_up()
        self._take(arguments)

    def _take(self, arguments: Arguments) -> None:
        if self._rooms is None:
            return
        if arguments.quick_ask:
            self._rooms.quick_ask()
        if arguments.files:
            self.spawn.start(self._rooms.take_files(arguments.files), "put a file into the message")

    def _closed(self, closed: PortalWindow) -> None:
        """Leave when the last window is closed, unless the app was told to stay in the tray.

        `closed` is told from within its close event and still counts as visible to Qt.
        """
        others = self._rooms.windows() if self._rooms is not None else []
        if any(window.isVisible() for window in [self.window, *others] if window is not closed):
            return
        stays = self._core is not None and self._core.settings.get(declared.CLOSE_TO_TRAY)
        if not (stays and self.tray.visible):
            self.quit()

    async def _close(self) -> None:
        """Take leave in order: no more starts, windows, questions under way, the core."""
        self._server.close()
        self.tray.close()
        if self._rooms is not None:
            await self._rooms.close()
        self.window.close()
        await self.spawn.close()
        if self._keeper is not None:
            await self._keeper.write()
        if self._core is not None:
            await self._core.stop()
