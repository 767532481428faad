from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QImage
from PySide6.QtWidgets import QApplication

from portal_desktop.paths import resources
from portal_desktop.ui.icons import Icons


@pytest.fixture
def icons(qapp: QApplication) -> Icons:
    assert qapp is not None
    return Icons(resources() / "icons")


def _colors(image: QImage) -> set[str]:
    pixels = (image.pixelColor(x, y) for x in range(0, image.width(), 2) for y in range(image.height()))
    return {pixel.name() for pixel in pixels if pixel.alpha() == 255}


def test_icons_every_file_draws_something_in_the_color_asked_for(icons: Icons) -> None:
    names = icons.names()
    assert len(names) >= 50
    for name in names:
        drawn = _colors(icons.pixmap(name, QColor("#0F766E"), 64).toImage())
        assert "#0f766e" in drawn, name
        assert max(abs(QColor(color).green() - 0x76) for color in drawn) <= 2, name


def test_icons_every_file_is_a_plain_stroke_on_the_same_grid() -> None:
    for file in sorted((resources() / "icons").glob("*.svg")):
        root = ET.fromstring(file.read_text("utf-8"))
        assert (root.get("viewBox"), root.get("stroke"), root.get("stroke-width")) == (
            "0 0 24 24",
            "currentColor",
            "1.8",
        )
        assert {element.tag.rpartition("}")[2] for element in root} <= {"path", "circle", "rect", "ellipse"}


def test_icons_pixmap_is_sharp_at_any_density_and_kept(icons: Icons) -> None:
    pixmap = icons.pixmap("plus", QColor("black"), 18, 2.0)
    assert pixmap.size() == QSize(36, 36)
    assert pixmap.devicePixelRatio() == 2.0
    assert icons.pixmap("plus", QColor("black"), 18, 2.0) is pixmap


def test_icons_icon_has_colors_for_its_states(icons: Icons) -> None:
    icon = icons.icon("lock", QColor("#111111"), disabled=QColor("#aaaaaa"), checked=QColor("#00ff00"), size=48)
    size = QSize(48, 48)
    assert "#aaaaaa" in _colors(icon.pixmap(size, QIcon.Mode.Disabled).toImage())
    assert "#00ff00" in _colors(icon.pixmap(size, QIcon.Mode.Normal, QIcon.State.On).toImage())
    assert not icons.icon("lock", QColor("#111111")).isNull()


def test_icons_unknown_name_is_an_error(icons: Icons) -> None:
    with pytest.raises(FileNotFoundError):
        icons.pixmap("no-such-icon", QColor("black"), 18)


def test_application_icon_is_there(qapp: QApplication) -> None:
    assert qapp is not None
    assert not QIcon(str(resources() / "icons" / "app" / "portal-desktop.svg")).pixmap(64, 64).isNull()
