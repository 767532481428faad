"""How a line of the sidebar is painted."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from portal_desktop.ui.chat.sidebar.model import Kind, Mark, Roles
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look

_DOTS = {Mark.UNREAD: "accent", Mark.RUNNING: "accent", Mark.WAITING: "warn"}


class LineDelegate(QStyledItemDelegate):
    """Headings in small faint capitals of weight, chats in one line, hits in two; the open chat is a card."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look

    def sizeHint(self, _option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return the height of a line by its kind."""
        theme = self._look.theme
        kind = index.data(Roles.KIND)
        if kind == Kind.HEADER.value:
            return QSize(100, theme.px(31))
        return QSize(100, theme.px(52) if kind == Kind.HIT.value else theme.size("row"))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw one line."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect)
        if index.data(Roles.KIND) == Kind.HEADER.value:
            self._heading(painter, box, str(index.data()))
        else:
            self._frame(painter, box, option, index)
            self._words(painter, box, index)
        painter.restore()

    def createEditor(
        self, parent: QWidget, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex
    ) -> QWidget:
        """Return the field in which a chat is renamed."""
        field = QLineEdit(parent)
        field.setAccessibleName(tr("Title of the chat"))
        return field

    def _heading(self, painter: QPainter, box: QRectF, text: str) -> None:
        theme = self._look.theme
        painter.setFont(theme.font("label", bold=True))
        painter.setPen(theme.color("muted"))
        room = box.adjusted(theme.px(10), 0, -theme.px(6), -theme.px(6))
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, text)

    def _frame(
        self, painter: QPainter, box: QRectF, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        theme = self._look.theme
        state = option.state
        focused = bool(state & QStyle.StateFlag.State_HasFocus) and bool(state & QStyle.StateFlag.State_Selected)
        current = bool(index.data(Roles.CURRENT))
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        if not (current or hovered or focused):
            return
        body = box.adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setBrush(
            theme.color("surface" if current else "hover") if current or hovered else Qt.BrushStyle.NoBrush
        )
        painter.setPen(theme.color("line") if current else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(body, theme.radius("control"), theme.radius("control"))
        if focused:
            pen = painter.pen()
            pen.setStyle(Qt.PenStyle.SolidLine)
            pen.setColor(theme.color("focus"))
            pen.setWidth(2)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), theme.radius("control"), theme.radius("control"))

    def _words(self, painter: QPainter, box: QRectF, index: QModelIndex | QPersistentModelIndex) -> None:
        theme = self._look.theme
        room = box.adjusted(theme.px(10), 0, -theme.px(10), 0)
        mark = Mark(index.data(Roles.MARK))
        if mark is not Mark.NONE:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color(_DOTS[mark]))
            radius = theme.px(7) / 2
            middle = QPointF(room.left() + radius, box.center().y())
            if mark is Mark.RUNNING:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                pen = painter.pen()
                pen.setStyle(Qt.PenStyle.SolidLine)
                pen.setColor(theme.color("accent"))
                pen.setWidthF(1.6)
                painter.setPen(pen)
                radius -= 0.8
            painter.drawEllipse(middle, radius, radius)
            room.setLeft(room.left() + theme.px(15))
        painter.setFont(theme.font("body"))
        painter.setPen(theme.color("text"))
        left = Qt.AlignmentFlag.AlignLeft
        snippet = str(index.data(Roles.SNIPPET) or "")
        upper = room if not snippet else room.adjusted(0, theme.px(7), 0, -room.height() / 2 + theme.px(2))
        title = painter.fontMetrics().elidedText(str(index.data()), Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(upper, left | Qt.AlignmentFlag.AlignVCenter, title)
        if snippet:
            painter.setFont(theme.font("small"))
            painter.setPen(theme.color("muted"))
            lower = room.adjusted(0, room.height() / 2, 0, -theme.px(6))
            words = painter.fontMetrics().elidedText(snippet, Qt.TextElideMode.ElideRight, int(room.width()))
            painter.drawText(lower, left | Qt.AlignmentFlag.AlignVCenter, words)

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Fill in the text colour for whoever asks Qt for it (screen readers, tests)."""
        super().initStyleOption(option, index)
        option.palette.setColor(QPalette.ColorRole.Text, self._look.color("text"))
