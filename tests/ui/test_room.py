"""What floats over a page covers nothing in which one writes."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

from portal_desktop.errors import StorageError
from portal_desktop.ui.chat.composer import Composer
from portal_desktop.ui.look import Look
from portal_desktop.ui.theme import Scheme
from tests.support.desk import Windows, until

pytestmark = [pytest.mark.gui, pytest.mark.qt_log_ignore("This plugin does not support")]


def covered(windows: Windows, card: QWidget) -> list[str]:
    """The names of the fields below the card."""
    window = windows.window
    fields: list[QWidget] = [*window.findChildren(QLineEdit), *window.findChildren(QPlainTextEdit)]
    return [
        field.accessibleName()
        for field in fields
        if field.isVisible()
        and not card.isAncestorOf(field)
        and QRect(field.mapTo(window.body, QPoint()), field.size()).intersects(card.geometry())
    ]


@pytest.mark.parametrize("width", [420, 620, 1280])
@pytest.mark.parametrize("page", ["chat", "tasks"])
async def test_error_and_toast_float_beside_the_fields(windows: Windows, page: str, width: int) -> None:
    window = windows.window
    window.resize(width, 800)
    window.show_page(page)
    await until(lambda: window.width() == width)
    window.show_error(StorageError("disk_full"))
    window.toast.say("Done: “water the ficus”", "Undo", lambda: None)
    await until(lambda: window.error_card.isVisible() and window.toast.isVisible())
    for card in (window.error_card, window.toast):
        assert not covered(windows, card)
        assert window.body.rect().contains(card.geometry())


@pytest.mark.parametrize("scheme", list(Scheme))
def test_send_that_is_off_is_seen_and_looks_off(look: Look, scheme: Scheme) -> None:
    look.choose(scheme.value)
    composer = Composer(look)
    composer.show()

    def colors() -> tuple[float, float]:
        """The ground of the button, and how far the sign on it differs."""
        image = composer._send.grab().toImage()
        middle = range(8, image.width() - 8)
        lights = [image.pixelColor(x, y).lightnessF() for x in middle for y in middle]
        ground = image.pixelColor(image.width() // 2, 5).lightnessF()
        return ground, max(abs(light - ground) for light in lights)

    off, seen = colors()
    assert seen > 0.2
    composer.set_text("Hello")
    on, seen = colors()
    assert seen > 0.2
    assert abs(on - off) > 0.2
    composer.close()


async def test_sidebar_without_chats_says_what_will_stand_there(windows: Windows) -> None:
    sidebar = windows.rooms.chat.sidebar
    await until(sidebar.nothing.isVisible)
    assert "will be listed here" in sidebar.nothing.text()
    await windows.core.history.create(title="Rain")
    await until(lambda: not sidebar.nothing.isVisible())
