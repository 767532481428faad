"""The rows and the bus while a turn runs: written through, ended, announced."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from portal_desktop.agent.approval import ApprovalRequest, Approve, Decision
from portal_desktop.agent.rounds import Reply
from portal_desktop.chat.keeper import Keeper
from portal_desktop.chat.plan import Wish
from portal_desktop.chat.turn import Turn, grown
from portal_desktop.clock import Clock
from portal_desktop.errors import StorageError
from portal_desktop.events import (
    AnswerFinished,
    ApprovalAnswered,
    ApprovalAsked,
    Bus,
    ContextFolded,
    ConversationChanged,
    RequestFinished,
    StorageTrouble,
    StorageWorks,
    ToolRan,
)
from portal_desktop.log import get_logger
from portal_desktop.messages import PartEnd, ToolReturn, TurnEvent, TurnFinished
from portal_desktop.storage.conversations import Conversations
from portal_desktop.storage.turns import TurnRows

log = get_logger("chat")


class Rows:
    """Keeps what turns say. Trouble with the file never ends a turn: the text stays in memory until it can be saved."""

    def __init__(self, conversations: Conversations, turns: TurnRows, bus: Bus, clock: Clock) -> None:
        self._conversations = conversations
        self._turns = turns
        self._bus = bus
        self._clock = clock
        self._keepers: dict[int, Keeper] = {}
        self._late: set[asyncio.Task[None]] = set()

    async def begin(self, turn: Turn) -> None:
        """Note that a turn began and watch its answer from now on."""
        place = turn.place
        turn.id = await self._turns.begin(
            conversation_id=place.conversation_id, answer_id=place.answer_id, source=place.source, model=place.model
        )
        keeper = Keeper(
            partial(self._save, turn), self._clock, self._trouble, partial(self._relieved, place.conversation_id)
        )
        self._keepers[place.answer_id] = keeper
        keeper.start()

    async def told(self, turn: Turn, event: TurnEvent) -> None:
        """Take notice of an event of a turn; returns for the last one when its end is stored, or cannot be."""
        if isinstance(event, TurnFinished):
            await self._end(turn, event)
            return
        if isinstance(event, PartEnd) and isinstance(event.part, ToolReturn):
            back = event.part
            self._bus.publish(ToolRan(turn.conversation_id, back.call_id, back.name, back.ok, back.seconds))
        keeper = self._keepers.get(turn.answer_id)
        if keeper is not None and (more := grown(event)):
            keeper.grew(more)

    def requested(self, endpoint_id: str, model: str, reply: Reply) -> None:
        """Tell what a request came to; a count the server did not report stays unknown."""
        usage = reply.usage
        self._bus.publish(
            RequestFinished(
                endpoint_id,
                model,
                reply.first_token_seconds,
                reply.seconds,
                usage.prompt_tokens if usage else None,
                usage.completion_tokens if usage else None,
                reply.error.name if reply.error else "",
            )
        )

    def asking(self, wish: Wish, conversation_id: int) -> Wish:
        """Return the wish with its question told on the bus."""
        return replace(wish, approve=self._announced(wish.approve, conversation_id))

    async def close(self) -> None:
        """Give up what could not be saved."""
        for task in tuple(self._late):
            task.cancel()
        if self._late:
            log.warning("Answers could not be saved before the end", count=len(self._late))
            await asyncio.wait(self._late)
        for keeper in tuple(self._keepers.values()):
            await keeper.end()
        self._keepers.clear()

    async def _save(self, turn: Turn) -> None:
        await self._conversations.update_answer(turn.answer_id, turn.parts, usage=turn.usage)

    async def _end(self, turn: Turn, end: TurnFinished) -> None:
        keeper = self._keepers.pop(turn.answer_id, None)
        save = partial(self._save_end, turn, end)
        if keeper is None:
            keeper = Keeper(save, self._clock, self._trouble, partial(self._relieved, turn.conversation_id))
        await keeper.end()
        turn.saved = await keeper.insist(save)
        if not turn.saved:
            task = asyncio.create_task(self._save_late(turn, keeper, save), name="save an answer late")
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        context = turn.context
        if context is not None and context.dropped_messages:
            self._bus.publish(ContextFolded(turn.conversation_id, context.dropped_messages, context.budget))
        self._bus.publish(AnswerFinished(turn.conversation_id, turn.answer_id, end.status.value))
        self._bus.publish(ConversationChanged(turn.conversation_id))

    async def _save_end(self, turn: Turn, end: TurnFinished) -> None:
        await self._conversations.update_answer(
            turn.answer_id,
            turn.parts,
            status=end.status,
            usage=end.usage or turn.usage,
            first_token_seconds=turn.first_token_seconds,
            seconds=turn.seconds,
        )
        if turn.id:
            await self._turns.finish(
                turn.id, status=end.status, seconds=turn.seconds, steps=turn.steps, usage=end.usage or turn.usage
            )

    async def _save_late(self, turn: Turn, keeper: Keeper, save: Callable[[], Awaitable[None]]) -> None:
        await keeper.persist(save)
        turn.saved = True

    def _announced(self, approve: Approve, conversation_id: int) -> Approve:
        async def ask(request: ApprovalRequest) -> Decision:
            call = request.call
            self._bus.publish(ApprovalAsked(conversation_id, call.id, call.name))
            decision = Decision.CANCELLED
            try:
                decision = await approve(request)
            finally:
                self._bus.publish(ApprovalAnswered(conversation_id, call.id, decision.value))
            return decision

        return ask

    def _trouble(self, error: StorageError) -> None:
        self._bus.publish(StorageTrouble(error.name))

    def _relieved(self, conversation_id: int) -> None:
        self._bus.publish(StorageWorks())
        self._bus.publish(ConversationChanged(conversation_id))
