"""One running or finished answer. It belongs to the core; windows read along and come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from portal_desktop.agent.answer import Answer
from portal_desktop.agent.context import Manifest
from portal_desktop.agent.failures import failure
from portal_desktop.agent.loop import Agent
from portal_desktop.agent.spec import TurnSpec
from portal_desktop.chat.feed import Listener
from portal_desktop.clock import Clock
from portal_desktop.errors import PortalError
from portal_desktop.messages import (
    Part,
    PartDelta,
    PartEnd,
    PartStart,
    Phase,
    PhaseChanged,
    Source,
    Status,
    ToolCall,
    ToolReturn,
    TurnEvent,
    TurnFinished,
    Usage,
    UsageReport,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a turn's rows lie."""

    conversation_id: int
    user_message_id: int
    answer_id: int
    source: Source
    model: str


@dataclass(frozen=True, slots=True)
class TurnResult:
    """The one canonical outcome, the same for every interface."""

    response: str
    success: bool
    model: str
    seconds: float
    tools: tuple[str, ...]
    tool_results: tuple[ToolReturn, ...]
    usage: Usage | None
    warnings: tuple[str, ...]
    error: PortalError | None
    trace_id: str


Prepare = Callable[[], Awaitable[tuple[Agent, TurnSpec]]]
Told = Callable[["Turn", TurnEvent], Awaitable[None]]


