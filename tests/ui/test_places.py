"""Windows come back, on a screen that exists."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QRect, QSize
from PySide6.QtWidgets import QWidget

from portal_desktop.ui.places import Places, fitted

pytestmark = pytest.mark.gui

FIRST = QRect(0, 0, 1280, 800)
SECOND = QRect(1280, 0, 1920, 1080)


@pytest.mark.spec("X-10")
@pytest.mark.parametrize(
    "wanted", [QRect(2000, 300, 900, 700), QRect(-500, -500, 600, 400), QRect(100, 100, 4000, 3000)]
)
def test_fitted_screen_gone_is_whole_on_an_existing_one(wanted: QRect) -> None:
    assert FIRST.contains(fitted(wanted, [FIRST]))


def test_fitted_screen_there_keeps_the_place() -> None:
    wanted = QRect(2000, 300, 900, 700)
    assert fitted(wanted, [FIRST, SECOND]) == wanted


def test_places_geometry_survives_another_start(app: object, tmp_path: Path) -> None:
    path = tmp_path / "windows.ini"
    window = QWidget()
    window.setGeometry(40, 50, 500, 400)
    places = Places(path)
    places.keep(window, "main")
    places.set_text("chat/open", "7")
    places.flush()
    other = QWidget()
    again = Places(path)
    again.restore(other, "main", QSize(300, 300))
    assert other.geometry() == QRect(40, 50, 500, 400)
    assert again.text("chat/open") == "7"
