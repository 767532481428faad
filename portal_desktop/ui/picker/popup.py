"""The model picker: a small floating list with a search line. ↑ ↓ move, Enter chooses, Esc closes."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QPainter, QPainterPath, QRegion, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from portal_desktop.ui.controls import FloatCard, SearchField, push_button
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.picker.model import FoundModels, PickerModel, Roles, Search, model_lines

WIDTH = 420
TALLEST = 380


class ModelDelegate(QStyledItemDelegate):
    """A server as a small heading; a model with its facts below and a tick when it is the chosen one."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look

    def sizeHint(self, _option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return the height of a line by its kind."""
        if not index.data(Roles.MODEL):
            return QSize(100, self._look.theme.px(28))
        return QSize(100, self._look.theme.px(46 if index.data(Roles.FACTS) else 34))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw one line."""
        theme = self._look.theme
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect)
        room = box.adjusted(theme.px(10), 0, -theme.px(10), 0)
        left = Qt.AlignmentFlag.AlignLeft
        if not index.data(Roles.MODEL):
            painter.setFont(theme.font("label", bold=True))
            painter.setPen(theme.color("muted"))
            painter.drawText(room.adjusted(0, 0, 0, -theme.px(4)), left | Qt.AlignmentFlag.AlignBottom, index.data())
            painter.restore()
            return
        if option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.setPen(Qt.PenStyle.NoPen)
            selected = bool(option.state & QStyle.StateFlag.State_Selected)
            painter.setBrush(theme.color("accent_soft" if selected else "hover"))
            painter.drawRoundedRect(box, theme.radius("control"), theme.radius("control"))
        if index.data(Roles.CHOSEN):
            tick = theme.pixmap("check", "accent", 16, painter.device().devicePixelRatio())
            painter.drawPixmap(QPoint(int(room.right() - theme.px(16)), int(box.center().y() - theme.px(8))), tick)
        words = room.adjusted(0, 0, -theme.px(22), 0)
        facts = str(index.data(Roles.FACTS) or "")
        upper = words.adjusted(0, theme.px(5), 0, -words.height() / 2) if facts else words
        painter.setFont(theme.font("body"))
        painter.setPen(theme.color("muted" if index.data(Roles.STALE) else "text"))
        title = painter.fontMetrics().elidedText(str(index.data()), Qt.TextElideMode.ElideMiddle, int(words.width()))
        painter.drawText(upper, left | Qt.AlignmentFlag.AlignVCenter, title)
        painter.setFont(theme.font("small"))
        painter.setPen(theme.color("muted"))
        lower = words.adjusted(0, words.height() / 2, 0, -theme.px(4))
        shown = painter.fontMetrics().elidedText(facts, Qt.TextElideMode.ElideRight, int(words.width()))
        painter.drawText(lower, left | Qt.AlignmentFlag.AlignVCenter, shown)
        painter.restore()


