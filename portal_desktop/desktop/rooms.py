"""Furnishes the windows: every page is made here from the parts of the core it needs. Imported after first paint."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Signal
from PySide6.QtWidgets import QWidget

from portal_desktop.assembly import Core
from portal_desktop.desktop.bundle import collect
from portal_desktop.desktop.notices import Notices
from portal_desktop.errors import InvalidInput
from portal_desktop.events import SettingChanged, Subscription
from portal_desktop.settings import declared
from portal_desktop.ui.chat.model import ChatModel
from portal_desktop.ui.chat.page import ChatPage
from portal_desktop.ui.chat.panel import ChatPanel
from portal_desktop.ui.chat.questions import Questions
from portal_desktop.ui.chat.sidebar.feed import SidebarFeed
from portal_desktop.ui.controls import Toast
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.picker.model import FoundModels
from portal_desktop.ui.places import Places
from portal_desktop.ui.report import ReportPage
from portal_desktop.ui.settings.panel import SettingsPanel
from portal_desktop.ui.settings.servers import Servers
from portal_desktop.ui.shortcuts import bind
from portal_desktop.ui.spawn import Spawn
from portal_desktop.ui.tasks.feed import TasksFeed
from portal_desktop.ui.tasks.page import TasksPage
from portal_desktop.ui.transcript.view import TranscriptView
from portal_desktop.ui.transcript.warm import warm
from portal_desktop.ui.window import MainWindow, PortalWindow

PAGE = "window/page"
CHAT_SIZE = QSize(820, 760)
TASKS_SIZE = QSize(900, 760)
SETTINGS_SIZE = QSize(980, 720)
REPORT_SIZE = QSize(760, 640)


class Rooms(QObject):
    """The pages of the main window and the windows beside it."""

    window_closed = Signal(object)
    quit_wanted = Signal()

    def __init__(self, core: Core, window: MainWindow, look: Look, places: Places, spawn: Spawn) -> None:
        super().__init__(window)
        self._core = core
        self._window = window
        self._look = look
        self._places = places
        self._spawn = spawn
        self._panels: list[ChatPanel] = []
        self._windows: dict[PortalWindow, Spawn] = {}
        self._settings: SettingsPanel | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self.questions = Questions(core.clock, self)
        self.found = FoundModels(
            catalogue=core.catalogue,
            providers=core.providers,
            discovery=core.discovery,
            bus=core.bus,
            spawn=spawn,
            parent=self,
        )
        self.chats = SidebarFeed(
            history=core.history,
            live=core.live,
            questions=self.questions,
            bus=core.bus,
            clock=core.clock,
            spawn=spawn,
            parent=self,
        )
        self.tasks = TasksFeed(core.book, core.bus, spawn, chat_title=self.chats.title, parent=self)
        self.chats.loaded.connect(self.tasks.tell)
        self.chat: ChatPage
        self.tasks_page: TasksPage
        self._notices = Notices(core, self._all_windows, spawn)
        self._subscription: Subscription[SettingChanged] = core.bus.subscribe(SettingChanged, self._setting_changed)

    async def _build(self) -> None:
        """Make the pages one by one, so that the loop runs between them."""
        view = TranscriptView(self._look.theme, self._core.clock)
        await asyncio.sleep(0)
        panel = self._panel(self._window.toast, self._spawn, view)
        await asyncio.sleep(0)
        self.chat = ChatPage(
            self._look,
            panel,
            self.chats,
            history=self._core.history,
            places=self._places,
            spawn=self._spawn,
            toast=self._window.toast,
        )
        self.chat.own_window_wanted.connect(self.open_chat_window)
        await asyncio.sleep(0)
        self.tasks_page = self._tasks_page(self._window.toast, self._spawn, own_window=True)
        await asyncio.sleep(0)
        self._furnish()
        await asyncio.sleep(0)

    def _furnish(self) -> None:
        window = self._window
        window.add_page("chat", "chat", tr("Chat"), self.chat)
        window.add_page("tasks", "tasks", tr("Tasks"), self.tasks_page)
        self.tasks.due_changed.connect(window.rail.set_due)
        window.rail.set_local_only(on=self._core.settings.get(declared.LOCAL_ONLY))
        window.rail.local_only_wanted.connect(self._set_local_only)
        window.rail.set_settings(self.open_settings)
        bind(window, "window.settings", self.open_settings)
        window.page_changed.connect(lambda page: self._places.set_text(PAGE, page))

    async def start(self) -> None:
        """Make the pages, show what was open last, then look for models."""
        await self._build()
        page = self._places.text(PAGE, "chat")
        self._core.discovery.set_visible(True)
        await self.chat.start()
        await self.tasks.reload()
        self._window.show_page(page if page in {"chat", "tasks"} else "chat")
        self._notices.start()
        self.found.look_again()
        self._spawn.start(asyncio.to_thread(warm), "load what the first answer needs")

    async def close(self) -> None:
        """Save what is not stored yet and stop listening; answers go on until the core stops them."""
        self._core.discovery.set_visible(False)
        self._subscription.close()
        self._notices.close()
        for window in tuple(self._windows):
            window.close()
        await asyncio.gather(*self._leaving)
        for panel in tuple(self._panels):
            await panel.leave()
        self.chats.close()
        self.tasks.close()
        self.found.close()

    def windows(self) -> list[PortalWindow]:
        """Return the windows beside the main one."""
        return list(self._windows)

    def _all_windows(self) -> list[PortalWindow]:
        return [self._window, *self._windows]

    def running(self) -> list[str]:
        """Return the titles of the chats in which an answer is being written."""
        return self.chats.running()

    def new_chat(self) -> None:
        """Begin a chat in the main window."""
        self._window.show_page("chat")
        self.chat.new_chat()

    def quick_ask(self) -> None:
        """Go to where one writes."""
        self._window.show_page("chat")
        self.chat.panel.focus_input()

    async def take_files(self, files: Sequence[Path]) -> None:
        """Put text files into the message that is being written.

        Raises:
            InvalidInput: a file is not text or does not fit.
        """
        self._window.show_page("chat")
        longest = self._core.settings.get(declared.MAX_MESSAGE_CHARS)
        for file in files:
            self.chat.panel.add_text(await asyncio.to_thread(_text_of, file, longest))

    def open_chat_window(self, conversation_id: int) -> None:
        """Open a chat beside the main window, or bring its window up."""
        for panel in self._panels:
            window = panel.window()
            if panel.model.conversation_id == conversation_id and window in self._windows:
                window.raise_()
                window.activateWindow()
                return
        window = PortalWindow(self._look, self._places, "chat", tr("Chat"), CHAT_SIZE)
        own = Spawn(window.show_error)
        panel = self._panel(window.toast, own)
        panel.conversation_opened.connect(lambda _chat: window.setWindowTitle(panel.header.title))
        self._open(window, panel, own)
        own.start(panel.open(conversation_id), "open a chat")

    def open_tasks_window(self) -> None:
        """Open the tasks beside the main window."""
        window = PortalWindow(self._look, self._places, "tasks", tr("Tasks"), TASKS_SIZE)
        own = Spawn(window.show_error)
        page = self._tasks_page(window.toast, own, own_window=False)
        self._open(window, page, own)
        page.setFocus()

    def open_settings(self, page: str = "") -> None:
        """Open the settings in their own window, or bring it up."""
        if self._settings is None:
            window = PortalWindow(self._look, self._places, "settings", tr("Settings"), SETTINGS_SIZE)
            own = Spawn(window.show_error)
            servers = Servers(
                self._look,
                providers=self._core.providers,
                catalogue=self._core.catalogue,
                credentials=self._core.credentials,
                found=self.found,
                spawn=own,
            )
            panel = SettingsPanel(self._look, self._core.settings, servers, own)
            self._settings = panel
            self._open(window, panel, own)
        if page:
            self._settings.show_page(page)
        self._settings.window().activateWindow()

    def open_report(self, reports: Sequence[str]) -> None:
        """Show reports of what went wrong, and what a bundle of them would hold."""
        window = PortalWindow(self._look, self._places, "report", tr("Report"), REPORT_SIZE)
        own = Spawn(window.show_error)
        self._open(
            window, ReportPage(reports, partial(collect, self._core, reports), spawn=own, toast=window.toast), own
        )
        window.activateWindow()

    def _add_server(self) -> None:
        self.open_settings("models")
        if self._settings is not None:
            self._settings.servers.form.unfold()

    def _open(self, window: PortalWindow, page: QWidget, own: Spawn) -> None:
        window.set_page(page)
        self._windows[window] = own
        window.closed.connect(self._forget)
        bind(window, "app.quit", self.quit_wanted.emit)
        bind(window, "window.settings", self.open_settings)
        window.show()

    def _forget(self, window: PortalWindow) -> None:
        own = self._windows.pop(window)
        if self._settings is not None and self._settings.window() is window:
            self._settings.leave()
            self._settings = None
        panels = [each for each in self._panels if each.window() is window]
        self._panels = [each for each in self._panels if each not in panels]
        leaving = self._spawn.start(self._dismiss(window, own, panels), "close a window")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        self.window_closed.emit(window)

    async def _dismiss(self, window: PortalWindow, own: Spawn, panels: Sequence[ChatPanel]) -> None:
        """Save what a closed window held and end its work before its widgets go."""
        await own.close()
        for panel in panels:
            await panel.leave()
        window.deleteLater()

    def _panel(self, toast: Toast, spawn: Spawn, view: TranscriptView | None = None) -> ChatPanel:
        core = self._core
        model = ChatModel(
            history=core.history,
            live=core.live,
            changes=core.changes,
            questions=self.questions,
            bus=core.bus,
            clock=core.clock,
            spawn=spawn,
        )
        panel = ChatPanel(
            self._look,
            view or TranscriptView(self._look.theme, core.clock),
            model=model,
            history=core.history,
            found=self.found,
            settings=core.settings,
            places=self._places,
            spawn=spawn,
            toast=toast,
            add_server=self._add_server,
        )
        panel.tasks_wanted.connect(lambda: self._window.show_page("tasks"))
        self._panels.append(panel)
        return panel

    def _tasks_page(self, toast: Toast, spawn: Spawn, *, own_window: bool) -> TasksPage:
        page = TasksPage(
            self._look,
            book=self._core.book,
            feed=self.tasks,
            places=self._places,
            spawn=spawn,
            toast=toast,
            own_window=own_window,
        )
        page.own_window_wanted.connect(self.open_tasks_window)
        page.chat_wanted.connect(self._open_chat)
        return page

    def _open_chat(self, conversation_id: int) -> None:
        self._window.show_page("chat")
        self.chat.open(conversation_id)

    def _set_local_only(self, on: bool) -> None:
        self._spawn.start(self._core.settings.set(declared.LOCAL_ONLY, on), "switch local-only")
        self._window.rail.set_local_only(on=self._core.settings.get(declared.LOCAL_ONLY))

    def _setting_changed(self, event: SettingChanged) -> None:
        if event.setting_id == declared.LOCAL_ONLY.id:
            self._window.rail.set_local_only(on=self._core.settings.get(declared.LOCAL_ONLY))


def _text_of(file: Path, longest: int) -> str:
    """Return a text file as a fenced block of a message."""
    try:
        if file.stat().st_size > longest * 4:
            raise InvalidInput("invalid_field", field=file.name, problem=f"it has more than {longest} characters")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            "invalid_field", field=file.name, problem="it is not a text file that can be read"
        ) from error
    fence = "````" if "```" in text else "```"
    return f"{file.name}:\n{fence}\n{text.rstrip()}\n{fence}\n"
