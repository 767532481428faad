"""Answers as models write them: headings, lists, tables, code, quotes, paragraphs. No Qt, no randomness but the seed."""

from __future__ import annotations

import random
from collections.abc import Callable

_WORDS = [
    "the",
    "garden",
    "needs",
    "water",
    "when",
    "the",
    "sun",
    "stands",
    "high",
    "and",
    "the",
    "beans",
    "climb",
    "along",
    "the",
    "frame",
    "while",
    "squash",
    "covers",
    "ground",
    "so",
    "that",
    "**weeds**",
    "find",
    "no",
    "`light`",
    "and",
    "[notes](https://example.org/beans)",
    "say",
    "more",
    "about",
    "soil,",
    "seeds",
    "and",
    "seasons",
]


def markdown(characters: int, seed: int = 1) -> str:
    """Return an answer of so many characters: headings, lists, tables, code, quotes, paragraphs."""
    chance = random.Random(seed)

    def words(count: int) -> str:
        return " ".join(chance.choice(_WORDS) for _ in range(count))

    makers: list[Callable[[], str]] = [
        lambda: f"## {words(4)}",
        lambda: words(chance.randint(20, 90)) + ".",
        lambda: words(chance.randint(20, 60)) + ".",
        lambda: "\n".join(f"- {words(9)}" for _ in range(chance.randint(3, 9))),
        lambda: "\n".join(f"{i}. {words(8)}" for i in range(1, chance.randint(4, 8))),
        lambda: "| a | b | c |\n|---|---|---|\n" + "\n".join(f"| {words(2)} | {words(1)} | {i} |" for i in range(8)),
        lambda: "```python\n" + "\n".join(f"def f{i}(x: int) -> int:\n    return x * {i}" for i in range(20)) + "\n```",
        lambda: f"> {words(30)}",
    ]
    parts: list[str] = []
    length = 0
    while length < characters:
        part = chance.choice(makers)()
        parts.append(part)
        length += len(part) + 2
    return "\n\n".join(parts)[:characters]
