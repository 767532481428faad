"""What the turns of an answer changed in the to-do list, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portal_desktop.storage.turns import TurnRows
from portal_desktop.tasks import Task, TaskBook
from portal_desktop.tools.tasks import batch_of


class TurnChanges:
    """All changes of one turn are one step: they are taken back together or not at all."""

    def __init__(self, turns: TurnRows, book: TaskBook) -> None:
        self._turns = turns
        self._book = book

    async def undoable(self, answer_ids: Sequence[int]) -> dict[int, Mapping[int, str]]:
        """Return, by answer, the tasks whose change can still be taken back, each with the step that does it."""
        if not answer_ids:
            return {}
        turns = await self._turns.of_answers(answer_ids)
        steps = await self._book.undoable([batch_of(turn_id) for turn_id in turns])
        found: dict[int, dict[int, str]] = {}
        for turn_id, answer_id in turns.items():
            step = batch_of(turn_id)
            for task_id in steps.get(step, ()):
                found.setdefault(answer_id, {})[task_id] = step
        return dict(found)

    async def undo(self, step: str) -> Sequence[Task]:
        """Take a step back and return the tasks it had changed.

        Raises:
            InvalidInput: undo_overtaken or nothing_to_undo; nothing was changed.
        """
        done = await self._book.undo(batch=step)
        return done.tasks if done is not None else ()
