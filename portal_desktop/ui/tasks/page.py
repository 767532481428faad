"""The tasks: quick-add on top, groups by day below. In the main window and in a window of its own."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QListView,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from portal_desktop.tasks import Task, TaskBook, TaskDraft
from portal_desktop.ui.column import NARROW, Column
from portal_desktop.ui.controls import (
    EmptyState,
    PillButton,
    SearchField,
    Toast,
    icon_button,
    named,
    push_button,
    styled_menu,
)
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.places import Places
from portal_desktop.ui.shortcuts import bind
from portal_desktop.ui.spawn import Spawn
from portal_desktop.ui.tasks.chips import Chip, ChipKind
from portal_desktop.ui.tasks.feed import TasksFeed
from portal_desktop.ui.tasks.lines import TaskDelegate
from portal_desktop.ui.tasks.model import Order, TasksModel, order_title, task_lines
from portal_desktop.ui.tasks.quick_add import QuickAdd

COLUMN = 860
ORDER = "tasks/order"


class TaskList(QListView):
    """A column in the middle, the scroll bar at the edge. Space ticks, F2 or Enter renames, Delete deletes."""

    def __init__(self, look: Look, model: TasksModel) -> None:
        super().__init__()
        self._look = look
        self._tasks = model
        self.setModel(model)
        self.setAccessibleName(tr("Tasks"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        look.changed.connect(self._fit)

    def current_task(self) -> Task | None:
        """Return the item the keyboard is on."""
        index = self.currentIndex()
        return self._tasks.line(index.row()).task if index.isValid() else None

    def go_first(self) -> None:
        """Put the keyboard on the item it was on, else on the first."""
        if self.current_task() is None:
            row = next((row for row, line in enumerate(self._tasks.lines()) if line.task is not None), -1)
            if row >= 0:
                self.setCurrentIndex(self._tasks.index(row))
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Rename on Enter; letters do not jump in the list."""
        editing = self.state() == QAbstractItemView.State.EditingState
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self.current_task() is not None and not editing:
            self.edit(self.currentIndex())
        elif event.text().isprintable() and event.text().strip():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the column in the middle."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        theme = self._look.theme
        least = 8 if self.width() < theme.px(NARROW) else 20
        side = max(least, (self.width() - theme.px(COLUMN)) // 2)
        if self.viewportMargins().left() != side:
            self.setViewportMargins(side, 0, side, 0)
            self.scheduleDelayedItemsLayout()


class TasksPage(QWidget):
    """All of it goes through the book; the list changes when the book says so."""

    chat_wanted = Signal(int)
    own_window_wanted = Signal()

    def __init__(
        self,
        look: Look,
        *,
        book: TaskBook,
        feed: TasksFeed,
        places: Places,
        spawn: Spawn,
        toast: Toast,
        own_window: bool = True,
    ) -> None:
        super().__init__()
        self.setAccessibleName(tr("Tasks"))
        self._look = look
        self._book = book
        self._feed = feed
        self._places = places
        self._spawn = spawn
        self._toast = toast
        kept = places.text(ORDER, Order.DUE)
        self._order = Order(kept) if kept in set(Order) else Order.DUE
        self.model = TasksModel(self._rename, self._tick, self)
        self.quick = QuickAdd(look, feed.now)
        self.list = TaskList(look, self.model)
        self._delegate = TaskDelegate(look, self.model, self.list)
        self.list.setItemDelegate(self._delegate)
        self.filter = SearchField(look, tr("Filter"), tr("Filter tasks"), "tasks.filter")
        self.sort = PillButton(look, "", tr("Sort tasks"), opens=True, command="tasks.sort")
        self._lay_out(own_window=own_window)
        self._connect()
        self._bind()
        self._show()

    def _lay_out(self, *, own_window: bool) -> None:
        self._header = QWidget()
        self._header.setObjectName("header")
        self._header.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(self._header)
        row.setContentsMargins(20, 0, 20, 0)
        row.setSpacing(10)
        row.addWidget(plain_label(tr("Tasks"), role="title"))
        row.addStretch(1)
        self.filter.setMaximumWidth(190)
        row.addWidget(self.filter)
        row.addWidget(self.sort)
        if own_window:
            opener = icon_button(
                self._look, "open-window", tr("Open in own window"), self.own_window_wanted.emit, kind="outlined"
            )
            row.addWidget(opener)
        top = Column(self._look, COLUMN, overhang=8)
        top.column.setContentsMargins(0, 18, 0, 0)
        top.column.addWidget(self.quick)
        bar = self.list.verticalScrollBar()
        bar.rangeChanged.connect(lambda least, most: top.set_trailing(bar.sizeHint().width() if most > least else 0))
        self._empty = EmptyState(
            self._look,
            "tasks",
            tr("Nothing to do"),
            tr("Tasks you add here, or ask a model to add, are listed by day. Write one above and press Enter."),
            [push_button(tr("Add a task"), self.add, command="tasks.add", kind="primary")],
        )
        self._no_hits = EmptyState(
            self._look,
            "search",
            tr("No task has these words"),
            tr("The filter looks at titles, descriptions and #tags."),
            [push_button(tr("Show all tasks"), self.filter.clear)],
        )
        self.stack = QStackedWidget()
        for widget in (self.list, self._empty, self._no_hits):
            self.stack.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._header)
        column.addWidget(top)
        column.addWidget(self.stack, 1)
        self._look.changed.connect(self._fit)
        self._fit()

    def _connect(self) -> None:
        self._feed.changed.connect(self._show)
        self.quick.submitted.connect(lambda draft: self._start(self._add(draft)))
        self.quick.field.down.connect(self.list.go_first)
        self.filter.textChanged.connect(lambda _text: self._show())
        self.filter.left.connect(self.add)
        self.filter.down.connect(self.list.go_first)
        self.sort.clicked.connect(lambda _checked=False: self.open_sorting())
        self._delegate.chip_clicked.connect(self._chip_clicked)
        self.list.customContextMenuRequested.connect(self._menu)

    def _bind(self) -> None:
        bind(self, "tasks.add", self.add)
        bind(self, "tasks.filter", self._to_filter)
        bind(self, "tasks.sort", self.open_sorting)
        bind(self.list, "tasks.undo", self.undo, inside=True)
        bind(self.list, "tasks.delete", self.delete_current, inside=True)

    def add(self) -> None:
        """Go to the quick-add line."""
        self.quick.field.setFocus()
        self.quick.field.selectAll()

    def undo(self) -> None:
        """Take the last change back."""
        self._start(self._undo())

    def delete_current(self) -> None:
        """Delete the item the keyboard is on."""
        if (task := self.list.current_task()) is not None:
            self._start(self._delete(task))

    def open_sorting(self) -> None:
        """Open the choice of orders below its button."""
        menu = styled_menu(self, tr("Sort tasks"))
        for order in Order:
            action = menu.addAction(tr("Sort: {order}", order=order_title(order)))
            action.triggered.connect(partial(self._sort, order))
            action.setCheckable(True)
            action.setChecked(order is self._order)
        menu.popup(self.sort.mapToGlobal(QPoint(0, self.sort.height() + 4)))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Hand the focus on to the quick-add line."""
        super().focusInEvent(event)
        self.quick.field.setFocus()

    def _start(self, coroutine: Coroutine[Any, Any, object]) -> None:
        self._spawn.start(coroutine, "change a task")

    async def _add(self, draft: TaskDraft) -> None:
        await self._book.add(draft)
        self.quick.done()

    async def _delete(self, task: Task) -> None:
        await self._book.delete(task.id)
        self._toast.say(
            tr("Deleted “{title}”", title=task.title), tr("Undo"), lambda: self._start(self._book.restore(task.id))
        )

    async def _undo(self) -> None:
        result = await self._book.undo()
        self._toast.say(tr("Nothing to undo") if result is None else tr("Undone"))

    def _rename(self, task: Task, title: str) -> None:
        self._start(self._book.update(task.id, {"title": title}))

    def _tick(self, task: Task, done: bool) -> None:
        self._start(self._complete(task) if done else self._book.reopen(task.id))

    async def _complete(self, task: Task) -> None:
        await self._book.complete(task.id)
        self._toast.say(tr("Done: “{title}”", title=task.title), tr("Undo"), self.undo)

    def _sort(self, order: Order, _checked: bool = False) -> None:
        self._order = order
        self._places.set_text(ORDER, order.value)
        self._show()

    def _to_filter(self) -> None:
        self.filter.setFocus()
        self.filter.selectAll()

    def _chip_clicked(self, chip: Chip) -> None:
        if chip.kind is ChipKind.TAG:
            self.filter.setText(f"#{chip.target}")
        elif chip.kind is ChipKind.CHAT and chip.target.isdigit():
            self.chat_wanted.emit(int(chip.target))

    def _menu(self, place: QPoint) -> None:
        index = self.list.indexAt(place)
        task = self.model.line(index.row()).task if index.isValid() else None
        if task is None:
            return
        menu = styled_menu(self, task.title)
        menu.addAction(tr("Not done") if task.completed else tr("Done"), lambda: self._tick(task, not task.completed))
        menu.addAction(tr("Rename"), lambda: self._edit(index))
        if task.conversation_id is not None:
            chat = task.conversation_id
            menu.addAction(tr("Open its chat"), lambda: self.chat_wanted.emit(chat))
        menu.addSeparator()
        menu.addAction(tr("Delete"), lambda: self._start(self._delete(task)))
        menu.popup(self.list.viewport().mapToGlobal(place))

    def _edit(self, index: QModelIndex) -> None:
        self.list.setCurrentIndex(index)
        self.list.edit(index)

    def _show(self) -> None:
        words = self.filter.text()
        lines = task_lines(
            self._feed.tasks(), now=self._feed.now(), order=self._order, words=words, chat_title=self._feed.chat_title
        )
        here = self.list.current_task()
        self.model.replace(lines)
        if here is not None and (row := self.model.row_of(("task", here.id))) >= 0:
            self.list.setCurrentIndex(self.model.index(row))
        text = tr("Sort: {order}", order=order_title(self._order))
        self.sort.setText(text)
        named(self.sort, text, "tasks.sort")
        empty = self._no_hits if words.strip() else self._empty
        self.stack.setCurrentWidget(self.list if lines or not self._feed.loaded else empty)

    def _fit(self) -> None:
        self._header.setFixedHeight(self._look.theme.size("header"))
