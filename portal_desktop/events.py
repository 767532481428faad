"""The bus: facts that have happened, told by their ids. No tokens, no questions, no commands."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeAlias, TypeVar

from portal_desktop.clock import Clock

NOT_PUBLISHED = datetime.min.replace(tzinfo=UTC)
LONGEST_HISTORY = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """A fact. The bus stamps `at` when it is published."""

    at: datetime = field(default=NOT_PUBLISHED, kw_only=True)


E = TypeVar("E", bound=Event)
Callback: TypeAlias = Callable[[E], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class ConversationChanged(Event):
    """Title, folder, pin, model, deletion: a row of the list looks different."""

    conversation_id: int


@dataclass(frozen=True, slots=True)
class ConversationsChanged(Event):
    """Any of them may look different: another process wrote to the database."""


@dataclass(frozen=True, slots=True)
class MessageAdded(Event):
    """A message was stored."""

    conversation_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class TurnStarted(Event):
    """Somebody asked something and it is stored."""

    conversation_id: int
    message_id: int
    source: str


@dataclass(frozen=True, slots=True)
class AnswerFinished(Event):
    """An answer reached its last state, good or not."""

    conversation_id: int
    message_id: int
    status: str


@dataclass(frozen=True, slots=True)
class RequestFinished(Event):
    """A model server answered one request, or failed to; an unreported count is None."""

    endpoint_id: str
    model: str
    first_token_seconds: float | None
    seconds: float
    prompt_tokens: int | None
    completion_tokens: int | None
    error_name: str = ""


@dataclass(frozen=True, slots=True)
class ToolRan(Event):
    """A tool call ended."""

    conversation_id: int | None
    call_id: str
    tool: str
    ok: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class ApprovalAsked(Event):
    """A tool call waits for a decision."""

    conversation_id: int | None
    call_id: str
    tool: str


@dataclass(frozen=True, slots=True)
class ApprovalAnswered(Event):
    """The decision about a tool call fell."""

    conversation_id: int | None
    call_id: str
    decision: str


@dataclass(frozen=True, slots=True)
class TaskChanged(Event):
    """One task of the to-do list was added, changed, completed or deleted."""

    task_id: int


@dataclass(frozen=True, slots=True)
class TasksChanged(Event):
    """The to-do list changed in a way that ids do not tell: read it again."""


@dataclass(frozen=True, slots=True)
class ModelsChanged(Event):
    """The list of models is another one now."""


@dataclass(frozen=True, slots=True)
class EndpointFound(Event):
    """A model server of this computer answered."""

    endpoint_id: str


@dataclass(frozen=True, slots=True)
class EndpointLost(Event):
    """A model server went away."""

    endpoint_id: str


@dataclass(frozen=True, slots=True)
class RouteChosen(Event):
    """A model was chosen for a turn; `reason` says why in a few words."""

    conversation_id: int | None
    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class FallbackUsed(Event):
    """Another model answered because the chosen one could not."""

    conversation_id: int | None
    failed_model: str
    model: str
    error_name: str


@dataclass(frozen=True, slots=True)
class ContextFolded(Event):
    """Old turns were left out of a request for want of room."""

    conversation_id: int
    dropped_messages: int
    budget_tokens: int


@dataclass(frozen=True, slots=True)
class RateLimited(Event):
    """A server, or a limit of ours, asked to wait."""

    endpoint_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AccessBlocked(Event):
    """Something was refused for security: local-only, a denied tool, a redirected key."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class SettingChanged(Event):
    """The value in force of a setting changed."""

    setting_id: str


@dataclass(frozen=True, slots=True)
class SettingsRefused(Event):
    """The administrator's file changed and could not be used; the values before it stay in force."""

    title: str
    advice: str


@dataclass(frozen=True, slots=True)
class KeyringChanged(Event):
    """Keys are kept on another step of the ladder now."""

    step: str


