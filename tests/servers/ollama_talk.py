"""What the fake Ollama knows and says: its models, the checks of the real one, and answers for people and end-to-end
tests. Pure: bytes and dictionaries, no sockets. Written from ollama/ollama (api/types.go, server/routes.go)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CREATED = "2026-11-21T09:30:00.123456789Z"
CHAT = ("completion", "tools")


@dataclass(frozen=True)
class FakeModel:
    name: str
    capabilities: tuple[str, ...] | None = CHAT
    size: int = 4_700_000_000
    family: str = "llama"
    parameters: str = "8.0B"
    quantization: str = "Q4_K_M"
    context: int | None = 32768
    loaded_context: int | None = None
    remote_host: str = ""
    families: tuple[str, ...] | None = None
    dimensions: int = 8

    def can(self, ability: str) -> bool:
        return self.capabilities is not None and ability in self.capabilities

    def tag(self, *, old: bool) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "name": self.name,
            "model": self.name,
            "modified_at": CREATED,
            "size": self.size,
            "digest": hashlib.sha256(self.name.encode()).hexdigest(),
            "details": {
                "parent_model": "",
                "format": "gguf",
                "family": self.family,
                "families": list(self.families) if self.families is not None else None,
                "parameter_size": self.parameters,
                "quantization_level": self.quantization,
            },
        }
        if self.remote_host:
            entry |= {"remote_model": self.name, "remote_host": self.remote_host}
        if not old and self.capabilities is not None:
            entry["capabilities"] = list(self.capabilities)
        return entry

    def show(self) -> dict[str, Any]:
        info = {"general.architecture": self.family, "general.parameter_count": 8_000_000_000}
        if self.context is not None:
            info[f"{self.family}.context_length"] = self.context
        shown: dict[str, Any] = {
            "license": "MIT " * 2000,
            "modelfile": f"FROM {self.name}",
            "parameters": 'stop    "<|im_end|>"\nnum_ctx   4096',
            "template": "{{ .Prompt }}",
            "details": self.tag(old=True)["details"],
            "model_info": info,
            "modified_at": CREATED,
        }
        if self.capabilities is not None:
            shown["capabilities"] = list(self.capabilities)
        return shown

    def running(self) -> dict[str, Any]:
        entry = self.tag(old=True)
        entry.pop("modified_at")
        return {**entry, "expires_at": CREATED, "size_vram": self.size, "context_length": self.loaded_context or 4096}


MODELS = (
    FakeModel("llama3.2:3b", size=2_019_393_189, parameters="3.2B"),
    FakeModel("qwen3:8b", (*CHAT, "thinking"), family="qwen3", parameters="8.2B", context=40960),
    FakeModel("gemma3:4b", ("completion", "vision"), family="gemma3", parameters="4.3B", context=131072),
    FakeModel("nomic-embed-text:latest", ("embedding",), 274_302_450, "nomic-bert", "137M", "F16", 2048),
)


def line(model: str, message: Mapping[str, Any] | None = None, **more: Any) -> bytes:
    """One NDJSON line as Go writes it: `<`, `>`, `&`, U+2028 and U+2029 escaped, everything else raw."""
    body = {"model": model, "created_at": CREATED, **({"message": message} if message is not None else {}), **more}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    for raw in "<>&\u2028\u2029":
        text = text.replace(raw, f"\\u{ord(raw):04x}")
    return text.encode("utf-8", "surrogatepass") + b"\n"


def said(model: str, content: str = "", *, thinking: str = "", calls: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """A `done:false` line."""
    return line(model, _message(content, thinking, calls), done=False)


def done(
    model: str,
    content: str = "",
    *,
    calls: Sequence[Mapping[str, Any]] = (),
    reason: str | None = "stop",
    **metrics: int,
) -> bytes:
    """The last line; metrics that are 0 are left out, as the real one does."""
    counts = {
        "total_duration": 1_500_000_000,
        "load_duration": 250_000_000,
        "prompt_eval_count": 26,
        "prompt_eval_duration": 130_000_000,
        "eval_count": 12,
        "eval_duration": 900_000_000,
    } | metrics
    why = {"done_reason": reason} if reason else {}
    return line(
        model,
        _message(content, "", calls),
        done=True,
        **why,
        **{name: value for name, value in counts.items() if value},
    )


def call(
    name: str, arguments: Mapping[str, Any] | None = None, *, index: int = 0, call_id: str | None = ""
) -> dict[str, Any]:
    """One entry of `tool_calls`; `call_id=None` is an old server that gives none."""
    function = {"index": index, "name": name, "arguments": dict(arguments or {})}
    return (
        {"function": function} if call_id is None else {"id": call_id or f"call_{name}_{index}", "function": function}
    )


def error(text: str) -> bytes:
    """The line that ends a stream that has begun; nothing follows it."""
    return json.dumps({"error": text}).encode() + b"\n"


def answer(model: str, *chunks: str, thinking: Sequence[str] = (), **metrics: int) -> list[bytes]:
    """A whole good answer."""
    lines = [said(model, thinking=text) for text in thinking]
    return [*lines, *(said(model, text) for text in chunks), done(model, **metrics)]


def _message(content: str, thinking: str, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = [dict(entry) for entry in calls]
    return message


def refusal(body: object, models: Mapping[str, FakeModel], *, chat: bool = True) -> tuple[int, str] | None:
    """Status and text with which the real server refuses a chat request, or None when it would take it."""
    if not isinstance(body, dict):
        return 400, "json: cannot unmarshal into Go value of type api.ChatRequest"
    name = body.get("model")
    if not isinstance(name, str) or not name:
        return 400, "model is required"
    model = models.get(name) or models.get(f"{name}:latest")
    if model is None:
        return 404, f"model '{name}' not found"
    if not chat:
        return None
    if (wrong := _wrong_type(body)) is not None:
        return 400, wrong
    if not model.can("completion") and model.capabilities is not None:
        return 400, f'"{name}" does not support chat'
    if body.get("tools") and not model.can("tools"):
        return 400, f"registry.ollama.ai/library/{name} does not support tools"
    if body.get("think") and not model.can("thinking"):
        return 400, f'"{name}" does not support thinking'
    if any(message.get("images") for message in body.get("messages", ())) and not model.can("vision"):
        return 400, f'"{name}" does not support vision'
    return None


def _wrong_type(body: Mapping[str, Any]) -> str | None:
    if not isinstance(body.get("messages", []), list):
        return "json: cannot unmarshal into Go struct field ChatRequest.messages"
    for message in body.get("messages", ()):
        if not isinstance(message.get("content", ""), str):
            return "json: cannot unmarshal array into Go struct field Message.messages.content of type string"
        if message.get("role") not in {"system", "user", "assistant", "tool"}:
            return "invalid role"
        for entry in message.get("tool_calls") or ():
            if not isinstance(entry["function"].get("arguments"), dict):
                return "json: cannot unmarshal string into Go struct field .function.arguments"
        for image in message.get("images") or ():
            try:
                base64.b64decode(image, validate=True)
            except (binascii.Error, TypeError):
                return "illegal base64 data at input byte 4"
    options = body.get("options") or {}
    for number in ("temperature", "top_p", "num_predict", "seed"):
        if isinstance(options.get(number, 0), str):
            return f"option {number} must be of type float32"
    return None


def reply(body: Mapping[str, Any]) -> list[bytes]:
    """Answer a person: tool calls for the to-do list, reasoning, long, broken and ordinary answers by request."""
    model = body["model"]
    messages = body.get("messages") or []
    if not messages:
        return [line(model, _message("", "", ()), done=True, done_reason="load")]
    if isinstance(body.get("format"), dict):
        return answer(model, json.dumps(_example(body["format"])))
    last = messages[-1]
    if last["role"] == "tool":
        return answer(model, "Done: ", _short(last["content"]))
    text = str(last.get("content", ""))
    if calls := _wanted_calls(text, _tool_names(body)):
        return [said(model, calls=calls), done(model)]
    return _by_word(model, text, thinks=body.get("think", True) is not False)


def _by_word(model: str, text: str, *, thinks: bool) -> list[bytes]:
    lower = text.lower()
    if "error line" in lower:
        return [said(model, "It begins well, "), error("an error was encountered while running the model")]
    if "cut off" in lower:
        return [said(model, "It begins well, and")]
    if "long" in lower:
        return answer(model, *(f"Sentence number {n} of a long answer. " for n in range(1, 201)))
    if "markdown" in lower:
        return answer(model, *re.findall(r"\S*\s*", MARKDOWN))
    thinking = ("The user asks ", "me to think. ", "I do.") if "think" in lower and thinks else ()
    return answer(model, *re.findall(r"\S+\s*|\s+", f"You said: {_short(text)}"), thinking=thinking)


MARKDOWN = """\
# A heading

