"""A provider that plays a script: for tests, the tour and screenshots. It opens no connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeAlias

from portal_desktop.clock import Clock, SystemClock
from portal_desktop.errors import PortalError, ProviderError
from portal_desktop.messages import (
    Finish,
    FinishReason,
    JsonObject,
    PartDelta,
    PartEnd,
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
from portal_desktop.providers.base import ChatRequest, Completion, Endpoint, ModelFacts, ProviderKind
from portal_desktop.providers.completion import collect
from portal_desktop.providers.messages import check_request

ENDPOINT = Endpoint("scripted", ProviderKind.SCRIPTED, "Scripted", "scripted:")


@dataclass(frozen=True, slots=True)
class Say:
    """Text of the answer in chunks of so many characters (0: at once), each after its delay."""

    text: str
    size: int = 0
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Think:
    """Reasoning, chunked as `Say`."""

    text: str
    size: int = 0
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `problem` makes it one whose arguments could not be read."""

    name: str
    arguments: JsonObject = field(default_factory=dict)
    id: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """Queue, loading or reading, before any part."""

    phase: Phase
    detail: str = ""
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Silence for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Silence until the test lets go."""

    gate: asyncio.Event


@dataclass(frozen=True, slots=True)
class Silence:
    """A clock of `Deadlines` runs out after so many seconds: patience is asked, without it the stream times out."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Count:
    """A usage report before the end."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Fail:
    """The stream ends in this error."""

    error: PortalError


@dataclass(frozen=True, slots=True)
class End:
    """The stream ends well; without one the reason follows from the calls."""

    reason: FinishReason | None = None
    usage: Usage | None = None
    warning: str = ""


Step: TypeAlias = Say | Think | Call | News | Wait | Hold | Silence | Count | Fail | End
Response: TypeAlias = Sequence[Step] | Callable[[ChatRequest], Sequence[Step]]


class ScriptedProvider:
    """Plays one response per request, in order; `requests` holds what was asked, `remaining` what was not played.

    With `repeat` the script starts again at its end. A request beyond the script ends in `server_failed`.
    """

    def __init__(
        self,
        endpoint: Endpoint = ENDPOINT,
        script: Iterable[Response] = (),
        *,
        models: Sequence[ModelFacts] = (),
        clock: Clock | None = None,
        repeat: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._script: list[Response] = list(script)
        self._clock = clock or SystemClock()
        self._models = tuple(models) or (ModelFacts("demo", endpoint.id, "Demo", tools=True, thinking=True),)
        self._repeat = repeat
        self.requests: list[ChatRequest] = []
        self.closed_streams = 0

    @property
    def endpoint(self) -> Endpoint:
        """The made-up address."""
        return self._endpoint

    @property
    def remaining(self) -> tuple[Response, ...]:
        """The responses nobody has asked for; a test that ends with some has not seen what it meant to."""
        return tuple(self._script)

    def add(self, *steps: Step) -> None:
        """Append one response."""
        self._script.append(steps)

    async def list_models(self) -> Sequence[ModelFacts]:
        """Return the models the script was given."""
        return self._models

    async def model_facts(self, model: str) -> ModelFacts:
        """Return the facts the script was given; `model_missing` for any other name."""
        for facts in self._models:
            if facts.id == model:
                return facts
        raise ProviderError("model_missing", provider=self._endpoint.id, server=self._endpoint.name, model=model)

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """Play the next response; a request no server could use takes none."""
        try:
            check_request(request)
        except PortalError as problem:
            yield StreamError(problem)
            return
        self.requests.append(request)
        player = _Player(self._endpoint, request, self._clock)
        try:
            for step in self._next(request):
                async with aclosing(player.play(step)) as events:
                    async for event in events:
                        yield event
                        if isinstance(event, Finish | StreamError):
                            return
            for event in player.finish(End()):
                yield event
        finally:
            self.closed_streams += 1

    async def complete(self, request: ChatRequest) -> Completion:
        """Play the next response as a whole."""
        return await collect(self.stream(request))

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a small vector per text that depends on the text alone."""
        await self.model_facts(model)
        return [[float(len(text)), float(sum(text.encode()) % 97)] for text in texts]

    async def close(self) -> None:
        """Nothing is open."""

    def _next(self, request: ChatRequest) -> Sequence[Step]:
        if not self._script:
            missing = "the script has no further response"
            server = self._endpoint.name
            return (Fail(ProviderError("server_failed", provider=self._endpoint.id, server=server, technical=missing)),)
        response = self._script.pop(0)
        if self._repeat:
            self._script.append(response)
        return response(request) if callable(response) else response


class _Player:
    """Turns the steps of one response into events with indexes."""

    def __init__(self, endpoint: Endpoint, request: ChatRequest, clock: Clock) -> None:
        self._endpoint = endpoint
        self._request = request
        self._clock = clock
        self._index = -1
        self._calls = 0
        self._usage: Usage | None = None

    async def play(self, step: Step) -> AsyncGenerator[StreamEvent]:
        match step:
            case Say() | Think():
                async with aclosing(self._text(step)) as events:
                    async for event in events:
                        yield event
            case Wait(seconds=seconds):
                await self._clock.sleep(seconds)
            case Hold(gate=gate):
                await gate.wait()
            case Silence(seconds=seconds):
                if not await self._patient(seconds):
                    yield StreamError(self._timeout(seconds))
            case _:
                for event in self._at_once(step):
                    yield event

    def _at_once(self, step: Call | News | Count | Fail | End) -> Sequence[StreamEvent]:
        match step:
            case Call():
                return self._call(step)
            case News(phase=phase, detail=detail, fraction=fraction):
                return (Progress(phase, detail, fraction),)
            case Count(usage=usage):
                self._usage = usage
                return (UsageReport(usage),)
            case Fail(error=error):
                return (StreamError(error),)
            case End():
                return self.finish(step)

    def finish(self, end: End) -> Sequence[StreamEvent]:
        reason = end.reason or (FinishReason.TOOL_CALLS if self._calls else FinishReason.STOP)
        return (Finish(reason, self._request.model, end.usage or self._usage, end.warning),)

    async def _text(self, step: Say | Think) -> AsyncGenerator[StreamEvent, None]:
        self._index += 1
        whole: Text | Thinking = Text(step.text) if isinstance(step, Say) else Thinking(step.text)
        yield PartStart(self._index, whole.kind)
        size = step.size or max(1, len(step.text))
        for start in range(0, len(step.text), size):
            if step.delay:
                await self._clock.sleep(step.delay)
            yield PartDelta(self._index, step.text[start : start + size])
        yield PartEnd(self._index, whole)

    def _call(self, step: Call) -> Sequence[StreamEvent]:
        self._index += 1
        self._calls += 1
        call = ToolCall(step.id or f"call_{self._calls}", step.name, step.arguments, step.problem)
        return (PartStart(self._index, "tool_call", call.id, call.name), PartEnd(self._index, call))

    async def _patient(self, seconds: float) -> bool:
        await self._clock.sleep(seconds)
        ask: Callable[[float], Awaitable[bool]] | None = self._request.patience
        return ask is not None and await ask(seconds)

    def _timeout(self, seconds: float) -> ProviderError:
        return ProviderError(
            "timeout", provider=self._endpoint.id, server=self._endpoint.name, seconds=f"{seconds:.0f}"
        )
