"""Colours, sizes and fonts of the whole interface, from one table (`resources/themes/tokens.json`).

Own palettes on Fusion, because `setColorScheme` is ignored on most platforms. A widget that paints itself asks a
`Theme`; all others get their look from the one style sheet, through dynamic properties: `role`, `chip`, `kind`,
`frame` and `state` (see `resources/themes/base.qss`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

from portal_desktop.paths import resources
from portal_desktop.ui.icons import Icons

MIN_ZOOM, MAX_ZOOM = 50, 200
MOTION_MILLISECONDS = 150


class Scheme(StrEnum):
    """A column of the table of colours."""

    LIGHT = "light"
    DARK = "dark"
    CONTRAST = "contrast"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The table as it stands in the file."""

    colors: Mapping[Scheme, Mapping[str, str]]
    radius: Mapping[str, float]
    size: Mapping[str, float]
    type: Mapping[str, float]
    sheet: str
    folder: Path


def load_tokens(folder: Path | None = None) -> Tokens:
    """Read the table and the style sheet that ship with the program."""
    folder = folder or resources() / "themes"
    table = json.loads((folder / "tokens.json").read_text("utf-8"))
    return Tokens(
        colors=MappingProxyType({scheme: MappingProxyType(table[scheme]) for scheme in Scheme}),
        radius=MappingProxyType(table["radius"]),
        size=MappingProxyType(table["size"]),
        type=MappingProxyType(table["type"]),
        sheet=(folder / "base.qss").read_text("utf-8"),
        folder=folder,
    )


@dataclass(frozen=True)
class Theme:
    """One look at one zoom. Immutable: a change of scheme, zoom or motion is a new theme, applied anew."""

    tokens: Tokens
    icons: Icons
    scheme: Scheme = Scheme.LIGHT
    zoom: int = 100
    reduced_motion: bool = False
    family: str = ""
    mono_family: str = ""
    _colors: dict[str, QColor] = field(default_factory=dict, repr=False, compare=False)

    def with_changes(
        self, *, scheme: Scheme | None = None, zoom: int | None = None, reduced_motion: bool | None = None
    ) -> Theme:
        """Return the theme with some of its three choices changed; zoom is kept within 50-200 %."""
        return replace(
            self,
            scheme=self.scheme if scheme is None else scheme,
            zoom=self.zoom if zoom is None else max(MIN_ZOOM, min(MAX_ZOOM, zoom)),
            reduced_motion=self.reduced_motion if reduced_motion is None else reduced_motion,
            _colors={},
        )

    @property
    def dark(self) -> bool:
        """Whether text is lighter than what it stands on."""
        return self.scheme is not Scheme.LIGHT

    @property
    def motion(self) -> int:
        """Milliseconds an animation may take; 0 means: create none."""
        return 0 if self.reduced_motion else MOTION_MILLISECONDS

    def color(self, name: str) -> QColor:
        """Return a colour of the table by its name."""
        if name not in self._colors:
            self._colors[name] = _color(self.tokens.colors[self.scheme][name])
        return self._colors[name]

    def px(self, length: float) -> int:
        """Return a length at this zoom, in device-independent pixels."""
        return int(length * self.zoom / 100 + 0.5)

    def size(self, name: str) -> int:
        """Return a size of the table at this zoom."""
        return self.px(self.tokens.size[name])

    def radius(self, name: str) -> float:
        """Return a corner radius of the table at this zoom."""
        return self.tokens.radius[name] * self.zoom / 100

    def font(self, role: str = "body", *, bold: bool = False, italic: bool = False) -> QFont:
        """Return the font of a role of the table; figures are tabular, `code` is the fixed family."""
        font = QFont(self.mono_family if role == "code" else self.family)
        font.setPixelSize(max(7, self.px(self.tokens.type[role])))
        if bold:
            font.setWeight(QFont.Weight.DemiBold)
        font.setItalic(italic)
        if role == "code":
            font.setStyleHint(QFont.StyleHint.Monospace)
        else:
            font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def icon(self, name: str, color: str = "muted") -> QIcon:
        """Return an icon tinted with a colour of the table; disabled it is faint, checked it is the accent."""
        return self.icons.icon(
            name, self.color(color), disabled=self.color("faint"), checked=self.color("accent"), size=self.px(18)
        )

    def pixmap(self, name: str, color: str = "muted", size: float = 18, ratio: float = 1.0) -> QPixmap:
        """Return a tinted icon for painting; `size` is before zoom."""
        return self.icons.pixmap(name, self.color(color), self.px(size), ratio)

    def palette(self) -> QPalette:
        """Return the colours for whatever the style sheet does not reach."""
        palette = QPalette()
        for role, name in _PALETTE.items():
            palette.setColor(role, self.color(name))
        for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, self.color("faint"))
        return palette

    def stylesheet(self) -> str:
        """Return the style sheet for the application, with this theme's colours and lengths."""
        suffix = self.scheme.value
        folder = self.tokens.folder.as_posix()
        marks = {"check": "check", "minus": "minus", "up": "up", "down": "down"}
        sheet = self.tokens.sheet
        for mark, name in marks.items():
            sheet = sheet.replace("%{" + mark + "}", f"{folder}/{name}-{suffix}.svg")
        sheet = re.sub(r"@([a-z_]+)", self._css_color, sheet)
        return re.sub(r"(-?\d+(?:\.\d+)?)px", self._css_length, sheet)

    def _css_color(self, match: re.Match[str]) -> str:
        return self.color(match[1]).name(QColor.NameFormat.HexArgb)

    def _css_length(self, match: re.Match[str]) -> str:
        length = float(match[1])
        return f"{match[1]}px" if 0 <= length <= 2 else f"{self.px(length) if length > 0 else -self.px(-length)}px"

    def apply(self, app: QApplication) -> None:
        """Give the running application this look; open windows change at once."""
        app.setStyle("Fusion")
        app.setPalette(self.palette())
        app.setFont(self.font())
        app.setStyleSheet(self.stylesheet())
        app.setEffectEnabled(Qt.UIEffect.UI_AnimateMenu, not self.reduced_motion)
        app.setEffectEnabled(Qt.UIEffect.UI_AnimateCombo, not self.reduced_motion)


