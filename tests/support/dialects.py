"""One script for both wire formats: what a model says, told by a fake OpenAI or a fake Ollama server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal_desktop.net import Network
from portal_desktop.providers.base import Endpoint, Provider, ProviderKind
from portal_desktop.providers.ollama import OllamaProvider
from portal_desktop.providers.openai import OpenAIProvider
from tests.servers import ollama_talk as talk
from tests.servers.base import Action, FakeServer, Received, Reply
from tests.servers.ollama import FakeOllama, chat, refused
from tests.servers.openai import STREAM, FakeOpenAI, refusal
from tests.streams import openai as sse

OLLAMA_MODEL = "qwen3:8b"


@dataclass(frozen=True)
class Turn:
    """One response of the model. `cut` ends the connection after it, `status` refuses before it, `error` inside."""

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    thinking: str = ""
    cut: bool = False
    status: int = 0
    error: str = ""
    length: bool = False
    gap: Sequence[Action] = field(default=())


class Bench:
    """A fake server with the provider that speaks to it."""

    def __init__(self, dialect: str, network: Network) -> None:
        self.dialect = dialect
        self.server: FakeServer = FakeOpenAI(models=["m"]) if dialect == "openai" else FakeOllama(talk=False)
        self._network = network
        self.model = "m" if dialect == "openai" else OLLAMA_MODEL

    @property
    def full(self) -> str:
        """The full id of the model."""
        return f"fake/{self.model}"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of the chat requests."""
        path = "/v1/chat/completions" if self.dialect == "openai" else "/api/chat"
        return [request.json for request in self.server.of(path)]

    def provider(self) -> Provider:
        """Return the product's own client of this server."""

        async def nothing() -> None:
            return None

        if self.dialect == "openai":
            endpoint = Endpoint("fake", ProviderKind.OPENAI, "Fake", f"{self.server.base_url}/v1")
            return OpenAIProvider(endpoint, self._network, nothing)
        return OllamaProvider(
            Endpoint("fake", ProviderKind.OLLAMA, "Fake", self.server.base_url), self._network, nothing
        )

    def script(self, *turns: Turn | Callable[[dict[str, Any]], Turn]) -> None:
        """Append responses; a callable sees the request's body."""
        for turn in turns:
            self.server.script(self._step(turn))

    def _step(self, turn: Turn | Callable[[dict[str, Any]], Turn]) -> Callable[[Received], Reply]:
        def reply(request: Received) -> Reply:
            said = turn(request.json) if callable(turn) else turn
            return self._openai(said) if self.dialect == "openai" else self._ollama(said)

        return reply

    def _openai(self, turn: Turn) -> Reply:
        if turn.status:
            return refusal(turn.status, turn.error or "no")
        actions: list[Action] = [sse.chunk({"role": "assistant", "content": None})]
        actions += [sse.think(turn.thinking)] if turn.thinking else []
        actions += [sse.say(piece) for piece in _pieces(turn.text)]
        actions += turn.gap
        for number, (name, arguments) in enumerate(turn.calls):
            text = json.dumps(arguments)
            half = len(text) // 2
            actions += [
                sse.call(number, f"id{number}", name, ""),
                sse.call(number, arguments=text[:half]),
                sse.call(number, arguments=text[half:]),
            ]
        if turn.error:
            actions.append(sse.sse({"error": {"message": turn.error, "type": "server_error", "code": 500}}))
        if turn.cut or turn.error:
            return Reply(actions, 200, STREAM, "close")
        actions.append(sse.chunk({}, "length" if turn.length else "tool_calls" if turn.calls else "stop"))
        return Reply([*actions, sse.usage(10, 5), sse.DONE], 200, STREAM)

    def _ollama(self, turn: Turn) -> Reply:
        if turn.status:
            return refused(turn.status, turn.error or "no")
        model = self.model
        actions: list[Action] = [talk.said(model, thinking=turn.thinking)] if turn.thinking else []
        actions += [talk.said(model, piece) for piece in _pieces(turn.text)]
        actions += turn.gap
        actions += [
            talk.said(model, calls=[talk.call(name, arguments, call_id=f"id{number}")])
            for number, (name, arguments) in enumerate(turn.calls)
        ]
        if turn.error:
            return chat(*[a for a in actions if isinstance(a, bytes)], talk.error(turn.error))
        if turn.cut:
            return Reply(actions, 200, {"content-type": "application/x-ndjson"}, "close")
        actions.append(talk.done(model, reason="length" if turn.length else "stop"))
        return Reply(actions, 200, {"content-type": "application/x-ndjson"})


def _pieces(text: str) -> list[str]:
    return [text[start : start + 7] for start in range(0, len(text), 7)]


def said(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return role and text of each message of a body; both dialects write them alike."""
    return [(message["role"], message.get("content") or "") for message in body["messages"]]


def pairs(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the ids of calls and results in the order of the body."""
    found = []
    for message in body["messages"]:
        found += [("call", call["id"]) for call in message.get("tool_calls") or ()]
        if message["role"] == "tool":
            found.append(("return", message["tool_call_id"]))
    return found


def schemas(body: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return description and schema of each tool offered in a body."""
    functions = [tool["function"] for tool in body.get("tools") or ()]
    return {function["name"]: (function["description"], function["parameters"]) for function in functions}
