"""The list model that becomes another list with the fewest signals."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester

from portal_desktop.ui.rows import Index, RowsModel

pytestmark = pytest.mark.gui


@dataclass(frozen=True)
class Item:
    name: int
    text: str = ""

    @property
    def key(self) -> int:
        return self.name


class Items(RowsModel[Item]):
    def __init__(self) -> None:
        super().__init__({Qt.ItemDataRole.DisplayRole: lambda item: item.text})

    def flags(self, index: Index) -> Qt.ItemFlag:
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren if index.isValid() else Qt.ItemFlag(0)


LISTS = st.lists(st.builds(Item, st.integers(0, 12), st.sampled_from(["a", "b"])), unique_by=lambda item: item.name)


@settings(max_examples=60, deadline=None)
@given(st.lists(LISTS, min_size=1, max_size=5))
def test_replace_any_lists_keeps_qt_model_rules_and_ends_as_asked(lists: list[list[Item]]) -> None:
    model = Items()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning, model)
    for rows in lists:
        model.replace(rows)
        assert list(model.lines()) == rows


def test_replace_changed_row_in_place_tells_only_that_row(app: object) -> None:
    model = Items()
    model.replace([Item(1, "a"), Item(2, "a"), Item(3, "a")])
    told: list[str] = []
    model.dataChanged.connect(lambda first, last, _roles: told.append(f"{first.row()}-{last.row()}"))
    model.rowsInserted.connect(lambda *_: told.append("inserted"))
    model.rowsRemoved.connect(lambda *_: told.append("removed"))
    model.replace([Item(1, "a"), Item(2, "b"), Item(3, "a")])
    assert told == ["1-1"]
