"""One open conversation as a window shows it: its messages, its running answer, its phase."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from portal_desktop.agent.approval import Approve, Decision
from portal_desktop.chat.changes import TurnChanges
from portal_desktop.chat.history import Conversation, History, StoredMessage
from portal_desktop.chat.live import LiveChats, Turn
from portal_desktop.clock import Clock
from portal_desktop.events import Bus, ConversationChanged, MessageAdded, Subscription, TurnStarted
from portal_desktop.messages import Mode, Part, PhaseChanged, Role, Source, Status, ToolCall
from portal_desktop.providers.base import Patience, Reasoning
from portal_desktop.tasks import Task
from portal_desktop.ui.chat.badges import badges
from portal_desktop.ui.chat.questions import Questions
from portal_desktop.ui.chat.undo import Undoable
from portal_desktop.ui.dates import local, stamp_text
from portal_desktop.ui.spawn import Spawn
from portal_desktop.ui.transcript.message import Action, TranscriptMessage

PAGE = 60
FLUSH_MS = 33
DRAFT_MS = 400


class ChatModel(QObject):
    """Follows one conversation at a time. What streams is told at most once per 33 ms.

    The turn belongs to the core: leaving the conversation or closing the window never stops it.
    """

    opened = Signal()
    message_changed = Signal(object, bool)
    removed_from = Signal(int)
    older_loaded = Signal(list)
    phase_changed = Signal()
    header_changed = Signal()

    def __init__(
        self,
        *,
        history: History,
        live: LiveChats,
        changes: TurnChanges,
        questions: Questions,
        bus: Bus,
        clock: Clock,
        spawn: Spawn,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._history = history
        self._live = live
        self._questions = questions
        self._clock = clock
        self._spawn = spawn
        self._conversation: Conversation | None = None
        self._stored: list[StoredMessage] = []
        self._told: dict[int, TranscriptMessage] = {}
        self._turn: Turn | None = None
        self._following: asyncio.Task[None] | None = None
        self._visit = 0
        self._complete = False
        self._draft: tuple[int, str] | None = None
        self._flush_timer = self._timer(FLUSH_MS, self._flush)
        self._draft_timer = self._timer(DRAFT_MS, self._save_draft)
        self._undoable = Undoable(changes, bus, spawn, self._answers_with_calls, self)
        self._undoable.changed.connect(self._tell_calls)
        questions.changed.connect(self._question_changed)
        self._subscriptions: list[Subscription[Any]] = [
            bus.subscribe(ConversationChanged, self._conversation_changed),
            bus.subscribe(MessageAdded, self._message_added),
            bus.subscribe(TurnStarted, self._turn_started),
        ]

    def _timer(self, interval: int, run: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(run)
        return timer

    @property
    def conversation(self) -> Conversation | None:
        """The open conversation; None for a new one that has no message yet."""
        return self._conversation

    @property
    def conversation_id(self) -> int | None:
        """Its id."""
        return self._conversation.id if self._conversation else None

    @property
    def running(self) -> bool:
        """Whether an answer is being written."""
        return self._turn is not None and self._turn.finished is None

    @property
    def phase(self) -> PhaseChanged | None:
        """What the running answer is doing; None while none runs."""
        return self._turn.phase if self._turn is not None and self._turn.finished is None else None

    def messages(self) -> list[TranscriptMessage]:
        """Return what has been loaded, oldest first."""
        return list(self._told.values())

    def message(self, message_id: int) -> TranscriptMessage | None:
        """Return one of the loaded messages."""
        return self._told.get(message_id)

    def moments(self) -> tuple[float, float]:
        """Return the monotonic now and when the server was last heard."""
        return self._clock.monotonic(), self._turn.heard if self._turn is not None else 0.0

    async def open(self, conversation_id: int | None) -> None:
        """Show another conversation; None begins a new one. Only the last of several calls counts."""
        self._visit += 1
        visit = self._visit
        self._save_draft()
        conversation = await self._history.get(conversation_id) if conversation_id is not None else None
        stored, complete = await self._read(conversation) if conversation is not None else ([], True)
        if visit != self._visit:
            return
        self._forget_turn()
        self._conversation = conversation
        self._stored = stored
        self._complete = complete
        self._told = {each.id: self._shown(each) for each in self._stored}
        self.opened.emit()
        self.phase_changed.emit()
        self._undoable.look_soon()
        if conversation is not None:
            self._follow(self._live.turn(conversation.id))
            await self._history.mark_read(conversation.id)

    async def _read(self, conversation: Conversation) -> tuple[list[StoredMessage], bool]:
        """Return the newest page, and as many before it as the reader's place needs; and whether that is all."""
        place = conversation.scroll.partition(":")[0]
        wanted = int(place) if place.isdecimal() else 0
        stored = list(await self._history.path(conversation.id, limit=PAGE))
        complete = len(stored) < PAGE
        while wanted and not complete and all(each.id != wanted for each in stored):
            page = await self._history.path(conversation.id, limit=PAGE, before_sequence=stored[0].sequence)
            stored = [*page, *stored]
            complete = len(page) < PAGE
        return stored, complete

    async def send(self, text: str, *, model: str, mode: Mode, reasoning: Reasoning = "auto", edits: int = 0) -> None:
        """Send a message, or another wording of the message `edits`; the first one makes the conversation."""
        known: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self._conversation is not None:
            known.set_result(self._conversation.id)

        async def conversation() -> int:
            return await asyncio.shield(known)

        approve, patience = self._questions.approve(conversation), self._questions.patience(conversation)
        if edits:
            turn = await self._live.edit(
                edits, text, source=Source.WINDOW, model=model, mode=mode, approve=approve, patience=patience
            )
        else:
            overrides: Mapping[str, object] = {} if reasoning == "auto" else {"chat.reasoning": reasoning}
            turn = await self._live.send(
                self.conversation_id,
                text,
                source=Source.WINDOW,
                model=model,
                mode=mode,
                approve=approve,
                patience=patience,
                overrides=overrides,
            )
        if not known.done():
            known.set_result(turn.conversation_id)
        await self._started(turn, own=True)

    async def regenerate(self, message_id: int, model: str = "") -> None:
        """Answer again beside the answer that is there."""
        approve, patience = self._askers()
        turn = await self._live.regenerate(message_id, model=model, approve=approve, patience=patience)
        await self._started(turn)

    async def continue_answer(self, message_id: int, model: str = "") -> None:
        """Go on with an answer that was cut."""
        approve, patience = self._askers()
        turn = await self._live.continue_answer(message_id, model=model, approve=approve, patience=patience)
        await self._started(turn)

    async def keep_answer(self, message_id: int) -> None:
        """Take an interrupted answer as it is; it is never called complete."""
        await self._history.keep(message_id)
        await self._refresh()

    async def stop(self) -> None:
        """Stop the running answer; what arrived is kept."""
        if self._turn is not None:
            await self._turn.stop()

    async def choose_sibling(self, message_id: int, step: int) -> None:
        """Show the previous or next wording of a message, or answer to it."""
        stored = next((each for each in self._stored if each.id == message_id), None)
        if stored is None:
            return
        place = stored.siblings.index(message_id) + step
        if 0 <= place < len(stored.siblings):
            await self._history.choose(stored.siblings[place])
            await self._refresh()

    async def load_older(self) -> None:
        """Load the page above what is shown."""
        if self._conversation is None or self._complete or not self._stored:
            return
        visit = self._visit
        page = await self._history.path(self._conversation.id, limit=PAGE, before_sequence=self._stored[0].sequence)
        if visit != self._visit:
            return
        self._complete = len(page) < PAGE
        self._stored = [*page, *self._stored]
        shown = [self._shown(each) for each in page]
        self._told = {**{each.id: each for each in shown}, **self._told}
        self.older_loaded.emit(shown)
        self._undoable.look_soon()

    async def load_until(self, message_id: int) -> bool:
        """Load older pages until a message is there."""
        while message_id not in self._told and not self._complete:
            await self.load_older()
        return message_id in self._told

    def decide(self, call_id: str, decision: Decision, *, for_chat: bool = False) -> None:
        """Answer the open question about a call."""
        if self._conversation is not None:
            self._questions.decide(self._conversation.id, call_id, decision, for_chat=for_chat)

    def decide_open(self, decision: Decision) -> bool:
        """Answer whatever question is open, by key; False when there is none."""
        asked = self._questions.asked(self._conversation.id) if self._conversation else None
        if asked is None:
            return False
        self.decide(asked.request.call.id, decision)
        return True

    async def undo(self, message_id: int, call_id: str) -> Sequence[Task]:
        """Take back all that the turn of a call changed and return those tasks; none when it was undone before.

        Raises:
            InvalidInput: undo_overtaken or nothing_to_undo; nothing was changed.
        """
        message = self._told.get(message_id)
        return await self._undoable.undo(message_id, message.parts, call_id) if message is not None else ()

    def keep_waiting(self) -> None:
        """Give the silent server more time."""
        if self._conversation is not None:
            self._questions.keep_waiting(self._conversation.id)

    def keep_draft(self, text: str) -> None:
        """Save what is being written a moment after the last key."""
        if self._conversation is not None:
            self._draft = (self._conversation.id, text)
            self._draft_timer.start()

    async def keep_scroll(self, conversation_id: int, position: str) -> None:
        """Save where the reader was."""
        await self._history.set_scroll(conversation_id, position)

    def last_of(self, role: Role) -> TranscriptMessage | None:
        """Return the newest message of the user or the model."""
        return next((each for each in reversed(self._told.values()) if each.role is role), None)

    async def close(self) -> None:
        """Save the draft and stop listening; the turn goes on."""
        for subscription in self._subscriptions:
            subscription.close()
        self._undoable.close()
        self._draft_timer.stop()
        if self._draft is not None:
            (conversation_id, text), self._draft = self._draft, None
            await self._history.set_draft(conversation_id, text)
        self._forget_turn()

    def _askers(self) -> tuple[Approve, Patience]:
        assert self._conversation is not None
        here = self._conversation.id

        async def conversation() -> int:
            return here

        return self._questions.approve(conversation), self._questions.patience(conversation)

    async def _started(self, turn: Turn, *, own: bool = False) -> None:
        if self._conversation is None:
            self._visit += 1
            self._conversation = await self._history.get(turn.conversation_id)
            self.header_changed.emit()
        if turn.conversation_id == self._conversation.id:
            await self._refresh(own=turn.user_message_id if own else 0)
            self._follow(turn)

    async def _refresh(self, own: int = 0) -> None:
        """Read the shown branch again and tell the differences only."""
        if self._conversation is None:
            return
        visit = self._visit
        page = await self._history.path(self._conversation.id, limit=max(PAGE, len(self._stored) + 4))
        if visit != self._visit:
            return
        ids = [each.id for each in page]
        known = [each.id for each in self._stored]
        if lost := next((each for each in known if each not in set(ids)), 0):
            self.removed_from.emit(lost)
            keep = known[: known.index(lost)]
            self._told = {each: self._told[each] for each in keep}
        self._stored = page
        for each in page:
            shown = self._shown(each)
            if self._told.get(each.id) != shown:
                self._tell(shown, own=each.id == own)
        self._undoable.look_soon()

    def _follow(self, turn: Turn | None) -> None:
        if turn is None or turn is self._turn or turn.finished is not None:
            return
        self._forget_turn()
        self._turn = turn
        self._following = self._spawn.start(self._listen(turn), "follow the answer")

    async def _listen(self, turn: Turn) -> None:
        async with aclosing(turn.events()) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, PhaseChanged):
                    self.phase_changed.emit()
                if not self._flush_timer.isActive():
                    self._flush_timer.start()
        self._flush_timer.stop()
        self._flush()
        self.phase_changed.emit()
        await self._refresh()
        await self._history.mark_read(turn.conversation_id)

    def _forget_turn(self) -> None:
        if self._following is not None:
            self._following.cancel()
        self._following = None
        self._turn = None
        self._flush_timer.stop()

    def _flush(self) -> None:
        turn = self._turn
        if turn is None:
            return
        stored = next((each for each in self._stored if each.id == turn.answer_id), None)
        if stored is not None:
            shown = self._shown(stored)
            if self._told.get(shown.id) != shown:
                self._tell(shown)

    def _tell(self, message: TranscriptMessage, *, own: bool = False) -> None:
        self._told[message.id] = message
        self.message_changed.emit(message, own)

    def _shown(self, stored: StoredMessage) -> TranscriptMessage:
        parts, status = self._state_of(stored)
        titles, details = badges(parts, local(self._clock.now()).date())
        asked = self._questions.asked(stored.conversation_id) if status is Status.STREAMING else None
        place = stored.siblings.index(stored.id) if stored.id in stored.siblings else 0
        return TranscriptMessage(
            id=stored.id,
            role=stored.role,
            parts=parts,
            status=status,
            created=stamp_text(stored.created, self._clock.now()),
            model=stored.model,
            siblings=(place, max(1, len(stored.siblings))),
            approval=asked.request if asked else None,
            approval_since=asked.since if asked else 0.0,
            tool_titles=titles,
            tool_details=details,
            undoable=self._undoable.calls(stored.id, parts) if titles else frozenset(),
            decisions=dict(self._questions.decisions(stored.conversation_id)) if titles else {},
            failure_actions=(Action.CONTINUE, Action.RETRY) if status is Status.INTERRUPTED else (Action.RETRY,),
        )

    def _answers_with_calls(self) -> list[int]:
        return [each.id for each in self._stored if any(isinstance(part, ToolCall) for part in self._state_of(each)[0])]

    def _tell_calls(self) -> None:
        """Tell the answers whose calls can be undone now, or no longer."""
        for each in self._stored:
            shown = self._shown(each)
            if shown.tool_titles and self._told.get(each.id) != shown:
                self._tell(shown)

    def _state_of(self, stored: StoredMessage) -> tuple[tuple[Part, ...], Status]:
        turn = self._turn
        if turn is None or turn.answer_id != stored.id:
            return stored.parts, stored.status
        return turn.parts, turn.finished.status if turn.finished else Status.STREAMING

    def _save_draft(self) -> None:
        self._draft_timer.stop()
        if self._draft is not None:
            (conversation_id, text), self._draft = self._draft, None
            self._spawn.start(self._history.set_draft(conversation_id, text), "save the draft")

    def _question_changed(self, conversation_id: int) -> None:
        if conversation_id == self.conversation_id:
            self._flush()
            self.phase_changed.emit()

    async def _conversation_changed(self, event: ConversationChanged) -> None:
        if self._conversation is not None and event.conversation_id == self._conversation.id:
            self._conversation = await self._history.get(event.conversation_id)
            self.header_changed.emit()

    async def _message_added(self, event: MessageAdded) -> None:
        if event.conversation_id == self.conversation_id and event.message_id not in self._told:
            await self._refresh()

    async def _turn_started(self, event: TurnStarted) -> None:
        if event.conversation_id == self.conversation_id:
            await self._refresh()
            self._follow(self._live.turn(event.conversation_id))
