"""How a line of the tasks is painted, and where on it a click means what."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.tasks.chips import Chip
from portal_desktop.ui.tasks.model import Line, Section, TasksModel, section_title

Where = QModelIndex | QPersistentModelIndex

CIRCLE = 18
TITLE_LEFT = 36
LEAST_TITLE = 150


class TaskDelegate(QStyledItemDelegate):
    """Headings with their number; items with a circle, a title and the chips that have room."""

    chip_clicked = Signal(object)

    def __init__(self, look: Look, model: TasksModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self._model = model

    def sizeHint(self, _option: QStyleOptionViewItem, index: Where) -> QSize:
        """Return the height of a heading or an item."""
        theme = self._look.theme
        if self._model.line(index.row()).task is None:
            return QSize(200, theme.px(40))
        return QSize(200, theme.size("task_row"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Where) -> None:
        """Draw one line."""
        line = self._model.line(index.row())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect)
        if line.task is None:
            self._heading(painter, box, line)
        else:
            self._item(painter, box, option, line)
        painter.restore()

    def createEditor(self, parent: QWidget, _option: QStyleOptionViewItem, _index: Where) -> QWidget:
        """Return the field in which a task is renamed."""
        field = QLineEdit(parent)
        field.setAccessibleName(tr("Title of the task"))
        field.setMaxLength(200)
        return field

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, _index: Where) -> None:
        """Put the field where the title stands."""
        theme = self._look.theme
        editor.setGeometry(option.rect.adjusted(theme.px(TITLE_LEFT - 11), 4, -theme.px(4), -5))

    def editorEvent(self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: Where) -> bool:
        """Tick by a click on the circle or by Space; tell of a click on a chip."""
        line = self._model.line(index.row())
        if line.task is None:
            return False
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Space:
            return self._toggle(model, index, line)
        if not isinstance(event, QMouseEvent) or event.button() != Qt.MouseButton.LeftButton:
            return False
        box = QRectF(option.rect)
        on_circle = event.position().x() < box.left() + self._look.theme.px(TITLE_LEFT - 6)
        if event.type() == QEvent.Type.MouseButtonRelease:
            if on_circle:
                return self._toggle(model, index, line)
            for chip, place in self.chip_places(line, box):
                if place.contains(event.position()):
                    self.chip_clicked.emit(chip)
                    return True
        return on_circle and event.type() == QEvent.Type.MouseButtonDblClick

    def chip_places(self, line: Line, box: QRectF) -> list[tuple[Chip, QRectF]]:
        """Return the chips that have room beside the title, with their places, from the left."""
        theme = self._look.theme
        metrics = QFontMetricsF(theme.font("small"))
        height, gap, padding = theme.size("chip"), theme.px(6), theme.px(10)
        right = box.right() - theme.px(6)
        room = box.width() - theme.px(TITLE_LEFT + LEAST_TITLE)
        kept: list[tuple[Chip, float]] = []
        for chip in line.chips:
            width = metrics.horizontalAdvance(chip.text) + (2 * padding if chip.framed else 0)
            width = min(width, theme.px(240))
            if room < width:
                break
            kept.append((chip, width))
            room -= width + gap
        places: list[tuple[Chip, QRectF]] = []
        for chip, width in reversed(kept):
            places.append((chip, QRectF(right - width, box.center().y() - height / 2 - 1, width, height)))
            right -= width + gap
        places.reverse()
        return places

    def _toggle(self, model: QAbstractItemModel, index: Where, line: Line) -> bool:
        done = line.task is not None and line.task.completed
        wanted = Qt.CheckState.Unchecked if done else Qt.CheckState.Checked
        return model.setData(index, wanted, Qt.ItemDataRole.CheckStateRole)

    def _heading(self, painter: QPainter, box: QRectF, line: Line) -> None:
        theme = self._look.theme
        font = theme.font("code", bold=True)
        font.setFamily(theme.family)
        painter.setFont(font)
        painter.setPen(theme.color("bad" if line.section is Section.OVERDUE else "text"))
        room = box.adjusted(theme.px(2), 0, 0, -theme.px(9))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom
        title = section_title(line.section)
        painter.drawText(room, flags, title)
        room.setLeft(room.left() + painter.fontMetrics().horizontalAdvance(title) + theme.px(8))
        font.setWeight(font.Weight.Normal)
        painter.setFont(font)
        painter.setPen(theme.color("muted"))
        painter.drawText(room, flags, line.count)

    def _item(self, painter: QPainter, box: QRectF, option: QStyleOptionViewItem, line: Line) -> None:
        theme = self._look.theme
        task = line.task
        assert task is not None
        state = option.state
        if state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("hover"))
            painter.drawRoundedRect(box.adjusted(0, 1, 0, -2), theme.radius("control"), theme.radius("control"))
        painter.setPen(theme.color("line"))
        painter.drawLine(QPointF(box.left(), box.bottom() - 0.5), QPointF(box.right(), box.bottom() - 0.5))
        if state & QStyle.StateFlag.State_Selected and state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.color("focus"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 2, -1, -3), theme.radius("control"), theme.radius("control"))
        self._circle(painter, box, line)
        places = self.chip_places(line, box)
        for chip, place in places:
            self._chip(painter, chip, place)
        end = places[0][1].left() if places else box.right() - theme.px(6)
        font = theme.font("body")
        font.setStrikeOut(task.completed)
        painter.setFont(font)
        painter.setPen(theme.color("muted" if task.completed else "text"))
        words = QRectF(box.left() + theme.px(TITLE_LEFT), box.top(), 0, box.height() - 1)
        words.setRight(end - theme.px(10))
        title = painter.fontMetrics().elidedText(task.title, Qt.TextElideMode.ElideRight, int(words.width()))
        painter.drawText(words, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)

    def _circle(self, painter: QPainter, box: QRectF, line: Line) -> None:
        theme = self._look.theme
        side = theme.px(CIRCLE)
        circle = QRectF(box.left() + theme.px(6), box.center().y() - side / 2 - 1, side, side)
        if line.task is not None and line.task.completed:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent"))
            painter.drawEllipse(circle)
            tick = theme.pixmap("check", "on_accent", 12, painter.device().devicePixelRatio())
            middle = circle.center() - QPointF(theme.px(6), theme.px(6))
            painter.drawPixmap(middle, tick)
            return
        painter.setPen(QPen(theme.color("bad" if line.section is Section.OVERDUE else "muted"), 1.2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(circle.adjusted(0.6, 0.6, -0.6, -0.6))

    def _chip(self, painter: QPainter, chip: Chip, place: QRectF) -> None:
        theme = self._look.theme
        ground, border, text = chip.colors
        if chip.framed:
            painter.setPen(theme.color(border))
            painter.setBrush(theme.color(ground))
            painter.drawRoundedRect(place.adjusted(0.5, 0.5, -0.5, -0.5), theme.radius("chip"), theme.radius("chip"))
        painter.setFont(theme.font("small"))
        painter.setPen(theme.color(text))
        room = int(place.width() - theme.px(16)) if chip.framed else int(place.width()) + 2
        words = painter.fontMetrics().elidedText(chip.text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, words)
