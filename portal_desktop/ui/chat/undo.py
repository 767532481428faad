"""Which calls of the shown answers can still be undone. It is looked up again whenever a task changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from portal_desktop.chat.changes import TurnChanges
from portal_desktop.events import Bus, Subscription, TaskChanged, TasksChanged
from portal_desktop.messages import Part, ToolReturn
from portal_desktop.tasks import Task
from portal_desktop.ui.spawn import Spawn

LOOK_MS = 30


def task_of(answer: ToolReturn) -> int | None:
    """Return the task a call says it changed; None for a call that changed none."""
    if not answer.ok or '"task_id"' not in answer.content:
        return None
    try:
        value = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    found = value.get("task_id") if isinstance(value, dict) else None
    return found if isinstance(found, int) else None


class Undoable(QObject):
    """Keeps what can be undone for the answers that `answers` names."""

    changed = Signal()

    def __init__(
        self, changes: TurnChanges, bus: Bus, spawn: Spawn, answers: Callable[[], Sequence[int]], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._changes = changes
        self._answers = answers
        self._found: Mapping[int, Mapping[int, str]] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(lambda: spawn.start(self.look(), "look what can be undone"))
        self._subscriptions: list[Subscription[Any]] = [
            bus.subscribe(TaskChanged, self._happened),
            bus.subscribe(TasksChanged, self._happened),
        ]

    def look_soon(self) -> None:
        """Look in a moment; many wishes in a row are one look."""
        if not self._timer.isActive():
            self._timer.start()

    async def look(self) -> None:
        """Look now, and tell when it differs."""
        found = await self._changes.undoable(self._answers())
        if found != self._found:
            self._found = found
            self.changed.emit()

    def calls(self, answer_id: int, parts: Sequence[Part]) -> frozenset[str]:
        """Return the calls of an answer that can be undone."""
        tasks = self._found.get(answer_id)
        if not tasks:
            return frozenset()
        return frozenset(part.call_id for part in parts if isinstance(part, ToolReturn) and task_of(part) in tasks)

    async def undo(self, answer_id: int, parts: Sequence[Part], call_id: str) -> Sequence[Task]:
        """Take back all that the turn of a call changed; return the tasks, none when it was undone before.

        Raises:
            InvalidInput: undo_overtaken or nothing_to_undo; nothing was changed.
        """
        returned = next((part for part in parts if isinstance(part, ToolReturn) and part.call_id == call_id), None)
        task_id = task_of(returned) if returned is not None else None
        step = self._found.get(answer_id, {}).get(task_id) if task_id is not None else None
        return await self._changes.undo(step) if step is not None else ()

    def close(self) -> None:
        """Stop listening."""
        self._timer.stop()
        for subscription in self._subscriptions:
            subscription.close()

    def _happened(self, _event: TaskChanged | TasksChanged) -> None:
        self.look_soon()
