from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QPushButton

from portal_desktop.paths import resources
from portal_desktop.ui.theme import MAX_ZOOM, MIN_ZOOM, Scheme, Theme, contrast, load_theme, scheme_for

READ_ON = {
    "text": (
        "bg",
        "surface",
        "rail",
        "sidebar",
        "user_bubble",
        "code",
        "hover",
        "accent_soft",
        "ok_soft",
        "warn_soft",
        "bad_soft",
    ),
    "muted": ("bg", "surface", "rail", "sidebar", "user_bubble", "code", "hover"),
    "accent": ("bg", "surface", "sidebar", "accent_soft"),
    "on_accent": ("accent", "accent_hover"),
    "ok": ("bg", "surface", "ok_soft"),
    "warn": ("bg", "surface", "warn_soft", "sidebar"),
    "bad": ("bg", "surface", "bad_soft"),
    "on_selection": ("selection",),
} | {f"syntax_{kind}": ("code",) for kind in ("keyword", "string", "comment", "number", "name", "type")}


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    qapp.setQuitOnLastWindowClosed(False)
    return load_theme(Scheme.LIGHT, folder=resources())


@pytest.fixture
def restored(qapp: QApplication) -> Iterator[QApplication]:
    sheet, palette, font = qapp.styleSheet(), qapp.palette(), qapp.font()
    yield qapp
    qapp.setStyleSheet(sheet)
    qapp.setPalette(palette)
    qapp.setFont(font)


@pytest.mark.spec("X-06")
@pytest.mark.parametrize("scheme", list(Scheme))
def test_theme_whatever_is_read_has_enough_contrast(theme: Theme, scheme: Scheme) -> None:
    chosen = theme.with_changes(scheme=scheme)
    weak = [
        f"{front} on {back}: {ratio:.2f}"
        for front, backs in READ_ON.items()
        for back in backs
        if (ratio := contrast(chosen.color(front), chosen.color(back))) < 4.5
    ]
    assert weak == []


@pytest.mark.spec("X-06")
@pytest.mark.parametrize("scheme", list(Scheme))
def test_theme_palette_texts_have_enough_contrast(theme: Theme, scheme: Scheme) -> None:
    palette = theme.with_changes(scheme=scheme).palette()
    role = QPalette.ColorRole
    pairs = [
        (role.WindowText, role.Window),
        (role.Text, role.Base),
        (role.ButtonText, role.Button),
        (role.HighlightedText, role.Highlight),
        (role.PlaceholderText, role.Base),
        (role.ToolTipText, role.ToolTipBase),
        (role.Link, role.Base),
    ]
    assert [contrast(palette.color(a), palette.color(b)) >= 4.5 for a, b in pairs] == [True] * len(pairs)


@pytest.mark.spec("X-06")
def test_theme_zoom_grows_fonts_and_lengths_and_stays_within_its_limits(theme: Theme) -> None:
    double = theme.with_changes(zoom=200)
    assert double.font().pixelSize() == 2 * theme.font().pixelSize()
    assert double.size("row") == 2 * theme.size("row")
    assert double.radius("card") == 2 * theme.radius("card")
    assert theme.with_changes(zoom=999).zoom == MAX_ZOOM
    assert theme.with_changes(zoom=1).zoom == MIN_ZOOM
    assert "border-radius: 26px" in double.stylesheet()
    assert "border: 1px solid" in double.stylesheet()


@pytest.mark.spec("X-06")
def test_theme_reduced_motion_allows_no_time_for_animations(theme: Theme, restored: QApplication) -> None:
    assert theme.motion == 150
    still = theme.with_changes(reduced_motion=True)
    assert still.motion == 0
    still.apply(restored)
    assert not restored.isEffectEnabled(Qt.UIEffect.UI_AnimateMenu)
    assert not restored.isEffectEnabled(Qt.UIEffect.UI_AnimateCombo)


@pytest.mark.spec("X-06")
def test_theme_applied_changes_open_widgets_at_once(theme: Theme, restored: QApplication) -> None:
    theme.apply(restored)
    button = QPushButton("Allow once")
    button.setProperty("kind", "primary")
    button.resize(120, 32)
    light = button.grab().toImage().pixelColor(60, 5)
    theme.with_changes(scheme=Scheme.DARK).apply(restored)
    dark = button.grab().toImage().pixelColor(60, 5)
    assert light == theme.color("accent")
    assert dark == theme.with_changes(scheme=Scheme.DARK).color("accent")


@pytest.mark.parametrize("scheme", list(Scheme))
def test_theme_style_sheet_is_filled_in_and_names_files_that_are_there(theme: Theme, scheme: Scheme) -> None:
    sheet = theme.with_changes(scheme=scheme).stylesheet()
    assert "@" not in sheet.split("*/", 1)[1]
    assert "%{" not in sheet
    files = set(re.findall(r'url\("([^"]+)"\)', sheet))
    assert len(files) == 4
    colors = {theme.with_changes(scheme=scheme).color(name).name().upper() for name in ("muted", "on_accent")}
    for file in files:
        with Path(file).open(encoding="utf-8") as opened:
            assert set(re.findall(r'stroke="(#[0-9A-Fa-f]{6})"', opened.read())) <= colors


def test_theme_fonts_have_tabular_figures_and_code_is_fixed(theme: Theme) -> None:
    assert theme.font().featureValue(QFont.Tag("tnum")) == 1
    assert theme.font(bold=True).weight() == QFont.Weight.DemiBold
    assert theme.font(italic=True).italic()
    assert theme.font("code").styleHint() == QFont.StyleHint.Monospace


def test_theme_color_with_alpha_is_read_alpha_last(theme: Theme) -> None:
    assert theme.color("shadow") == QColor(0x1D, 0x1C, 0x1A, 0x14)
    assert theme.dark is False
    assert theme.with_changes(scheme=Scheme.CONTRAST).dark


@pytest.mark.spec("X-06")
@pytest.mark.parametrize(
    ("wanted", "system", "scheme"),
    [
        ("light", Qt.ColorScheme.Dark, Scheme.LIGHT),
        ("dark", Qt.ColorScheme.Light, Scheme.DARK),
        ("contrast", Qt.ColorScheme.Light, Scheme.CONTRAST),
        ("system", Qt.ColorScheme.Dark, Scheme.DARK),
        ("system", Qt.ColorScheme.Light, Scheme.LIGHT),
        ("system", Qt.ColorScheme.Unknown, Scheme.LIGHT),
    ],
)
def test_scheme_for_setting_and_system(wanted: str, system: Qt.ColorScheme, scheme: Scheme) -> None:
    assert scheme_for(wanted, system) is scheme