class Turn:
    """Folds the agent's events into the answer and passes them on.

    `told` is awaited with every event after it is folded in and before readers get it; it keeps the rows.
    """

    def __init__(
        self, place: Place, *, server: str, base: Sequence[Part], clock: Clock, redact: Callable[[str], str], told: Told
    ) -> None:
        self.place = place
        self.id = ""
        self.steps: list[Mapping[str, Any]] = []
        self.first_token_seconds: float | None = None
        self.usage: Usage | None = None
        self.saved = True
        self._clock = clock
        self._redact = redact
        self._told = told
        self._answer = Answer(base)
        self._listeners: list[Listener] = []
        self._started = self._step_started = self._heard = clock.monotonic()
        self._ended = 0.0
        self._phase = PhaseChanged(Phase.CONNECTING, server, None, self._started)
        self._finished: TurnFinished | None = None
        self._done = asyncio.Event()
        self._agent: Agent | None = None
        self._task: asyncio.Task[None] | None = None
        self._began = False
        self._stopping = False

    @property
    def conversation_id(self) -> int:
        """The conversation it belongs to."""
        return self.place.conversation_id

    @property
    def user_message_id(self) -> int:
        """The message it answers."""
        return self.place.user_message_id

    @property
    def answer_id(self) -> int:
        """The message that grows."""
        return self.place.answer_id

    @property
    def parts(self) -> tuple[Part, ...]:
        """The answer as far as it has been told."""
        return self._answer.parts()

    @property
    def phase(self) -> PhaseChanged:
        """What it is doing now."""
        return self._phase

    @property
    def heard(self) -> float:
        """The monotonic second of the last sign of life; for `agent.phases.describe`."""
        return self._heard

    @property
    def seconds(self) -> float:
        """How long it has taken, so far or to its end."""
        return (self._ended or self._clock.monotonic()) - self._started

    @property
    def finished(self) -> TurnFinished | None:
        """How it ended; None while it runs."""
        return self._finished

    @property
    def context(self) -> Manifest | None:
        """What the last request consisted of; None before the first."""
        manifests = self._agent.manifests if self._agent is not None else ()
        return manifests[-1] if manifests else None

    @property
    def result(self) -> TurnResult | None:
        """The outcome for a caller that wants it as one value; None while it runs."""
        end = self._finished
        if end is None:
            return None
        parts = self.parts
        return TurnResult(
            response="".join(part.text for part in parts if part.kind == "text"),
            success=end.status is Status.COMPLETE,
            model=end.model or self.place.model,
            seconds=self.seconds,
            tools=tuple(part.name for part in parts if isinstance(part, ToolCall)),
            tool_results=tuple(part for part in parts if isinstance(part, ToolReturn)),
            usage=end.usage,
            warnings=end.warnings,
            error=end.error,
            trace_id=self.id,
        )

    async def events(self) -> AsyncIterator[TurnEvent]:
        """Yield what has happened so far in as few events as possible, then the rest live; ends after TurnFinished.

        A `PartDelta` for a text that has ended opens it again: a continued answer grows its last text.
        """
        listener = Listener(self._replay())
        self._listeners.append(listener)
        try:
            while True:
                event = await listener.next()
                yield event
                if isinstance(event, TurnFinished):
                    return
        finally:
            self._listeners.remove(listener)

    async def stop(self) -> None:
        """Stop in whatever phase it is; what was said is kept. Returns when the end is told."""
        self._stopping = True
        if self._agent is not None:
            self._agent.stop()
        elif self._task is not None and self._began:
            self._task.cancel()
        await self.wait()

    async def wait(self) -> TurnFinished:
        """Wait for the end."""
        await self._done.wait()
        return cast("TurnFinished", self._finished)

    def start(self, prepare: Prepare) -> asyncio.Task[None]:
        """Begin; the core does this once."""
        self._task = asyncio.create_task(self._run(prepare), name=f"turn in chat {self.conversation_id}")
        return self._task

    def step(self, name: str) -> None:
        """Note a step of the trace; it has lasted since the one before."""
        now = self._clock.monotonic()
        self.steps.append({"step": name, "seconds": round(now - self._step_started, 6)})
        self._step_started = now

    async def _run(self, prepare: Prepare) -> None:
        self._began = True
        try:
            if not self._stopping:
                await self._play(prepare)
        except PortalError as error:
            await self._fail(error)
        except asyncio.CancelledError:
            if not self._stopping:
                self._stopping = True
                raise
        finally:
            if self._finished is None:
                await self._end_early()

    async def _play(self, prepare: Prepare) -> None:
        agent, spec = await prepare()
        self._agent = agent
        self.step("context")
        if self._stopping:
            agent.stop()
        async with aclosing(cast("AsyncGenerator[TurnEvent, None]", agent.run(spec))) as events:
            async for event in events:
                await self._take(event)

    async def _take(self, event: TurnEvent) -> None:
        self._heard = self._clock.monotonic()
        if isinstance(event, PhaseChanged) and (event.phase, event.detail) == (self._phase.phase, self._phase.detail):
            event = replace(event, started=self._phase.started)
            if event == self._phase:
                return
        self._answer.apply(event)
        match event:
            case PhaseChanged():
                self._trace(event)
                self._phase = event
            case UsageReport(usage=usage):
                self.usage = usage
            case PartStart() if self.first_token_seconds is None:
                self.first_token_seconds = self.seconds
            case TurnFinished():
                self.step(event.status.value)
                self._ended = self._clock.monotonic()
        try:
            await self._told(self, event)
        finally:
            if isinstance(event, TurnFinished):
                self._finished = event
                self._done.set()
            for listener in self._listeners:
                listener.put(event)

    def _trace(self, now: PhaseChanged) -> None:
        if (now.phase, now.detail) != (self._phase.phase, self._phase.detail):
            self.step(f"{self._phase.phase.value} {self._phase.detail}".strip())

    async def _fail(self, error: PortalError) -> None:
        place = len(self._answer)
        part = failure(error, self._redact)
        await self._take(PartStart(place, "failure"))
        await self._take(PartEnd(place, part))
        await self._take(PhaseChanged(Phase.FAILED, "", None, self._clock.monotonic()))
        shown = Status.INTERRUPTED if place else Status.ERROR
        await self._take(TurnFinished(shown, error=error))

    async def _end_early(self) -> None:
        """End a turn that was stopped before its agent ran, or that met a bug; the bug itself goes on to the loop."""
        if self._stopping:
            await self._take(PhaseChanged(Phase.STOPPED, "", None, self._clock.monotonic()))
            await self._take(TurnFinished(Status.STOPPED))
        else:
            await self._fail(PortalError("bug"))

    def _replay(self) -> list[TurnEvent]:
        events: list[TurnEvent] = list(self._answer.replay())
        if self.usage is not None:
            events.append(UsageReport(self.usage))
        events.append(self._phase)
        return [*events, self._finished] if self._finished is not None else events


def grown(event: TurnEvent) -> int:
    """Return how many characters an event adds to the answer; a whole part counts at least one."""
    match event:
        case PartDelta(text=text):
            return len(text)
        case PartEnd(part=ToolReturn(content=content)):
            return 1 + len(content)
        case PartEnd():
            return 1
        case _:
            return 0
