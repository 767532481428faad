"""The to-do items of this user, read again whenever they changed, here or in another process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from portal_desktop.events import Bus, Subscription, TaskChanged, TasksChanged
from portal_desktop.tasks import Task, TaskBook, TaskQuery
from portal_desktop.ui.spawn import Spawn
from portal_desktop.ui.tasks.model import due_count

RELOAD_MS = 30
CLOCK_MS = 20_000
MOST = 5_000
MOST_COMPLETED = 50


class TasksFeed(QObject):
    """Shared by every view of the tasks. `due_changed` carries how many are due now; time alone changes it too."""

    changed = Signal()
    due_changed = Signal(int)

    def __init__(
        self,
        book: TaskBook,
        bus: Bus,
        spawn: Spawn,
        *,
        chat_title: Callable[[int], str] = lambda _id: "",
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._book = book
        self._spawn = spawn
        self._chat_title = chat_title
        self._tasks: tuple[Task, ...] = ()
        self._loaded = False
        self._due = 0
        self._reload_timer = QTimer(self)
        self._reload_timer.setSingleShot(True)
        self._reload_timer.setInterval(RELOAD_MS)
        self._reload_timer.timeout.connect(lambda: spawn.start(self.reload(), "read the tasks"))
        self._clock_timer = QTimer(self)
        self._clock_timer.setInterval(CLOCK_MS)
        self._clock_timer.timeout.connect(self.tell)
        self._subscriptions: list[Subscription[Any]] = [
            bus.subscribe(TaskChanged, self._happened),
            bus.subscribe(TasksChanged, self._happened),
        ]

    @property
    def loaded(self) -> bool:
        """Whether the list has been read at all."""
        return self._loaded

    @property
    def due(self) -> int:
        """How many are overdue or due today."""
        return self._due

    def now(self) -> datetime:
        """Return the local moment the list is grouped by."""
        return self._book.now()

    def tasks(self) -> Sequence[Task]:
        """Return all open items and the newest completed ones."""
        return self._tasks

    def chat_title(self, conversation_id: int) -> str:
        """Return the title of the chat a task came from."""
        return self._chat_title(conversation_id)

    async def reload(self) -> None:
        """Read the list now."""
        open_ones = await self._book.list(TaskQuery(status="pending", order="due", limit=MOST))
        done = await self._book.list(TaskQuery(status="completed", order="newest", limit=MOST_COMPLETED))
        self._tasks = (*open_ones.tasks, *done.tasks)
        self._loaded = True
        self._clock_timer.start()
        self.tell()

    def tell(self) -> None:
        """Group anew: the hour may have moved an item."""
        due = due_count(self._tasks, self.now())
        if due != self._due:
            self._due = due
            self.due_changed.emit(due)
        self.changed.emit()

    def close(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            subscription.close()
        self._reload_timer.stop()
        self._clock_timer.stop()

    def _happened(self, _event: object) -> None:
        if not self._reload_timer.isActive():
            self._reload_timer.start()
