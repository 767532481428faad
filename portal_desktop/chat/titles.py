"""Titles made here, without asking a model."""

from __future__ import annotations

import re

LONGEST = 60
_MARKS = re.compile(r"^\s*(?:#+|[-*+>]|\d+[.)])\s+|[`*_]{1,3}")


def simple_title(text: str) -> str:
    """Return the first line with words in it, without Markdown, cut between words."""
    for line in text.splitlines():
        bare = " ".join(_MARKS.sub("", line).split())
        if any(letter.isalnum() for letter in bare):
            break
    else:
        return " ".join(text.split())[:LONGEST]
    if len(bare) <= LONGEST:
        return bare
    head, _, _ = bare[: LONGEST - 1].rpartition(" ")
    return (head or bare[: LONGEST - 1]).rstrip(" ,;:.") + "…"
