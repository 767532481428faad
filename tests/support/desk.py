"""A real core in a temporary home whose only model server is a script, and the windows on top of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from portal_desktop.assembly import Core
from portal_desktop.clock import Clock
from portal_desktop.desktop.keeper import PlaceKeeper
from portal_desktop.desktop.rooms import Rooms
from portal_desktop.errors import PortalError
from portal_desktop.messages import Text
from portal_desktop.paths import Paths
from portal_desktop.providers.base import Endpoint, ModelFacts, Provider, ProviderKind
from portal_desktop.providers.catalogue import Catalogue
from portal_desktop.providers.registry import Providers
from portal_desktop.providers.scripted import ScriptedProvider
from portal_desktop.settings import Environment
from portal_desktop.storage.glance import glance
from portal_desktop.ui.chat.panel import ChatPanel
from portal_desktop.ui.look import Look
from portal_desktop.ui.picker.model import Search
from portal_desktop.ui.places import PLACES, Places
from portal_desktop.ui.spawn import Spawn
from portal_desktop.ui.window import MainWindow

SCRIPTED = Endpoint("ollama", ProviderKind.SCRIPTED, "Ollama", "http://127.0.0.1:11434")
MODELS = (
    ModelFacts(
        "qwen3:8b",
        "ollama",
        tools=True,
        thinking=True,
        context_length=40960,
        size_bytes=5_200_000_000,
        parameters="8B",
        quantization="Q4_K_M",
        loaded=True,
    ),
    ModelFacts("llama3.2:3b", "ollama", tools=True, thinking=False, context_length=131072, parameters="3B"),
    ModelFacts("nomic-embed-text", "ollama", embedding=True, tools=False, context_length=2048),
)


class ScriptedCore(Core):
    """The product's own core; only the provider is a script. `script` may be replaced at any time."""

    def __init__(self, home: Path, *, clock: Clock | None = None, models: Iterable[ModelFacts] = MODELS) -> None:
        self._models = tuple(models)
        self.script: list[Any] = []
        super().__init__(Paths.below(home), Environment({"TZ": "UTC"}), clock=clock, ports=())

    def _build_models(self, ports: Iterable[int] | None) -> None:
        super()._build_models(ports)
        provider = ScriptedProvider(SCRIPTED, self.script, models=self._models, clock=self.clock)
        self.scripted = provider
        built_in: tuple[Provider, ...] = (provider,) if self._models else ()
        self.providers = Providers(
            self.network, self.settings, self._credential, built_in=built_in, holders=self.catalogue.holders
        )
        self.catalogue = Catalogue(self.providers.providers, self.clock, self.bus.publish)
        self.discovery._changed = self.providers.set_discovered

    def play(self, *responses: Any) -> None:
        self.scripted._script.extend(responses)


@asynccontextmanager
async def running_core(home: Path, **options: Any) -> AsyncIterator[ScriptedCore]:
    core = ScriptedCore(home, **options)
    await core.start()
    try:
        yield core
    finally:
        await core.stop()


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


class Windows:
    """The main window with its pages, as the desk furnishes it."""

    def __init__(self, core: ScriptedCore, look: Look) -> None:
        self.core = core
        self.errors: list[PortalError] = []
        self.places = Places(glance(core.paths.database, PLACES))
        self.keeper = PlaceKeeper(self.places, core.setting_rows.save, core.clock)
        self.window = MainWindow(look, self.places)
        self.window.resize(1280, 800)
        self.spawn = Spawn(self._failed)
        self.rooms: Rooms

    def _failed(self, error: PortalError) -> None:
        self.errors.append(error)
        self.window.show_error(error)

    async def open(self) -> None:
        await asyncio.sleep(0)
        self.window.show()
        await asyncio.sleep(0)
        self.rooms = Rooms(self.core, self.window, self.window.look, self.places, self.spawn)
        await self.rooms.start()
        await until(lambda: self.rooms.found.state is not Search.LOOKING)

    async def close(self) -> None:
        await until(lambda: self.spawn.running == 0)
        await self.rooms.close()
        self.window.close()
        await self.spawn.close()
        await self.keeper.write()
        self.window.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    @property
    def panel(self) -> ChatPanel:
        return self.rooms.chat.panel

    def type(self, text: str, widget: QWidget | None = None) -> None:
        QTest.keyClicks(widget or self.focused(), text)

    def press(self, keys: str, widget: QWidget | None = None) -> None:
        QTest.keySequence(widget or self.focused(), QKeySequence(keys))

    def offered(self, action: str) -> list[QPoint]:
        """Where the transcript shows this button, in places of its viewport."""
        view = self.panel.view
        return [
            view.item_rect(place).topLeft()
            + QPoint(0, view.kit.theme.px(place.item.top_gap()))
            + hit.rect.center().toPoint()
            for place in view.placed_in_sight()
            for hit in place.item.hits()
            if hit.action == action
        ]

    def click(self, action: str) -> None:
        """Click the first of these buttons of the transcript."""
        viewport, point = self.panel.view.viewport(), self.offered(action)[0]
        QTest.mouseMove(viewport, point)
        QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)

    def focused(self) -> QWidget:
        widget = QApplication.focusWidget() or self.window.focusWidget()
        assert widget is not None
        return widget

    def texts(self) -> list[str]:
        return [part.text for m in self.panel.model.messages() for part in m.parts if isinstance(part, Text)]
