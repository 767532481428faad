"""Where the user writes: a field that grows, the model, the switch for thinking, and Send."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout

from portal_desktop.providers.base import Reasoning
from portal_desktop.ui.controls import FloatCard, PillButton, icon_button, named
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.shortcuts import with_keys

SHORTEST = 24
COUNT_FROM = 0.8
"""The share of the longest message from which the characters are counted in sight."""

_NEXT: dict[Reasoning, Reasoning] = {"auto": "on", "on": "off", "off": "auto"}


class ComposerField(QPlainTextEdit):
    """Plain text that grows with its lines. Enter submits, Shift+Enter breaks the line, ↑ in the empty field recalls.

    `ceiling` is the height beyond which it scrolls instead.
    """

    submitted = Signal()
    recalled = Signal()
    focus_moved = Signal()
    grown = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._ceiling = 200
        self.setProperty("kind", "bare")
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setPlaceholderText(tr("Write a message"))
        self.setAccessibleName(tr("Message"))
        self.setToolTip(with_keys(tr("Enter sends, Shift+Enter starts a new line"), "chat.focus_input"))
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(lambda _size: self._grow())
        look.changed.connect(self._draw)
        self._draw()

    def set_ceiling(self, height: int) -> None:
        """Set how high it may become."""
        self._ceiling = max(height, self._look.theme.px(SHORTEST))
        self._grow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Send, break the line, or recall the last message; everything else is editing."""
        enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if enter and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            self.submitted.emit()
        elif enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
        elif event.key() == Qt.Key.Key_Up and not self.toPlainText():
            self.recalled.emit()
        else:
            super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste text only, whatever else the clipboard holds."""
        if source.hasText():
            self.insertPlainText(source.text())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tell the card to show the ring."""
        super().focusInEvent(event)
        self.focus_moved.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tell the card to take the ring away."""
        super().focusOutEvent(event)
        self.focus_moved.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Other wrapping may need another height."""
        super().resizeEvent(event)
        self._grow()

    def _draw(self) -> None:
        self.setFont(self._look.theme.font("composer"))
        self._grow()

    def _grow(self) -> None:
        lines = max(1, int(self.document().size().height()))
        wanted = lines * self.fontMetrics().lineSpacing() + 4
        height = min(max(wanted, self._look.theme.px(SHORTEST)), self._ceiling)
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if wanted > height else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)
        if height != self.height() or height != self.minimumHeight():
            self.setFixedHeight(height)
            self.grown.emit()


class Composer(FloatCard):
    """The card at the bottom of the chat. It stays editable while an answer runs; then only Send waits."""

    submitted = Signal(str)
    recalled = Signal()
    edited = Signal(str)
    model_wanted = Signal()
    reasoning_changed = Signal(str)

    def __init__(self, look: Look) -> None:
        super().__init__(look, "composer", 8)
        self._longest = 10_000
        self._busy = False
        self._reasoning: Reasoning = "auto"
        self.field = ComposerField(look)
        self.field.submitted.connect(self._submit)
        self.field.recalled.connect(self.recalled)
        self.field.textChanged.connect(self._changed)
        self.field.focus_moved.connect(lambda: self.light(on=self.field.hasFocus()))
        self.model = PillButton(look, tr("Choose a model"), tr("Choose a model"), opens=True, command="chat.models")
        self.model.clicked.connect(lambda _checked=False: self.model_wanted.emit())
        self.thinking = PillButton(look, "", tr("Thinking"), icon="brain", command="chat.thinking")
        self.thinking.clicked.connect(lambda _checked=False: self.switch_thinking())
        self.thinking.hide()
        self._count = plain_label(role="muted")
        self._send = icon_button(
            look, "arrow-up", tr("Send"), self._submit, command="chat.send", kind="send", color="on_accent"
        )
        self._lay_out()
        self._show_thinking()
        self._changed()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.model)
        row.addWidget(self.thinking)
        row.addStretch(1)
        row.addWidget(self._count)
        row.addWidget(self._send)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 10, 10)
        column.setSpacing(12)
        column.addWidget(self.field)
        column.addLayout(row)
        row.setContentsMargins(-4, 0, 0, 0)

    @property
    def text(self) -> str:
        """What stands in the field."""
        return self.field.toPlainText()

    @property
    def can_send(self) -> bool:
        """Whether Send would do something."""
        return bool(self.text.strip()) and not self._busy and len(self.text) <= self._longest

    @property
    def reasoning(self) -> Reasoning:
        """The state of the switch; ``auto`` while it is not shown."""
        return self._reasoning if not self.thinking.isHidden() else "auto"

    def set_text(self, text: str) -> None:
        """Put a text into the field with the cursor at its end, as one step that can be undone."""
        cursor = self.field.textCursor()
        cursor.select(cursor.SelectionType.Document)
        cursor.insertText(text)
        self.field.setTextCursor(cursor)

    def lock(self, reason: str) -> None:
        """Take no more messages in this window; the reason stands where one would write."""
        self.setEnabled(False)
        self.field.setPlaceholderText(reason)

    def set_busy(self, *, busy: bool) -> None:
        """Say whether an answer runs in this chat."""
        self._busy = busy
        self._changed()

    def set_longest(self, characters: int) -> None:
        """Set how many characters a message may have."""
        self._longest = characters
        self._changed()

    def set_model(self, name: str, facts: str) -> None:
        """Show the chosen model; "" asks for a choice."""
        shown = name or tr("Choose a model")
        self.model.setText(self.model.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideMiddle, 220))
        spoken = tr("Model: {name}", name=name) if name else tr("Choose a model")
        named(self.model, f"{spoken}, {facts}" if facts else spoken, "chat.models")
        self.model.updateGeometry()

    def set_thinking(self, *, possible: bool, chosen: Reasoning) -> None:
        """Show the switch only for a model that can think."""
        self.thinking.setVisible(possible)
        self._reasoning = chosen
        self._show_thinking()

    def switch_thinking(self) -> None:
        """Go on from auto to on to off."""
        if not self.thinking.isHidden():
            self._reasoning = _NEXT[self._reasoning]
            self._show_thinking()
            self.reasoning_changed.emit(self._reasoning)

    def set_ceiling(self, height: int) -> None:
        """Set how high the field may become."""
        self.field.set_ceiling(height)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click beside the field means the field."""
        super().mousePressEvent(event)
        self.field.setFocus()

    def sizeHint(self) -> QSize:
        """Return the height the field needs."""
        return QSize(400, super().sizeHint().height())

    def _show_thinking(self) -> None:
        word = {"auto": tr("auto"), "on": tr("on"), "off": tr("off")}[self._reasoning]
        text = tr("Think: {state}", state=word)
        self.thinking.setText(text)
        named(self.thinking, text, "chat.thinking")

    def _changed(self) -> None:
        length = len(self.text)
        near = length >= self._longest * COUNT_FROM
        self._count.setText(tr("{length} of {limit}", length=f"{length:,}", limit=f"{self._longest:,}") if near else "")
        role = "bad" if length > self._longest else "muted"
        if self._count.property("role") != role:
            self._count.setProperty("role", role)
            self._count.style().polish(self._count)
        self._send.setEnabled(self.can_send)
        named(self._send, self._why_not() or tr("Send"), "" if self._why_not() else "chat.send")
        self.edited.emit(self.text)

    def _why_not(self) -> str:
        if self._busy:
            return tr("Send: wait for the answer or stop it first")
        if len(self.text) > self._longest:
            return tr("Send: the message is too long")
        return ""

    def _submit(self) -> None:
        if self.can_send:
            self.submitted.emit(self.text)
