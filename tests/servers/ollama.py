"""A fake Ollama: the routes, checks and bytes of the real one; the official `ollama` client is its judge.

    async with FakeOllama() as server:                       # talks by itself (see ollama_talk.reply)
    async with FakeOllama(talk=False) as server:             # every chat must be scripted
        server.script(chat(*answer("qwen3:8b", "Hel", "lo.")))

Lists, descriptions, embeddings and refusals (unknown model, no tools, no thinking, wrong types) are answered as the
real one does; a scripted step is taken by the next chat request that would be accepted. `models` may be changed while
it runs. From a shell: `python -m tests.servers.ollama --port 0 [--scenario slow]`, until standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from tests.servers import ollama_talk as talk
from tests.servers.base import FakeServer, Hold, Received, Reply, Wait, json_reply, main, text_reply
from tests.servers.ollama_talk import FakeModel

NDJSON = {"content-type": "application/x-ndjson"}
SCENARIOS = ("default", "slow", "loading", "thinking", "error", "cut", "busy", "silent", "empty", "nonsense")


def chat(*lines: bytes, pace: float = 0.0, status: int = 200) -> Reply:
    """A streamed answer, one line per HTTP chunk."""
    return Reply(list(lines), status, NDJSON, pace=pace)


def refused(status: int, text: str, **more: Any) -> Reply:
    """An error before the first line."""
    return json_reply({"error": text, **more}, status)


class FakeOllama(FakeServer):
    """See the module. `old` is a server that tells no abilities in its list; `version` what it says of itself."""

    def __init__(
        self,
        models: Iterable[FakeModel] = talk.MODELS,
        *,
        port: int = 0,
        talk: bool = True,
        old: bool = False,
        scenario: str = "default",
        pace: float = 0.0,
        version: str = "0.13.1",
    ) -> None:
        super().__init__(port=port)
        self.models = {model.name: model for model in models if scenario != "empty"}
        self.old = old
        self.version = version
        self._talk = talk
        self._scenario = scenario
        self._pace = pace or (0.05 if scenario == "slow" else 0.0)

    @property
    def chats(self) -> list[dict[str, Any]]:
        """The bodies of the chat requests so far."""
        return [request.json for request in self.of("/api/chat")]

    def remove(self, name: str) -> None:
        """Delete a model, as `ollama rm` does."""
        del self.models[name]

    def answer(self, request: Received) -> Reply:
        path = request.path.partition("?")[0]
        if (request.method, path) in self._routes:
            return super().answer(request)
        if self._scenario == "nonsense":
            return text_reply("<html><body>It works!</body></html>")
        if request.headers.get("host", "").partition(":")[0] not in {"127.0.0.1", "localhost"}:
            return Reply([], 403, framing="length")
        if (request.method, path) == ("POST", "/api/chat"):
            return self._chat(request)
        return self._ask(request.method, path, request)

    def _ask(self, method: str, path: str, request: Received) -> Reply:
        match method, path:
            case (("GET" | "HEAD"), "/"):
                return text_reply("Ollama is running" if method == "GET" else "", content_type="text/plain")
            case "GET", "/api/version":
                return json_reply({"version": self.version})
            case "GET", "/api/tags":
                return json_reply({"models": [model.tag(old=self.old) for model in self.models.values()]})
            case "GET", "/api/ps":
                return json_reply({"models": [m.running() for m in self.models.values() if m.loaded_context]})
            case "GET", "/v1/models":
                data = [{"id": name, "object": "model", "created": 1, "owned_by": "library"} for name in self.models]
                return json_reply({"object": "list", "data": data})
            case "POST", "/api/show":
                return self._show(_json(request))
            case "POST", "/api/embed":
                return self._embed(_json(request))
        return text_reply("404 page not found", 404, "text/plain")

    def _chat(self, request: Received) -> Reply:
        if self._scenario == "busy":
            return refused(503, "server busy, please try again.  maximum pending requests exceeded")
        body = _json(request)
        if (no := talk.refusal(body, self.models)) is not None:
            return refused(*no)
        assert isinstance(body, dict)
        if not self._talk or self._script:
            reply = super().answer(request)
            return _whole(reply) if body.get("stream") is False else reply
        return self._own_answer(body)

    def _own_answer(self, body: dict[str, Any]) -> Reply:
        model = body["model"]
        words = {"thinking": "think ", "error": "error line ", "cut": "cut off "}.get(self._scenario, "")
        if words and body["messages"] and body["messages"][-1]["role"] == "user":
            last = body["messages"][-1]
            body = {**body, "messages": [*body["messages"][:-1], {**last, "content": words + last["content"]}]}
        lines = talk.reply(body)
        if body.get("stream") is False:
            return _whole(chat(*lines))
        if self._scenario == "silent":
            return Reply([talk.said(model, "One moment"), Hold(asyncio.Event())], 200, NDJSON)
        head = [Wait(3.0)] if self._scenario == "loading" else []
        return Reply(lines, 200, NDJSON, head=head, pace=self._pace)

    def _show(self, body: object) -> Reply:
        if (no := talk.refusal(body, self.models, chat=False)) is not None:
            return refused(*no)
        assert isinstance(body, dict)
        model = self.models.get(body["model"]) or self.models[f"{body['model']}:latest"]
        shown = model.show()
        if self.old:
            shown.pop("capabilities", None)
        return json_reply(shown)

    def _embed(self, body: object) -> Reply:
        if (no := talk.refusal(body, self.models, chat=False)) is not None:
            return refused(*no)
        assert isinstance(body, dict)
        model = self.models.get(body["model"]) or self.models[f"{body['model']}:latest"]
        if not model.can("embedding"):
            return refused(400, f'"{model.name}" does not support embeddings')
        given = body.get("input", [])
        texts = [given] if isinstance(given, str) else given
        if body.get("truncate") is False and any(len(text) > 4 * (model.context or 1) for text in texts):
            return refused(400, "the input length exceeds the context length")
        vectors = [_vector(text, model.dimensions) for text in texts]
        return json_reply({"model": model.name, "embeddings": vectors, "prompt_eval_count": len(texts)})


def _json(request: Received) -> object:
    try:
        return json.loads(request.body)
    except ValueError:
        return None


def _whole(reply: Reply) -> Reply:
    """One object instead of many lines, as `stream: false` gives."""
    said = [json.loads(line) for line in reply.actions if isinstance(line, bytes)]
    if any("error" in line for line in said):
        return refused(500, next(line["error"] for line in said if "error" in line))
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for line in said:
        part: Mapping[str, Any] = line["message"]
        message["content"] += part.get("content", "")
        if "thinking" in part:
            message["thinking"] = message.get("thinking", "") + part["thinking"]
        if "tool_calls" in part:
            message["tool_calls"] = [*message.get("tool_calls", ()), *part["tool_calls"]]
    return json_reply({**said[-1], "message": message})


def _vector(text: str, dimensions: int) -> list[float]:
    """A unit vector that depends on the text alone."""
    raw = [math.sin(sum(text.encode()) * (n + 1) + len(text)) for n in range(dimensions)]
    length = math.sqrt(sum(value * value for value in raw)) or 1.0
    return [value / length for value in raw]


def _from_shell() -> FakeOllama:
    parser = argparse.ArgumentParser(description="A fake Ollama, until standard input ends.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--scenario", choices=SCENARIOS, default="default")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between two lines of an answer")
    options = parser.parse_args()
    return FakeOllama(port=options.port, scenario=options.scenario, pace=options.pace)


if __name__ == "__main__":
    main(_from_shell())
