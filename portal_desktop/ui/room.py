"""Where something may float over a page: never over a field in which one writes."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

AIR = 14
"""Pixels kept free above and below a field: the frame around it."""


def free_place(page: QWidget, card: QWidget, size: QSize, top: int) -> QPoint:
    """Return the highest place from `top` on, in the middle, that covers no field; `top` where there is none."""
    place = QRect(QPoint(max(0, (page.width() - size.width()) // 2), top), size)
    for field in sorted(_fields(page, card), key=QRect.top):
        if field.adjusted(0, -AIR, 0, AIR).intersects(place):
            place.moveTop(field.bottom() + AIR)
    if place.bottom() > page.height():
        place.moveTop(top)
    return place.topLeft()


def _fields(page: QWidget, card: QWidget) -> list[QRect]:
    fields: list[QLineEdit | QPlainTextEdit] = [*page.findChildren(QLineEdit), *page.findChildren(QPlainTextEdit)]
    return [
        QRect(field.mapTo(page, QPoint()), field.size())
        for field in fields
        if field.isVisible() and not field.isReadOnly() and not card.isAncestorOf(field)
    ]
