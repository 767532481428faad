"""The windows on a real core in a temporary home."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from portal_desktop.ui.look import Look
from portal_desktop.ui.theme import load_theme
from tests.support.desk import Windows, running_core


@pytest.fixture(scope="module", autouse=True)
def settled_memory() -> Iterator[None]:
    """Keep what other modules left from being walked by the collector inside a callback that is timed."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def app() -> QApplication:
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    return app


@pytest.fixture
def look(app: QApplication) -> Iterator[Look]:
    look = Look(load_theme())
    look.apply()
    yield look
    look.deleteLater()


@pytest.fixture
async def windows(look: Look, tmp_path: Path) -> AsyncIterator[Windows]:
    async with running_core(tmp_path) as core:
        windows = Windows(core, look)
        await windows.open()
        yield windows
        await windows.close()
