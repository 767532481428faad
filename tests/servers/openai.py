"""A fake OpenAI-compatible server (also LM Studio and llama.cpp), on `tests.servers.base`.

    async with FakeOpenAI(models=["m"]) as server:
        server.script(answer("Hello", usage=(10, 2)))          # correct chunks, or one object if none were asked for
        server.script(stream(say("Hel"), Wait(1), say("lo"), end()))   # exact bytes out of tests.streams.openai
        server.script(refusal(401, "no"))
        provider = OpenAIProvider(server.endpoint(), ...)

`/v1/models` is a standing answer; so are `/props`, `/api/v0/models`, `/api/v1/models` and `/v1/embeddings` when given.
With `key` every request without it gets status 401. `python -m tests.servers.openai --port 0` prints its address and
answers every chat with a short text.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from portal_desktop.providers.base import Endpoint, ProviderKind
from tests.servers.base import Action, FakeServer, Received, Reply, Wait, json_reply, main
from tests.streams.openai import DONE, chunk
from tests.streams.openai import usage as usage_chunk

STREAM = {"content-type": "text/event-stream"}


def stream(*actions: Action, status: int = 200, headers: Mapping[str, str] = STREAM, **options: Any) -> Reply:
    """Return an event stream of exactly these bytes and pauses."""
    return Reply(actions, status, headers, **options)


def refusal(status: int, message: str = "no", kind: str = "error", code: str | None = None, **headers: str) -> Reply:
    """Return an error before the stream."""
    return json_reply({"error": {"message": message, "type": kind, "code": code, "param": None}}, status, **headers)


def answer(
    text: str = "",
    *,
    thinking: str = "",
    calls: Sequence[tuple[str, Mapping[str, Any]]] = (),
    usage: tuple[int, int] | None = None,
    finish: str = "",
    size: int = 4,
    pause: float = 0.0,
) -> Callable[[Received], Reply]:
    """Return a step that answers in the way asked for: in pieces of `size` characters, or as one object."""
    reason = finish or ("tool_calls" if calls else "stop")

    def reply(request: Received) -> Reply:
        body = request.json
        if not body.get("stream"):
            return _whole(text, thinking, calls, usage, reason)
        actions: list[Action] = [chunk({"role": "assistant", "content": None})]
        actions += [chunk({"reasoning_content": piece}) for piece in _cut(thinking, size)]
        actions += [chunk({"content": piece}) for piece in _cut(text, size)]
        for number, (name, arguments) in enumerate(calls):
            opened = {"index": number, "id": f"id{number}", "type": "function"}
            actions.append(chunk({"tool_calls": [{**opened, "function": {"name": name, "arguments": ""}}]}))
            for piece in _cut(json.dumps(arguments), size):
                actions.append(chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]}))
        actions.append(chunk({}, reason))
        if usage is not None and body.get("stream_options", {}).get("include_usage"):
            actions.append(usage_chunk(*usage))
        actions.append(DONE)
        if pause:
            actions = [step for action in actions for step in (action, Wait(pause))]
        return stream(*actions)

    return reply


def _whole(
    text: str, thinking: str, calls: Sequence[tuple[str, Mapping[str, Any]]], usage: tuple[int, int] | None, reason: str
) -> Reply:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thinking:
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = [
            {"id": f"id{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for n, (name, arguments) in enumerate(calls)
        ]
    whole: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
    }
    if usage is not None:
        whole["usage"] = dict(
            zip(("prompt_tokens", "completion_tokens", "total_tokens"), (*usage, sum(usage)), strict=True)
        )
    return json_reply(whole)


def _cut(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


class FakeOpenAI(FakeServer):
    """See the module."""

    def __init__(
        self,
        *,
        models: Sequence[str | Mapping[str, Any]] = ("m",),
        key: str = "",
        props: Mapping[str, Any] | None = None,
        v0: Sequence[Mapping[str, Any]] | None = None,
        v1: Sequence[Mapping[str, Any]] | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.key = key
        self.models: list[str | Mapping[str, Any]] = list(models)
        self.route("GET", "/v1/models", self._list)
        self.route("POST", "/v1/embeddings", _embed)
        missing = refusal(404, "Unexpected endpoint or method")
        self.route("GET", "/props", json_reply(props) if props is not None else missing)
        older, newer = {"object": "list", "data": v0}, {"models": v1}
        self.route("GET", "/api/v0/models", json_reply(older) if v0 is not None else missing)
        self.route("GET", "/api/v1/models", json_reply(newer) if v1 is not None else missing)

    @property
    def chats(self) -> list[Received]:
        """The chat requests."""
        return self.of("/v1/chat/completions")

    def endpoint(
        self, kind: ProviderKind = ProviderKind.OPENAI, endpoint_id: str = "fake", name: str = "Fake"
    ) -> Endpoint:
        """Return an endpoint of this address."""
        return Endpoint(endpoint_id, kind, name, f"{self.base_url}/v1")

    def answer(self, request: Received) -> Reply:
        """Ask for the key first."""
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return refusal(401, "Incorrect API key provided", "invalid_request_error", "invalid_api_key")
        return super().answer(request)

    def _list(self, request: Received) -> Reply:
        entries = [
            {"id": m, "object": "model", "owned_by": "x"} if isinstance(m, str) else dict(m) for m in self.models
        ]
        return json_reply({"object": "list", "data": entries})


def _embed(request: Received) -> Reply:
    texts = request.json["input"]
    rows = [{"object": "embedding", "index": n, "embedding": [float(len(t)), 1.0]} for n, t in enumerate(texts)]
    return json_reply({"object": "list", "data": rows[::-1], "model": request.json["model"]})


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--text", default="Hello from the fake server.")
    options.add_argument("--pause", type=float, default=0.0)
    given = options.parse_args()
    server = FakeOpenAI(port=given.port)
    server.default = answer(given.text, usage=(10, 5), pause=given.pause)
    main(server)
