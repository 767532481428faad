"""A list model that turns one list of rows into the next with the fewest signals, so that selection and scroll stay."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

Index: TypeAlias = QModelIndex | QPersistentModelIndex


class Row(Protocol):
    """One line of a list. Two rows with the same key are the same line, perhaps changed; rows compare by value."""

    @property
    def key(self) -> Hashable:
        """What identifies the line over reloads."""
        ...


RowT = TypeVar("RowT", bound=Row)


class RowsModel(QAbstractListModel, Generic[RowT]):
    """Holds rows of frozen values. `properties` reads one role from a row; a subclass answers `flags`."""

    def __init__(self, properties: Mapping[int, Callable[[RowT], object]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._properties = properties
        self._rows: list[RowT] = []

    def line(self, row: int) -> RowT:
        """Return one row's value."""
        return self._rows[row]

    def lines(self) -> Sequence[RowT]:
        """Return all rows as they are now."""
        return tuple(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's signature
        """Return one property of a row."""
        read = self._properties.get(role)
        if read is None or not index.isValid() or index.row() >= len(self._rows):
            return None
        return read(self._rows[index.row()])

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature; an invalid index is a value
        """Return the number of lines; a line has no children."""
        return 0 if parent.isValid() else len(self._rows)

    def replace(self, rows: Sequence[RowT]) -> None:
        """Become this list. Lines that stay are changed in place; only the differing middle is removed and inserted."""
        old, new = self._rows, list(rows)
        head = 0
        while head < min(len(old), len(new)) and old[head].key == new[head].key:
            head += 1
        tail = 0
        while tail < min(len(old), len(new)) - head and old[-1 - tail].key == new[-1 - tail].key:
            tail += 1
        if removed := len(old) - head - tail:
            self.beginRemoveRows(QModelIndex(), head, head + removed - 1)
            del old[head : head + removed]
            self.endRemoveRows()
        if inserted := len(new) - head - tail:
            self.beginInsertRows(QModelIndex(), head, head + inserted - 1)
            old[head:head] = new[head : head + inserted]
            self.endInsertRows()
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            if before != after:
                old[place] = after
                self.dataChanged.emit(self.index(place), self.index(place))

    def row_of(self, key: Hashable) -> int:
        """Return the line with a key, or -1."""
        return next((place for place, row in enumerate(self._rows) if row.key == key), -1)
