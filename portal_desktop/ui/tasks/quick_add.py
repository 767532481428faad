"""One line that becomes a task; what was understood stands below it before Enter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from portal_desktop.tasks import TaskDraft, parse_quick_add
from portal_desktop.ui.controls import FloatCard, named
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.tasks.chips import Chip, ChipKind
from portal_desktop.ui.tasks.wording import draft_chips


class QuickField(QLineEdit):
    """The line; Esc empties it, ↓ goes to the list."""

    focus_moved = Signal()
    down = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Empty, leave, or write."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif event.key() == Qt.Key.Key_Down:
            self.down.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tell the card."""
        super().focusInEvent(event)
        self.focus_moved.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tell the card."""
        super().focusOutEvent(event)
        self.focus_moved.emit()


class QuickAdd(QWidget):
    """Emits the draft on Enter. The text stays until `done` says that it was stored."""

    submitted = Signal(object)

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._look = look
        self._now = now
        self._draft = TaskDraft(title="")
        self.field = QuickField()
        self.field.setProperty("kind", "bare")
        self.field.setPlaceholderText(tr("Add a task: “pay rent tomorrow 9am #home !high every month”"))
        named(self.field, tr("Add a task"), "tasks.add")
        self.field.textChanged.connect(self._read)
        self.field.returnPressed.connect(self._submit)
        self._plus = QLabel()
        card = FloatCard(look, "card", 8)
        row = QHBoxLayout(card)
        row.setContentsMargins(16, 5, 14, 5)
        row.setSpacing(10)
        row.addWidget(self._plus)
        row.addWidget(self.field, 1)
        self.field.focus_moved.connect(lambda: card.light(on=self.field.hasFocus()))
        self._line = QWidget()
        self._chips = QHBoxLayout(self._line)
        self._chips.setContentsMargins(12, 2, 8, 0)
        self._chips.setSpacing(6)
        self._line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(card)
        column.addWidget(self._line)
        look.changed.connect(self._draw)
        self._draw()
        self._read()

    @property
    def understood(self) -> list[str]:
        """The texts of the chips, the title first."""
        return [label.text() for label in self._line.findChildren(QLabel) if label.property("chip")]

    def done(self) -> None:
        """Empty the line: the task is stored."""
        self.field.clear()

    def _read(self) -> None:
        text = self.field.text()
        now = self._now()
        self._draft = parse_quick_add(text, now)
        while (item := self._chips.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.setParent(None)
                widget.deleteLater()
        chips = draft_chips(self._draft, now.date()) if text.strip() else ()
        self._line.setVisible(bool(chips))
        if not chips:
            return
        self._chips.addWidget(plain_label(tr("understood:"), role="muted"))
        for chip in chips:
            self._chips.addWidget(_chip_label(chip))
        self._chips.addStretch(1)
        self._chips.addWidget(plain_label(tr("Enter to add") if self._draft.title else "", role="muted"))
        self.field.setAccessibleDescription(tr("understood: {what}", what=", ".join(chip.text for chip in chips)))

    def _submit(self) -> None:
        if self._draft.title:
            self.submitted.emit(self._draft)

    def _draw(self) -> None:
        self._plus.setPixmap(self._look.theme.pixmap("plus", "text", 18, self.devicePixelRatioF()))
        self.field.setFont(self._look.theme.font("body"))
        self.field.setMinimumHeight(self._look.theme.px(34))


def _chip_label(chip: Chip) -> QLabel:
    label = plain_label(chip.text)
    label.setProperty("chip", "warn" if chip.kind is ChipKind.PRIORITY and chip.target == "high" else "plain")
    label.setMaximumWidth(260)
    return label
