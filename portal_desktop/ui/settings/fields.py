"""One card per setting: its title, what it means, and the control that fits its kind."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QSpinBox, QVBoxLayout, QWidget

from portal_desktop.settings import Setting, Settings
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.settings.cards import FoldingCard
from portal_desktop.ui.settings.pages import choice_text
from portal_desktop.ui.spawn import Spawn


class CalmSpinBox(QSpinBox):
    """A number field that leaves the wheel to the page unless it has the focus."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change by the wheel only with the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class FieldCard(FoldingCard):
    """Shows the value in force and sets the user's; one that is fixed from outside says by what."""

    def __init__(self, setting: Setting[Any], settings: Settings, spawn: Spawn) -> None:
        super().__init__()
        self.setting = setting
        self._settings = settings
        self._spawn = spawn
        self._filling = False
        title = tr(setting.title)
        self.control = self._make()
        self.control.setAccessibleName(title)
        self.control.setAccessibleDescription(tr(setting.help))
        self.control.setToolTip(title)
        self._locked = plain_label(role="warn", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(plain_label(title, role="strong", wrap=True))
        words.addWidget(plain_label(tr(setting.help), role="muted", wrap=True))
        words.addWidget(self._locked)
        self.fill_row(words, self.control)
        self.fill()

    def fill(self) -> None:
        """Show the value in force."""
        value = self._settings.get(self.setting)
        self._filling = True
        if isinstance(self.control, QCheckBox):
            self.control.setChecked(bool(value))
        elif isinstance(self.control, QComboBox):
            self.control.setCurrentIndex(self.setting.choices.index(str(value)))
        elif isinstance(self.control, QSpinBox):
            self.control.setValue(int(value))
        self._filling = False
        reason = self._settings.locked(self.setting)
        self._locked.setText(tr("Cannot be changed here: {reason}.", reason=reason) if reason else "")
        self._locked.setVisible(bool(reason))
        self.control.setEnabled(not reason)

    def _make(self) -> QWidget:
        if self.setting.choices:
            combo = QComboBox()
            combo.addItems([choice_text(word) for word in self.setting.choices])
            combo.currentIndexChanged.connect(lambda place: self._set(self.setting.choices[place]))
            return combo
        if self.setting.minimum is not None and self.setting.maximum is not None:
            spin = CalmSpinBox()
            spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            spin.setRange(int(self.setting.minimum), int(self.setting.maximum))
            spin.setGroupSeparatorShown(True)
            spin.setKeyboardTracking(False)
            spin.setMinimumWidth(110)
            spin.valueChanged.connect(self._set)
            return spin
        box = QCheckBox()
        box.toggled.connect(self._set)
        return box

    def _set(self, value: object) -> None:
        if not self._filling:
            self._spawn.start(self._settings.set(self.setting, value), "change a setting")
