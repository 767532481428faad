"""The settings: a list of pages at the left, cards at the right."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from portal_desktop.settings import Settings
from portal_desktop.ui.controls import named
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.settings.fields import FieldCard
from portal_desktop.ui.settings.pages import Page, pages
from portal_desktop.ui.settings.servers import Servers
from portal_desktop.ui.spawn import Spawn

LIST_WIDTH = 216
SLIM_WIDTH = 164
NARROW = 720


class SettingsPanel(QWidget):
    """Every field shows the value in force and follows it, whoever changes it."""

    def __init__(self, look: Look, settings: Settings, servers: Servers, spawn: Spawn) -> None:
        super().__init__()
        self.setAccessibleName(tr("Settings"))
        self._look = look
        self._settings = settings
        self._spawn = spawn
        self._built: dict[str, QWidget] = {}
        self.servers = servers
        self.fields: dict[str, FieldCard] = {}
        self._buttons: dict[str, QPushButton] = {}
        self._stack = QStackedWidget()
        side = QWidget()
        side.setObjectName("sidebar")
        side.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._side = side
        self._columns: list[QVBoxLayout] = []
        self._list = QVBoxLayout(side)
        self._list.setSpacing(2)
        self._pages = {page.id: page for page in pages()}
        for page in self._pages.values():
            self._add(page)
        self._list.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(side)
        row.addWidget(self._stack, 1)
        self._unsubscribe = settings.subscribe(lambda setting: self._follow(setting.id))
        self.show_page("models")

    def show_page(self, name: str) -> None:
        """Open one page."""
        for page, button in self._buttons.items():
            button.setChecked(page == name)
        if name not in self._built:
            self._built[name] = self._build(self._pages[name])
            self._stack.addWidget(self._built[name])
        self._stack.setCurrentWidget(self._built[name])

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give list and margins less where there is little."""
        super().resizeEvent(event)
        self._arrange()

    def leave(self) -> None:
        """Stop following the settings: the window is closed."""
        self._unsubscribe()

    def _add(self, page: Page) -> None:
        button = QPushButton(page.title)
        button.setProperty("kind", "row")
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        named(button, page.title)
        button.clicked.connect(lambda _checked=False: self.show_page(page.id))
        self._buttons[page.id] = button
        self._list.addWidget(button)

    def _build(self, page: Page) -> QWidget:
        """Make a page when it is first opened."""
        body = QWidget()
        column = QVBoxLayout(body)
        self._columns.append(column)
        self._arrange()
        column.setSpacing(10)
        column.addWidget(plain_label(page.title, role="page_title"))
        column.addWidget(plain_label(page.sentence, role="muted", wrap=True))
        column.addSpacing(8)
        if page.id == "models":
            column.addWidget(self.servers)
            column.addSpacing(8)
        for setting in page.fields:
            card = FieldCard(setting, self._settings, self._spawn)
            self.fields[setting.id] = card
            column.addWidget(card)
        column.addStretch(1)
        body.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        area = QScrollArea()
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidgetResizable(True)
        area.setAccessibleName(page.title)
        area.setWidget(body)
        return area

    def _arrange(self) -> None:
        theme = self._look.theme
        narrow = self.width() < theme.px(NARROW)
        self._side.setFixedWidth(theme.px(SLIM_WIDTH if narrow else LIST_WIDTH))
        beside = 6 if narrow else 12
        self._list.setContentsMargins(beside, 16, beside, 12)
        for column in self._columns:
            beside = 16 if narrow else 40
            column.setContentsMargins(beside, 28, beside, 28)

    def _follow(self, setting_id: str) -> None:
        if setting_id in self.fields:
            self.fields[setting_id].fill()
        elif setting_id == "models.endpoints":
            self.servers.fill()
