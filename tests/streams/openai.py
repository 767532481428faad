"""Bytes as OpenAI-compatible servers send them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

DONE = b"data: [DONE]\n\n"


def sse(value: object) -> bytes:
    """Return one event; raw characters stay as they are, as llama.cpp sends them."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **extra: Any) -> bytes:
    """Return one chunk of a chat completion."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return sse({**head, "choices": [choice], **extra})


def say(*texts: str) -> bytes:
    """Return chunks of content."""
    return b"".join(chunk({"content": text}) for text in texts)


def think(*texts: str, field: str = "reasoning_content") -> bytes:
    """Return chunks of reasoning in a field of its own."""
    return b"".join(chunk({field: text}) for text in texts)


def call(index: int | None = 0, call_id: str | None = None, name: str | None = None, arguments: Any = None) -> bytes:
    """Return one delta of a tool call; what is None is left out."""
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    delta = {k: v for k, v in (("index", index), ("id", call_id), ("function", function)) if v is not None}
    if call_id:
        delta["type"] = "function"
    return chunk({"tool_calls": [delta]})


def usage(prompt: int = 10, completion: int = 5, **details: Any) -> bytes:
    """Return the chunk without choices that carries the counts."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, **details}
    return sse({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": counts})


def end(reason: str | None = "stop") -> bytes:
    """Return the finish chunk and the mark."""
    return chunk({}, reason) + DONE


def pieces_whole(data: bytes) -> list[bytes]:
    """Return all of it at once."""
    return [data]


def pieces_of_one(data: bytes) -> list[bytes]:
    """Return single bytes."""
    return [data[i : i + 1] for i in range(len(data))]


def pieces_at_random(data: bytes, seed: int = 7) -> list[bytes]:
    """Return pieces of random length, the same for the same seed."""
    chance = random.Random(seed)
    return list(_cut(data, chance))


def _cut(data: bytes, chance: random.Random) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = chance.choice((1, 2, 3, 5, 17, 80, 300))
        yield data[at : at + size]
        at += size


WAYS: Sequence[Any] = (pieces_whole, pieces_of_one, pieces_at_random)
