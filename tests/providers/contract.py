"""The promises of `providers.base.Provider`, asked of every provider by `test_contract.py`.

A provider takes part by a `Stage` in `STAGES`: it plays a `Turn` (what the model is to say) in the provider's own
dialect. A provider that cannot be told what to say (the engine) uses the `check_*` functions on what it does say.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from portal_desktop.messages import (
    Finish,
    FinishReason,
    PartDelta,
    PartEnd,
    PartStart,
    StreamError,
    StreamEvent,
    Text,
    Thinking,
    Usage,
)
from portal_desktop.net import Network
from portal_desktop.providers.base import ChatRequest, Endpoint, Provider, ProviderKind
from portal_desktop.providers.errors import provider_error
from portal_desktop.providers.lmstudio import LMStudioProvider
from portal_desktop.providers.messages import to_openai
from portal_desktop.providers.ollama import OllamaProvider
from portal_desktop.providers.openai import OpenAIProvider
from portal_desktop.providers.scripted import Call, End, Fail, Say, ScriptedProvider, Step, Think
from tests.servers import ollama_talk as talk
from tests.servers.base import Action, FakeServer, Hold, Reply
from tests.servers.ollama import NDJSON, FakeOllama, chat, refused
from tests.servers.openai import FakeOpenAI, refusal, stream
from tests.streams import openai as sse
from tests.support.streams import no_key, outcome


@dataclass(frozen=True)
class Turn:
    """What the model says; `status` refuses, `error` breaks it inside, `cut` and `gate` leave it unfinished."""

    text: str = ""
    thinking: str = ""
    calls: Sequence[tuple[str, Mapping[str, Any]]] = ()
    length: bool = False
    status: int = 0
    error: str = ""
    cut: bool = False
    gate: Hold | None = None


class Stage(Protocol):
    """A provider that can be told what its model says."""

    @property
    def provider(self) -> Provider:
        """The provider itself."""
        ...

    @property
    def model(self) -> str:
        """The model it has."""
        ...

    def play(self, turn: Turn) -> None:
        """Let the next request be answered like this."""
        ...

    def bodies(self) -> list[bytes]:
        """Return the bodies of the chat requests so far."""
        ...


class ServedStage(Stage, Protocol):
    """A provider with a server behind it."""

    @property
    def server(self) -> FakeServer:
        """The server."""
        ...


class OpenAIStage:
    """Any provider that speaks OpenAI's format."""

    def __init__(self, server: FakeOpenAI, provider: Provider) -> None:
        self.server = server
        self.provider = provider
        self.model = "m"

    def play(self, turn: Turn) -> None:
        """Script one answer."""
        if turn.status:
            self.server.script(refusal(turn.status, turn.error or "no"))
            return
        actions: list[Action] = [sse.chunk({"role": "assistant", "content": None})]
        actions += [sse.think(*_pieces(turn.thinking)), sse.say(*_pieces(turn.text))]
        for number, (name, arguments) in enumerate(turn.calls):
            actions.append(sse.call(number, f"id{number}", name, dict(arguments)))
        if turn.gate is not None:
            actions.append(turn.gate)
        if turn.error:
            actions.append(sse.sse({"error": {"message": turn.error}}))
        if turn.cut or turn.error:
            self.server.script(stream(*actions, framing="close"))
            return
        reason = "length" if turn.length else "tool_calls" if turn.calls else "stop"
        self.server.script(stream(*actions, sse.chunk({}, reason), sse.usage(10, 5), sse.DONE))

    def bodies(self) -> list[bytes]:
        """Return what was sent."""
        return [request.body for request in self.server.of("/v1/chat/completions")]


class OllamaStage:
    """Ollama's own protocol."""

    def __init__(self, server: FakeOllama, provider: Provider) -> None:
        self.server = server
        self.provider = provider
        self.model = "qwen3:8b"

    def play(self, turn: Turn) -> None:
        """Script one answer."""
        if turn.status:
            self.server.script(refused(turn.status, turn.error or "no"))
            return
        actions: list[Action] = [talk.said(self.model, thinking=piece) for piece in _pieces(turn.thinking)]
        actions += [talk.said(self.model, piece) for piece in _pieces(turn.text)]
        for number, (name, arguments) in enumerate(turn.calls):
            actions.append(talk.said(self.model, calls=[talk.call(name, arguments, call_id=f"id{number}")]))
        if turn.gate is not None:
            actions.append(turn.gate)
        if turn.error:
            self.server.script(chat(*[a for a in actions if isinstance(a, bytes)], talk.error(turn.error)))
        elif turn.cut:
            self.server.script(Reply(actions, 200, NDJSON, "close"))
        else:
            actions.append(talk.done(self.model, reason="length" if turn.length else "stop"))
            self.server.script(Reply(actions, 200, NDJSON))

    def bodies(self) -> list[bytes]:
        """Return what was sent."""
        return [request.body for request in self.server.of("/api/chat")]


