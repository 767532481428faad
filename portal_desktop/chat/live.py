"""Turns that run in the core: windows subscribe, closing one changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial

from portal_desktop.agent.approval import Approve, deny_unattended
from portal_desktop.agent.calls import Tools
from portal_desktop.agent.loop import Agent
from portal_desktop.agent.spec import TurnSpec
from portal_desktop.chat.plan import Planner, Wish, context_length
from portal_desktop.chat.rows import Rows
from portal_desktop.chat.titles import simple_title
from portal_desktop.chat.turn import Place, Turn, TurnResult
from portal_desktop.clock import Clock, within
from portal_desktop.errors import InvalidInput, PortalError
from portal_desktop.events import Bus, ConversationChanged, MessageAdded, RouteChosen, TurnStarted
from portal_desktop.log import redact
from portal_desktop.messages import Failure, Message, Mode, Note, Part, Role, Source, Status, user
from portal_desktop.prompts.library import Library
from portal_desktop.providers.base import ModelFacts, Patience, Provider
from portal_desktop.settings import Settings, declared
from portal_desktop.storage.conversations import Conversation, Conversations, StoredMessage
from portal_desktop.storage.turns import TurnRows

__all__ = ["LiveChats", "Turn", "TurnResult"]

Resolve = Callable[[str], tuple[Provider, str]]
Facts = Callable[[str], Awaitable[ModelFacts]]

_CLOSE_SECONDS = 3.0
_CANCEL_SECONDS = 0.5
_FACTS_SECONDS = 3.0
_MOST_MESSAGES = 2000
_FEWEST_MESSAGES = 50
_TOKENS_PER_SHORT_MESSAGE = 16


class LiveChats:
    """All turns of this process, at most one per conversation at a time.

    `facts` tells of a full model id; what it cannot tell is unknown. `redact` masks secrets in what servers say.
    """

    def __init__(
        self,
        *,
        conversations: Conversations,
        turns: TurnRows,
        resolve: Resolve,
        tools: Tools,
        settings: Settings,
        library: Library,
        bus: Bus,
        clock: Clock,
        zone: Callable[[], tzinfo],
        facts: Facts | None = None,
        redact: Callable[[str], str] = redact,
    ) -> None:
        self._conversations = conversations
        self._resolve = resolve
        self._tools = tools
        self._settings = settings
        self._planner = Planner(library, settings)
        self._bus = bus
        self._clock = clock
        self._zone = zone
        self._facts = facts
        self._redact = redact
        self._rows = Rows(conversations, turns, bus, clock)
        self._turns: dict[int, Turn] = {}
        self._reserved: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(
        self,
        conversation_id: int | None,
        text: str,
        *,
        source: Source,
        model: str = "",
        mode: Mode | None = None,
        approve: Approve = deny_unattended,
        patience: Patience | None = None,
        parent_id: int | None = None,
        overrides: Mapping[str, object] | None = None,
    ) -> Turn:
        """Store the message and an empty answer, then start the turn.

        Without a conversation one is made. `parent_id` None hangs the message under the newest of the shown branch.
        `overrides` are setting ids with values for this message alone.

        Raises:
            InvalidInput: `busy`, `no_messages`, `text_too_long`, `no_model` or `not_found`; nothing was stored.
            SettingsError: an override has a value it may not have; nothing was stored.
            StorageError: nothing was sent.
        """
        self._check(text)
        wish = Wish(approve, patience, model, mode, overrides)
        self._planner.check(wish)
        if conversation_id is None:
            conversation = await self._create(text, wish)
            return await self._ask(conversation, None, text, source, wish)
        with self._reserve(conversation_id):
            conversation = await self._conversations.get(conversation_id)
            parent = conversation.leaf_id if parent_id is None else parent_id
            return await self._ask(conversation, parent, text, source, wish)

    async def edit(
        self,
        message_id: int,
        text: str,
        *,
        source: Source,
        model: str = "",
        mode: Mode | None = None,
        approve: Approve = deny_unattended,
        patience: Patience | None = None,
    ) -> Turn:
        """Send another wording of a user's message as its sibling; raises what `send` raises."""
        self._check(text)
        old = await self._conversations.message(message_id)
        with self._reserve(old.conversation_id):
            conversation = await self._conversations.get(old.conversation_id)
            return await self._ask(conversation, old.parent_id, text, source, Wish(approve, patience, model, mode))

    async def regenerate(
        self,
        message_id: int,
        *,
        source: Source = Source.WINDOW,
        model: str = "",
        mode: Mode | None = None,
        approve: Approve = deny_unattended,
        patience: Patience | None = None,
    ) -> Turn:
        """Answer again; the new answer is a sibling of the one named (Retry after an error is the same).

        Raises:
            InvalidInput: as `send`; the message of the user is never stored twice.
        """
        old = await self._conversations.message(message_id)
        asked = message_id if old.role is Role.USER else old.parent_id
        if asked is None:
            raise InvalidInput("not_found", what="the message this answers")
        with self._reserve(old.conversation_id):
            conversation = await self._conversations.get(old.conversation_id)
            return await self._answer(conversation, asked, source, Wish(approve, patience, model, mode))

    async def continue_answer(
        self,
        message_id: int,
        *,
        source: Source = Source.WINDOW,
        model: str = "",
        approve: Approve = deny_unattended,
        patience: Patience | None = None,
    ) -> Turn:
        """Go on with an answer that was cut; the text grows in the same row, without the overlap.

        Raises:
            InvalidInput: as `send`, or the message is no answer.
        """
        old = await self._conversations.message(message_id)
        if old.role is not Role.ASSISTANT or old.parent_id is None:
            raise InvalidInput("not_found", what="an answer to go on with")
        with self._reserve(old.conversation_id):
            conversation = await self._conversations.get(old.conversation_id)
            wish = Wish(approve, patience, model)
            provider, name = self._route(conversation, wish)
            base = _without_end(old.parts)
            await self._conversations.update_answer(old.id, base, status=Status.STREAMING)
            place = Place(conversation.id, old.parent_id, old.id, source, f"{provider.endpoint.id}/{name}")
            return self._start(place, _Job(conversation, wish, provider, name, old, base))

    def turn(self, conversation_id: int) -> Turn | None:
        """Return the conversation's running turn, or its last one while it is not saved."""
        turn = self._turns.get(conversation_id)
        return None if turn is not None and turn.finished is not None and turn.saved else turn

    def running(self) -> tuple[Turn, ...]:
        """Return every turn that has not ended."""
        return tuple(turn for turn in self._turns.values() if turn.finished is None)

    async def stop(self, conversation_id: int) -> None:
        """Stop the conversation's turn, if one runs."""
        turn = self._turns.get(conversation_id)
        if turn is not None and turn.finished is None:
            await turn.stop()

    async def close(self) -> None:
        """Stop every turn and save what has arrived; within 4 s. What cannot be saved by then is lost and logged."""
        stops = [asyncio.ensure_future(turn.stop()) for turn in self.running()]
        if stops:
            await asyncio.wait(stops, timeout=_CLOSE_SECONDS)
        for task in (*stops, *self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CANCEL_SECONDS)
        await self._rows.close()

    def _check(self, text: str) -> None:
        limit = self._settings.get(declared.MAX_MESSAGE_CHARS)
        if not text.strip():
            raise InvalidInput("no_messages")
        if len(text) > limit:
            raise InvalidInput("text_too_long", limit=f"{limit:,}", length=f"{len(text):,}")

    def _reserve(self, conversation_id: int) -> _Reservation:
        turn = self._turns.get(conversation_id)
        if conversation_id in self._reserved or (turn is not None and turn.finished is None):
            raise InvalidInput("busy")
        return _Reservation(self._reserved, conversation_id)

    async def _create(self, text: str, wish: Wish) -> Conversation:
        mode = wish.mode or Mode(self._settings.get(declared.DEFAULT_MODE))
        model = wish.model or self._settings.get(declared.DEFAULT_MODEL)
        self._settings.check(declared.DEFAULT_MODEL, model)
        self._resolved(model)
        made = await self._conversations.create(title=simple_title(text), model=model, mode=mode)
        self._bus.publish(ConversationChanged(made.id))
        return made

    def _route(self, conversation: Conversation, wish: Wish) -> tuple[Provider, str]:
        return self._resolved(self._planner.cascade(conversation, wish).get(declared.DEFAULT_MODEL))

    def _resolved(self, model: str) -> tuple[Provider, str]:
        if not model:
            raise InvalidInput("no_model")
        return self._resolve(model)

    async def _ask(
        self, conversation: Conversation, parent_id: int | None, text: str, source: Source, wish: Wish
    ) -> Turn:
        self._route(conversation, wish)
        asked = await self._conversations.add_message(conversation.id, parent_id, user(text), source=source)
        self._bus.publish(MessageAdded(conversation.id, asked.id))
        if not conversation.title:
            await self._conversations.rename(conversation.id, simple_title(text), edited=False)
        await self._remember(conversation, source, wish)
        return await self._answer(conversation, asked.id, source, wish)

    async def _remember(self, conversation: Conversation, source: Source, wish: Wish) -> None:
        """What the user chose in the window is the conversation's choice from now on."""
        if source is not Source.WINDOW:
            return
        if wish.model and wish.model != conversation.model:
            await self._conversations.set_model(conversation.id, wish.model)
        if wish.mode is not None and wish.mode is not conversation.mode:
            await self._conversations.set_mode(conversation.id, wish.mode)

    async def _answer(self, conversation: Conversation, asked: int, source: Source, wish: Wish) -> Turn:
        provider, name = self._route(conversation, wish)
        full = f"{provider.endpoint.id}/{name}"
        empty = Message(Role.ASSISTANT, ())
        row = await self._conversations.add_message(
            conversation.id, asked, empty, status=Status.STREAMING, source=source, model=full
        )
        self._bus.publish(MessageAdded(conversation.id, row.id))
        place = Place(conversation.id, asked, row.id, source, full)
        return self._start(place, _Job(conversation, wish, provider, name, row))

    def _start(self, place: Place, job: _Job) -> Turn:
        turn = Turn(
            place,
            server=job.provider.endpoint.name,
            base=job.base,
            clock=self._clock,
            redact=self._redact,
            told=self._rows.told,
        )
        self._turns[place.conversation_id] = turn
        task = turn.start(partial(self._prepare, turn, job))
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, turn))
        why = self._planner.cascade(job.conversation, job.wish).why(declared.DEFAULT_MODEL)
        self._bus.publish(RouteChosen(place.conversation_id, place.model, why.value))
        self._bus.publish(TurnStarted(place.conversation_id, place.answer_id, place.source.value))
        self._bus.publish(ConversationChanged(place.conversation_id))
        return turn

    async def _prepare(self, turn: Turn, job: _Job) -> tuple[Agent, TurnSpec]:
        chat = job.conversation.id
        await self._rows.begin(turn)
        turn.step("stored")
        facts = await self._known(turn.place.model)
        turn.step("facts")
        most = min(_MOST_MESSAGES, max(_FEWEST_MESSAGES, (context_length(facts) or 0) // _TOKENS_PER_SHORT_MESSAGE))
        path = await self._conversations.path(chat, limit=most, before_sequence=job.row.sequence)
        spec = self._planner.spec(
            job.conversation,
            self._rows.asking(job.wish, chat),
            model=job.model,
            messages=[stored.message for stored in path],
            facts=facts,
            offered=self._tools.specs(),
            today=self._clock.now().astimezone(self._zone()).date(),
            resume=job.base,
            turn_id=turn.id,
        )
        observe = partial(self._rows.requested, job.provider.endpoint.id, job.model)
        agent = Agent(job.provider, self._tools, self._clock, redact=self._redact, observe=observe)
        return agent, spec

    async def _known(self, full_id: str) -> ModelFacts | None:
        if self._facts is None:
            return None
        try:
            return await within(self._clock, _FACTS_SECONDS, self._facts(full_id))
        except PortalError:
            return None

    def _ended(self, turn: Turn, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if turn.saved and self._turns.get(turn.conversation_id) is turn:
            del self._turns[turn.conversation_id]


@dataclass(frozen=True, slots=True)
class _Job:
    conversation: Conversation
    wish: Wish
    provider: Provider
    model: str
    row: StoredMessage
    base: tuple[Part, ...] = ()


class _Reservation:
    """Keeps a second message out between the check and the start of a turn."""

    def __init__(self, reserved: set[int], conversation_id: int) -> None:
        self._reserved = reserved
        self._id = conversation_id

    def __enter__(self) -> None:
        self._reserved.add(self._id)

    def __exit__(self, *_: object) -> None:
        self._reserved.discard(self._id)


def _without_end(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Return an answer without the remarks on why it ended."""
    kept = list(parts)
    while kept and isinstance(kept[-1], Failure | Note):
        kept.pop()
    return tuple(kept)