Some **bold** text, *some* slanted, `code` and a [link](https://example.com).

1. first
2. second

```python
def add(one: int, other: int) -> int:
    return one + other
```

| fruit | count |
|-------|------:|
| apple |     3 |
"""

_ASKS = (
    (
        re.compile(r"^(?:please )?(?:add|create|remind me to) (?:a task (?:to |called )?)?(?P<title>.+?)[.!]?$", re.I),
        "add_task",
    ),
    (re.compile(r"^(?:list|show|what)\b.*\b(?:tasks?|list|to.?dos?)\b", re.I), "list_tasks"),
    (re.compile(r"^(?:complete|finish|done with|tick off)(?: task)? #?(?P<task_id>.+?)[.!]?$", re.I), "complete_task"),
    (re.compile(r"^(?:delete|remove)(?: task)? #?(?P<task_id>.+?)[.!]?$", re.I), "delete_task"),
    (re.compile(r"\b(?:time|date|day) is it\b|^what day", re.I), "current_time"),
)


def _wanted_calls(text: str, offered: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    for pattern, name in _ASKS:
        found = pattern.search(text.strip())
        if found and name in offered:
            wanted = found.groupdict()
            pieces = re.split(r" and add ", wanted["title"], flags=re.I) if "title" in wanted else [""]
            return [
                call(
                    name,
                    _typed(wanted | ({"title": piece} if piece else {}), offered[name]),
                    index=0,
                    call_id=f"call_{n}",
                )
                for n, piece in enumerate(pieces)
            ]
    return []


def _typed(arguments: Mapping[str, str], properties: Mapping[str, Any]) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    for name, value in arguments.items():
        kind = properties.get(name, {}).get("type") if isinstance(properties.get(name), dict) else None
        number = kind == "integer" or (isinstance(kind, list) and "integer" in kind)
        typed[name] = int(value) if number and value.isdigit() else value
    return typed


def _tool_names(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    functions = [tool["function"] for tool in body.get("tools") or ()]
    return {f["name"]: f.get("parameters", {}).get("properties", {}) for f in functions}


def _example(schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object" or "properties" in schema:
        return {name: _example(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_example(schema.get("items", {}))]
    return {"integer": 1, "number": 0.5, "boolean": True, "null": None}.get(str(kind), "Example")


def _short(text: str) -> str:
    return text if len(text) <= 300 else text[:300] + "…"
