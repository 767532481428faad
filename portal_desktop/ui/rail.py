"""The narrow column at the edge of the window: its pages, and what is always at hand."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from portal_desktop.ui.controls import icon_button, named
from portal_desktop.ui.i18n import plural, tr
from portal_desktop.ui.look import Look


class RailButton(QToolButton):
    """A page's button. A number at its corner says how much waits there."""

    def __init__(self, look: Look, icon: str, name: str, command: str) -> None:
        super().__init__()
        self._look = look
        self._name = name
        self._command = command
        self._icon = icon
        self._count = 0
        self.setProperty("kind", "rail")
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.toggled.connect(lambda _on: self._draw())
        look.changed.connect(self._draw)
        named(self, name, command)
        self._draw()

    @property
    def count(self) -> int:
        """The number shown; 0 shows none."""
        return self._count

    def set_count(self, count: int, spoken: str = "") -> None:
        """Show a number, `9+` beyond nine; `spoken` says what it counts."""
        self._count = count
        named(self, f"{self._name}, {spoken}" if count and spoken else self._name, self._command)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the button, then the number."""
        super().paintEvent(event)
        if not self._count:
            return
        theme = self._look.theme
        text = "9+" if self._count > 9 else str(self._count)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = theme.font("label", bold=True)
        font.setPixelSize(theme.px(10))
        painter.setFont(font)
        side = theme.px(15)
        width = max(side, painter.fontMetrics().horizontalAdvance(text) + theme.px(8))
        left = (
            theme.px(4)
            if self.layoutDirection() is Qt.LayoutDirection.RightToLeft
            else self.width() - width - theme.px(4)
        )
        box = QRectF(left, theme.px(5), width, side)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("accent"))
        painter.drawRoundedRect(box, side / 2, side / 2)
        painter.setPen(theme.color("on_accent"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _draw(self) -> None:
        self.setIcon(self._look.theme.icon(self._icon, "accent" if self.isChecked() else "muted"))
        side = self._look.theme.px(18)
        self.setIconSize(self.iconSize().scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio))


class Rail(QWidget):
    """Shows a button for each page there is, and nothing else."""

    chosen = Signal(str)
    local_only_wanted = Signal(bool)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(tr("Pages"))
        self._look = look
        self._pages: dict[str, RailButton] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 12, 0, 12)
        self._column.setSpacing(4)
        self._column.addStretch(1)
        self._lock = RailButton(look, "lock", tr("Local-only"), "window.local_only")
        self._lock.clicked.connect(self.local_only_wanted)
        self._lock.hide()
        self._column.addWidget(self._lock, 0, Qt.AlignmentFlag.AlignHCenter)
        self._settings = icon_button(
            look, "settings", tr("Settings"), command="window.settings", kind="rail", run=self._want_settings
        )
        self._settings.hide()
        self._open_settings: Callable[[], object] | None = None
        self._column.addWidget(self._settings, 0, Qt.AlignmentFlag.AlignHCenter)
        look.changed.connect(self._fit)
        self._fit()

    def add_page(self, name: str, icon: str, title: str, command: str) -> None:
        """Add a page's button below the others."""
        button = RailButton(self._look, icon, title, command)
        button.clicked.connect(lambda _checked=False: self.chosen.emit(name))
        self._column.insertWidget(len(self._pages), button, 0, Qt.AlignmentFlag.AlignHCenter)
        self._pages[name] = button

    def show_page(self, name: str) -> None:
        """Mark the page that is open."""
        for page, button in self._pages.items():
            button.setChecked(page == name)

    def set_due(self, count: int) -> None:
        """Show how many tasks are due on the tasks' button."""
        if button := self._pages.get("tasks"):
            button.set_count(count, plural("{count} task due", "{count} tasks due", count))

    def set_settings(self, run: Callable[[], object]) -> None:
        """Show the gear."""
        self._open_settings = run
        self._settings.show()

    def set_local_only(self, *, on: bool) -> None:
        """Show the lock in its true state."""
        self._lock.show()
        self._lock.setChecked(on)
        state = (
            tr("Local-only is on: nothing leaves this computer")
            if on
            else tr("Local-only is off: servers you added may be reached")
        )
        self._lock.setAccessibleName(state)
        self._lock.setToolTip(state)

    def _want_settings(self) -> None:
        if self._open_settings is not None:
            self._open_settings()

    def _fit(self) -> None:
        self.setFixedWidth(self._look.theme.size("rail"))