@dataclass(frozen=True, slots=True)
class BackupFinished(Event):
    """A backup was made, or could not be."""

    path: str
    verified: bool
    error_name: str = ""


@dataclass(frozen=True, slots=True)
class StorageTrouble(Event):
    """Something could not be saved; the entry of the error catalogue says what."""

    error_name: str


@dataclass(frozen=True, slots=True)
class StorageWorks(Event):
    """What could not be saved is saved now."""


@dataclass(frozen=True, slots=True)
class LoopLagged(Event):
    """Something held the event loop for so long."""

    seconds: float


class Subscription(Generic[E]):
    """One listener with its own bounded queue; the oldest unheard events go first when it is full.

    A callback that raises ends in the loop's exception handler and hears the next event all the same.
    """

    def __init__(self, bus: Bus, kind: type[E], callback: Callback[E], queue: int) -> None:
        self.kind = kind
        self.missed = 0
        self._bus = bus
        self._callback = callback
        self._waiting: deque[E] = deque(maxlen=queue)
        self._busy = False
        self._open = True
        self._running: asyncio.Future[None] | None = None

    def close(self) -> None:
        """Hear nothing more; a callback that is running now is cancelled."""
        self._open = False
        self._waiting.clear()
        self._bus.forget(self)
        if self._running is not None:
            self._running.cancel()

    def put(self, event: E, loop: asyncio.AbstractEventLoop | None) -> None:
        """Queue an event and see that it is delivered by the loop, never by the publisher."""
        if len(self._waiting) == self._waiting.maxlen:
            self.missed += 1
        self._waiting.append(event)
        if not self._busy and loop is not None and not loop.is_closed():
            self._busy = True
            loop.call_soon_threadsafe(self._deliver, loop)

    def _deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._waiting or not self._open:
            self._busy = False
            return
        answer: Awaitable[None] | None = None
        try:
            answer = self._callback(self._waiting.popleft())
        finally:
            if answer is None:
                loop.call_soon(self._deliver, loop)
        if answer is not None:
            self._running = asyncio.ensure_future(answer)
            self._running.add_done_callback(self._heard)

    def _heard(self, running: asyncio.Future[None]) -> None:
        loop = running.get_loop()
        self._running = None
        if not running.cancelled() and (error := running.exception()) is not None:
            loop.call_exception_handler({"message": f"a listener of {self.kind.__name__} failed", "exception": error})
        self._deliver(loop)


class Bus:
    """One per process. `publish` returns at once, whatever the listeners do, and may be called from any thread.

    Events are delivered by the event loop on which the first subscription or publication happened; those of a time
    without a loop wait in their queues.
    """

    def __init__(self, clock: Clock, *, history: int = 0) -> None:
        self._clock = clock
        self._subscriptions: tuple[Subscription[Any], ...] = ()
        self._history: deque[Event] = deque(maxlen=min(history, LONGEST_HISTORY))
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def history(self) -> tuple[Event, ...]:
        """The newest events, oldest first; empty unless the bus was told to keep some."""
        return tuple(self._history)

    def publish(self, event: Event) -> None:
        """Tell all who listen to this kind of event or to one of its bases."""
        stamped = replace(event, at=self._clock.now())
        if self._history.maxlen:
            self._history.append(stamped)
        loop = self._bound()
        for subscription in self._subscriptions:
            if isinstance(stamped, subscription.kind):
                subscription.put(stamped, loop)

    def subscribe(self, kind: type[E], callback: Callback[E], *, queue: int = 256) -> Subscription[E]:
        """Call back with each event of the kind, one after the other, on the event loop."""
        subscription = Subscription(self, kind, callback, queue)
        self._bound()
        self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def forget(self, subscription: Subscription[Any]) -> None:
        """Drop a subscription; `Subscription.close` calls this."""
        self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)

    def _bound(self) -> asyncio.AbstractEventLoop | None:
        if self._loop is None or self._loop.is_closed():
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                return None
        return self._loop
