"""Reading one response of a model: its parts get their place in the whole answer, its calls ids of their own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import cast

from portal_desktop.agent.calls import repaired
from portal_desktop.agent.outlet import Outlet
from portal_desktop.agent.overlap import Overlap
from portal_desktop.agent.phases import PhaseLine
from portal_desktop.clock import Clock
from portal_desktop.errors import PortalError, ProviderError
from portal_desktop.messages import (
    Finish,
    FinishReason,
    Part,
    PartDelta,
    PartEnd,
    PartShut,
    PartStart,
    Phase,
    Progress,
    StreamError,
    StreamEvent,
    Text,
    Thinking,
    ToolCall,
    Usage,
    UsageReport,
)
from portal_desktop.providers.base import ChatRequest, Endpoint, Provider

CUT_OFF = "the answer reached its length limit inside the arguments"


@dataclass(slots=True)
class Reply:
    """What one response came to; exactly one of `finish` and `error` is set."""

    calls: list[ToolCall] = field(default_factory=list)
    has_text: bool = False
    has_thinking: bool = False
    usage: Usage | None = None
    finish: Finish | None = None
    error: PortalError | None = None
    first_token_seconds: float | None = None
    seconds: float = 0.0


class Round:
    """Reads one stream into the outlet. `usage` is what earlier rounds of the turn have used."""

    def __init__(
        self,
        outlet: Outlet,
        phases: PhaseLine,
        clock: Clock,
        *,
        offered: Sequence[str],
        usage: Usage | None,
        overlap: Overlap | None,
    ) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self._outlet = outlet
        self._phases = phases
        self._offered = offered
        self._usage = usage
        self._overlap = overlap
        self._places: dict[int, int] = {}
        self._begun: dict[int, float] = {}
        self._resumed: int | None = None
        self._seen = 0
        self._ids = {part.id for part in outlet.answer.parts() if isinstance(part, ToolCall)}
        self._reply = Reply()
        self._last: Part | None = None

    async def read(self, provider: Provider, request: ChatRequest) -> Reply:
        """Read to the end; the connection is closed when this returns or is cancelled."""
        endpoint = provider.endpoint
        self._phases.enter(Phase.CONNECTING, endpoint.name)
        self._started = self._clock.monotonic()
        async with aclosing(cast("AsyncGenerator[StreamEvent, None]", provider.stream(request))) as events:
            async for event in events:
                await self._take(event)
                if self._reply.finish or self._reply.error:
                    break
        return self._ended(endpoint)

    async def _take(self, event: StreamEvent) -> None:
        match event:
            case PartStart():
                self._start(event)
            case PartDelta(index=index, text=text):
                await self._delta(index, text)
            case PartEnd():
                self._end(event)
            case PartShut():
                self._shut(event)
            case Progress(phase=phase, detail=detail, fraction=fraction):
                self._phases.enter(phase, detail, fraction)
            case UsageReport(usage=usage):
                self._count(usage)
            case Finish():
                self._reply.finish = event
                if event.usage is not None:
                    self._count(event.usage)
            case StreamError(error=error):
                self._reply.error = error

    def _start(self, event: PartStart) -> None:
        if self._reply.first_token_seconds is None:
            self._reply.first_token_seconds = self._clock.monotonic() - self._started
        self._phases.enter(Phase.THINKING if event.part == "thinking" else Phase.WRITING)
        self._begun[event.index] = self._clock.monotonic()
        parts = self._outlet.answer.parts()
        place = self._places[event.index] = len(parts)
        if event.part == "text" and self._overlap is not None and self._resumed is None:
            self._resumed = event.index
            if parts and isinstance(parts[-1], Text):
                self._places[event.index] = len(parts) - 1
                return
        self._outlet.tell(PartStart(place, event.part, event.call_id, event.name))

    async def _delta(self, index: int, text: str) -> None:
        if self._overlap is not None and index == self._resumed:
            self._seen += len(text)
            text = self._overlap.feed(text)
        if text:
            await self._outlet.put(PartDelta(self._places[index], text))

    def _end(self, event: PartEnd) -> None:
        place = self._places.get(event.index, len(self._outlet.answer))
        part = event.part
        match part:
            case ToolCall():
                part = self._own(part)
                self._reply.calls.append(part)
            case Text(text=text):
                part = self._joined(event.index, place, part)
                self._reply.has_text |= bool(text.strip())
            case Thinking():
                part = replace(part, seconds=part.seconds or self._lasted(event.index))
                self._reply.has_thinking = True
            case _:
                pass
        self._last = part
        self._outlet.tell(PartEnd(place, part))

    def _shut(self, event: PartShut) -> None:
        """End a part the provider did not keep: the answer has it from the deltas."""
        place = self._places[event.index]
        if event.index == self._resumed and self._overlap is not None and (held := self._overlap.end()):
            self._outlet.tell(PartDelta(place, held))
        grown = self._outlet.answer.parts()[place]
        whole = grown.text if isinstance(grown, Text | Thinking) else ""
        if event.kind == "thinking":
            self._reply.has_thinking = True
            self._last = Thinking(whole.strip("\r\n"), self._lasted(event.index))
        else:
            self._reply.has_text |= bool(whole.strip())
            self._last = Text(whole)
        self._outlet.tell(PartEnd(place, self._last))

    def _joined(self, index: int, place: int, part: Text) -> Text:
        """Return the text without the overlap, as its deltas have told it."""
        if self._overlap is None or index != self._resumed:
            return part
        rest = self._overlap.feed(part.text[self._seen :]) + self._overlap.end()
        if rest:
            self._outlet.tell(PartDelta(place, rest))
        grown = self._outlet.answer.parts()[place]
        return grown if isinstance(grown, Text) else part

    def _lasted(self, index: int) -> float:
        now = self._clock.monotonic()
        return round(now - self._begun.get(index, now), 3)

    def _own(self, call: ToolCall) -> ToolCall:
        """Return the call with an id unique in the answer, so that no result can be taken for another's."""
        number = len(self._ids) + 1
        wanted = call.id or f"call_{number}"
        while wanted in self._ids:
            wanted = f"{call.id or 'call'}_{number}"
            number += 1
        self._ids.add(wanted)
        return replace(call, id=wanted, name=repaired(call.name, self._offered))

    def _count(self, usage: Usage) -> None:
        self._reply.usage = usage
        self._outlet.tell(UsageReport(usage if self._usage is None else self._usage + usage))

    def _ended(self, endpoint: Endpoint) -> Reply:
        reply = self._reply
        reply.seconds = self._clock.monotonic() - self._started
        if self._overlap is not None and self._resumed is not None and (held := self._overlap.end()):
            self._outlet.tell(PartDelta(self._places[self._resumed], held))
        if reply.finish is None and reply.error is None:
            reply.error = ProviderError(
                "connection_lost", provider=endpoint.id, server=endpoint.name, technical="the stream ended without end"
            )
        if reply.finish and reply.finish.reason is FinishReason.LENGTH and isinstance(self._last, ToolCall):
            cut = replace(self._last, problem=self._last.problem or CUT_OFF)
            reply.calls[-1] = cut
        return reply
