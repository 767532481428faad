"""A real view, offscreen, and short ways to make messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QApplication

from portal_desktop.messages import Part, Role, Status, Text
from portal_desktop.ui.theme import Theme, load_theme
from portal_desktop.ui.transcript.items import Kit
from portal_desktop.ui.transcript.message import TranscriptMessage
from portal_desktop.ui.transcript.view import TranscriptView
from tests.support.clock import FakeClock

Say = Callable[..., TranscriptMessage]


@pytest.fixture(scope="session")
def theme(qapp: QApplication) -> Theme:
    assert qapp is not None
    return load_theme()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def kit(theme: Theme, clock: FakeClock) -> Kit:
    return Kit(theme, clock, {})


@pytest.fixture
def view(theme: Theme, clock: FakeClock, qapp: QApplication) -> Iterator[TranscriptView]:
    view = TranscriptView(theme, clock)
    view.resize(800, 600)
    view.show()
    qapp.processEvents()
    yield view
    view.close()
    view.deleteLater()
    qapp.processEvents()


@pytest.fixture
def user() -> Say:
    def make(number: int, text: str) -> TranscriptMessage:
        return TranscriptMessage(number, Role.USER, (Text(text),), created="10:42")

    return make


@pytest.fixture
def answer() -> Say:
    def make(number: int, *parts: Part | str, status: Status = Status.COMPLETE, **more: object) -> TranscriptMessage:
        whole = tuple(Text(part) if isinstance(part, str) else part for part in parts)
        return TranscriptMessage(number, Role.ASSISTANT, whole, status, "10:43", "qwen3:8b", **more)  # type: ignore[arg-type]

    return make