def load_theme(
    scheme: Scheme = Scheme.LIGHT, *, zoom: int = 100, reduced_motion: bool = False, folder: Path | None = None
) -> Theme:
    """Read the tables and choose the fonts of this system; needs a QApplication."""
    root = folder or resources()
    theme = Theme(
        load_tokens(root / "themes"), Icons(root / "icons"), family=_interface_family(), mono_family=_fixed_family()
    )
    return theme.with_changes(scheme=scheme, zoom=zoom, reduced_motion=reduced_motion)


def scheme_for(wanted: str, system: Qt.ColorScheme) -> Scheme:
    """Return the scheme for the setting `appearance.theme`; a system that does not tell is light."""
    if wanted in Scheme.__members__.values():
        return Scheme(wanted)
    return Scheme.DARK if system == Qt.ColorScheme.Dark else Scheme.LIGHT


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast of two colours as WCAG 2 defines it, 1-21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: QColor) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (color.redF(), color.greenF(), color.blueF())
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _color(text: str) -> QColor:
    """Return a colour of ``#RRGGBB`` or ``#RRGGBBAA`` (Qt itself would read the alpha first)."""
    return QColor(text) if len(text) == 7 else QColor(f"#{text[7:9]}{text[1:7]}")


def _interface_family() -> str:
    """Return the system's interface font; a system that only says "Sans Serif" gets Inter when it is there."""
    system = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()
    if system in {"Sans Serif", "Sans", "DejaVu Sans", "Helvetica", ""} and "Inter" in QFontDatabase.families():
        return "Inter"
    return system


def _fixed_family() -> str:
    families = set(QFontDatabase.families())
    for family in ("JetBrains Mono", "SF Mono", "Cascadia Mono", "Noto Sans Mono", "DejaVu Sans Mono"):
        if family in families:
            return family
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()


_PALETTE: Mapping[QPalette.ColorRole, str] = MappingProxyType(
    {
        QPalette.ColorRole.Window: "bg",
        QPalette.ColorRole.WindowText: "text",
        QPalette.ColorRole.Base: "surface",
        QPalette.ColorRole.AlternateBase: "bg",
        QPalette.ColorRole.Text: "text",
        QPalette.ColorRole.Button: "surface",
        QPalette.ColorRole.ButtonText: "text",
        QPalette.ColorRole.BrightText: "bad",
        QPalette.ColorRole.Highlight: "selection",
        QPalette.ColorRole.HighlightedText: "on_selection",
        QPalette.ColorRole.Accent: "accent",
        QPalette.ColorRole.Link: "accent",
        QPalette.ColorRole.LinkVisited: "accent",
        QPalette.ColorRole.PlaceholderText: "muted",
        QPalette.ColorRole.ToolTipBase: "text",
        QPalette.ColorRole.ToolTipText: "bg",
        QPalette.ColorRole.Light: "surface",
        QPalette.ColorRole.Midlight: "line",
        QPalette.ColorRole.Mid: "line",
        QPalette.ColorRole.Dark: "faint",
        QPalette.ColorRole.Shadow: "line",
    }
)