class _Field(SearchField):
    """Hands the keys that move in the list over to it."""

    def __init__(self, look: Look, view: QListView) -> None:
        super().__init__(look, tr("Find a model"), tr("Find a model"))
        self._view = view

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move or choose in the list; write everything else."""
        if event.key() in {Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp}:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 6, Qt.Key.Key_PageUp: -6}[
                Qt.Key(event.key())
            ]
            move_choice(self._view, step)
        else:
            super().keyPressEvent(event)


def move_choice(view: QListView, step: int) -> None:
    """Move the selection over lines that can be chosen."""
    model = view.model()
    rows = [row for row in range(model.rowCount()) if model.index(row, 0).data(Roles.MODEL)]
    if not rows:
        return
    here = view.currentIndex().row()
    place = rows.index(here) + step if here in rows else 0
    view.setCurrentIndex(model.index(rows[max(0, min(len(rows) - 1, place))], 0))


class ModelPicker(QFrame):
    """Opens above a button and follows what is found while it is open."""

    chosen = Signal(str)
    add_wanted = Signal()

    def __init__(self, look: Look, found: FoundModels, parent: QWidget, *, can_add: bool = False) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAccessibleName(tr("Choose a model"))
        self._look = look
        self._found = found
        self._current = ""
        self.model = PickerModel(self)
        self.view = QListView()
        self.view.setModel(self.model)
        self.view.setItemDelegate(ModelDelegate(look, self.view))
        self.view.setAccessibleName(tr("Models"))
        self.view.setMouseTracking(True)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.clicked.connect(self._choose)
        self.field = _Field(look, self.view)
        self.field.textChanged.connect(lambda _text: self._show())
        self.field.returnPressed.connect(lambda: self._choose(self.view.currentIndex()))
        self.field.left.connect(self.close)
        self._state = plain_label(role="muted", wrap=True)
        self._again = push_button(tr("Try again"), found.look_again, kind="chip")
        self._add = push_button(tr("Add a server"), self._want_add, kind="chip")
        if not can_add:
            self._add.hide()
        self._lay_out(look)
        found.changed.connect(self._show)

    def _lay_out(self, look: Look) -> None:
        card = FloatCard(look, "card", 0)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(8, 8, 8, 8)
        inside.setSpacing(6)
        inside.addWidget(self.field)
        inside.addWidget(self.view, 1)
        inside.addWidget(self._state)
        inside.addWidget(self._again, 0, Qt.AlignmentFlag.AlignLeft)
        inside.addWidget(self._add, 0, Qt.AlignmentFlag.AlignLeft)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(card)

    def open_above(self, anchor: QWidget, current: str) -> None:
        """Show it above a button, or below where there is no room above."""
        self._current = current
        self.field.clear()
        self._show()
        corner = anchor.mapToGlobal(QPoint(0, -6))
        area = anchor.screen().availableGeometry()
        y = corner.y() - self.height()
        if y < area.top():
            y = corner.y() + anchor.height()
        x = min(max(area.left(), corner.x()), area.right() - self.width())
        self.move(x, min(y, area.bottom() - self.height()))
        self.show()
        self.field.setFocus()
        self._found.look_again()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the corners round. A translucent window would need a compositor, which not every desktop runs."""
        super().resizeEvent(event)
        radius = self._look.theme.radius("card")
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(self.rect()), radius, radius)
        self.setMask(QRegion(shape.toFillPolygon().toPolygon()))

    def hideEvent(self, event: QHideEvent) -> None:
        """Give the keyboard back to the window; not every window system does so by itself."""
        super().hideEvent(event)
        if (parent := self.parentWidget()) is not None and parent.isVisible():
            parent.activateWindow()

    def _show(self) -> None:
        lines = model_lines(self._found.listings(), self._found.endpoints(), self._current, self.field.text())
        self.model.replace(lines)
        row = next((place for place, line in enumerate(lines) if line.chosen), -1)
        self.view.setCurrentIndex(self.model.index(row) if row >= 0 else QModelIndex())
        if row < 0:
            move_choice(self.view, 0)
        self.view.setVisible(bool(lines))
        self._state.setText(self._words(empty=not lines))
        self._state.setVisible(bool(self._state.text()))
        self._again.setVisible(not lines and self._found.state is Search.NONE)
        theme = self._look.theme
        wanted = (
            sum(self.view.sizeHintForRow(row) for row in range(len(lines)))
            + theme.px(78 if lines else 150)
            + (theme.px(30) if not self._add.isHidden() else 0)
        )
        self.resize(theme.px(WIDTH), min(theme.px(TALLEST), wanted))

    def _words(self, *, empty: bool) -> str:
        if not empty:
            return ""
        if self.field.text():
            return tr("No model has these words in its name.")
        if self._found.state is Search.LOOKING:
            return tr("Looking for models on this computer…")
        return tr("No models found on this computer. Start Ollama, LM Studio or another local server.")

    def _choose(self, index: QModelIndex) -> None:
        if index.isValid() and (model := index.data(Roles.MODEL)):
            self.close()
            self.chosen.emit(str(model))

    def _want_add(self) -> None:
        self.close()
        self.add_wanted.emit()
