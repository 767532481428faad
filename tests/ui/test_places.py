"""Windows come back, on a screen that exists."""

from __future__ import annotations

import json

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


def test_places_geometry_survives_another_start(app: object) -> None:
    window = QWidget()
    window.setGeometry(40, 50, 500, 400)
    places = Places()
    places.keep(window, "main")
    places.set_text("chat/open", "7")
    other = QWidget()
    again = Places(json.loads(json.dumps(places.values())))
    again.restore(other, "main", QSize(300, 300))
    assert other.geometry() == QRect(40, 50, 500, 400)
    assert again.text("chat/open") == "7"


@pytest.mark.parametrize(
    "kept",
    [
        None,
        "x",
        [1],
        {"main/rect": [1, 2, 3], "main/maximized": "yes", "chat/open": 7},
        {"main/rect": [0, 0, -5, 10**12], "chat/open": None},
        {"main/rect": ["a", 0, 1, 1]},
    ],
)
def test_places_of_nonsense_open_the_window_as_new(app: object, kept: object) -> None:
    new, other = QWidget(), QWidget()
    Places().restore(new, "main", QSize(300, 300))
    places = Places(kept)
    places.restore(other, "main", QSize(300, 300))
    assert other.geometry() == new.geometry()
    assert places.text("chat/open") == ""


def test_places_tell_of_a_change_and_not_of_the_same_again() -> None:
    told: list[str] = []
    places = Places({"window/page": "chat"})
    places.follow(lambda: told.append(places.text("window/page")))
    places.set_text("window/page", "chat")
    places.set_text("window/page", "tasks")
    assert told == ["tasks"]