class ScriptedStage:
    """The scripted provider, which is its own server; it plays no refusal that a server words."""

    def __init__(self) -> None:
        self.provider = ScriptedProvider(Endpoint("fake", ProviderKind.SCRIPTED, "Fake", "scripted:"))
        self.model = "demo"

    def play(self, turn: Turn) -> None:
        """Script one answer."""
        names = {
            401: "auth_failed",
            404: "model_missing",
            429: "rate_limited",
            500: "server_failed",
            503: "server_busy",
        }
        steps: list[Step] = [Think(turn.thinking, 3)] if turn.thinking else []
        steps += [Say(turn.text, 3)] if turn.text else []
        steps += [Call(name, arguments, f"id{number}") for number, (name, arguments) in enumerate(turn.calls)]
        failure = names.get(turn.status) or ("server_error_event" if turn.error else "cut_off" if turn.cut else "")
        if failure:
            steps.append(Fail(provider_error(failure, self.provider.endpoint, self.model)))
        else:
            steps.append(End(FinishReason.LENGTH if turn.length else None, Usage(10, 5)))
        self.provider.add(*steps)

    def bodies(self) -> list[bytes]:
        """Return what was asked."""
        return [json.dumps(to_openai(request.messages)).encode() for request in self.provider.requests]


def _pieces(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


@asynccontextmanager
async def _openai(network: Network) -> AsyncIterator[ServedStage]:
    async with FakeOpenAI() as server:
        yield OpenAIStage(server, OpenAIProvider(server.endpoint(), network, no_key))


@asynccontextmanager
async def _lmstudio(network: Network) -> AsyncIterator[ServedStage]:
    async with FakeOpenAI(v0=[{"id": "m", "type": "llm", "state": "loaded"}]) as server:
        yield OpenAIStage(server, LMStudioProvider(server.endpoint(ProviderKind.LMSTUDIO), network, no_key))


@asynccontextmanager
async def _ollama(network: Network) -> AsyncIterator[ServedStage]:
    async with FakeOllama(talk=False) as server:
        endpoint = Endpoint("fake", ProviderKind.OLLAMA, "Fake", server.base_url)
        yield OllamaStage(server, OllamaProvider(endpoint, network, no_key))


@asynccontextmanager
async def _scripted(network: Network) -> AsyncIterator[Stage]:
    yield ScriptedStage()


SERVED: Mapping[str, Callable[[Network], AbstractAsyncContextManager[ServedStage]]] = {
    "openai": _openai,
    "lmstudio": _lmstudio,
    "ollama": _ollama,
}
STAGES: Mapping[str, Callable[[Network], AbstractAsyncContextManager[Stage]]] = {**SERVED, "scripted": _scripted}


def check_stream(events: Sequence[StreamEvent]) -> None:
    """Check what holds for every stream: order, indexes, one last event, parts that are what their deltas added up to."""
    outcome(events)
    shown: dict[int, str] = {}
    for event in events:
        if isinstance(event, PartStart):
            shown[event.index] = ""
        elif isinstance(event, PartDelta):
            shown[event.index] += event.text
        elif isinstance(event, PartEnd) and isinstance(event.part, Text | Thinking):
            assert event.part.text.strip() == shown[event.index].strip()
    assert isinstance(events[-1], Finish | StreamError)


async def check_complete(provider: Provider, request: ChatRequest, again: Callable[[], Awaitable[Any]]) -> None:
    """Check that the whole answer equals what the stream added up to; `again` returns the events of the same request."""
    streamed = outcome(await again())
    whole = await provider.complete(request)
    assert whole.message.parts == streamed.parts
    assert whole.reason == streamed.end
    assert whole.usage == streamed.usage
