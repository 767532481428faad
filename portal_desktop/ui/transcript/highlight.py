"""Colours in code: by line while it grows, by Pygments once it is finished."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Span: TypeAlias = tuple[int, int, str]
"""Start and length in the line, and a colour of the table."""

LEXED_CHARACTERS = 8_000

_WORDS = (
    "and as assert async await break case catch class const continue def default del do elif else enum except export "
    "extends false False final finally fn for from func function global if impl implements import in interface is "
    "lambda let match mod mut new nil None nonlocal not null or package pass private protected pub public raise return "
    "self static struct super switch this throw trait true True try type typeof use using var void while with yield"
)
_TOKEN = re.compile(
    r"(?P<comment>(?:#|//|--\s).*$)|(?P<string>\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?|`[^`]*`?)"
    r"|(?P<number>\b(?:0[xob][\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\b)"
    rf"|(?P<keyword>\b(?:{'|'.join(_WORDS.split())})\b)|(?P<name>\b[A-Za-z_]\w*(?=\())|(?P<type>\b[A-Z]\w+\b)"
)
_PLAIN = frozenset({"", "text", "txt", "plain", "plaintext", "output", "table", "formula", "markdown", "md"})
_COLORS = {
    "Keyword": "syntax_keyword",
    "Operator.Word": "syntax_keyword",
    "Literal.String": "syntax_string",
    "Comment": "syntax_comment",
    "Literal.Number": "syntax_number",
    "Name.Function": "syntax_name",
    "Name.Class": "syntax_type",
    "Name.Builtin": "syntax_name",
    "Name.Decorator": "syntax_type",
    "Name.Tag": "syntax_keyword",
    "Name.Attribute": "syntax_name",
    "Generic.Inserted": "ok",
    "Generic.Deleted": "bad",
    "Generic.Heading": "syntax_type",
    "Generic.Subheading": "syntax_type",
}


def line_spans(line: str, language: str) -> list[Span]:
    """Return the colours of one line, without knowing the lines around it."""
    if language.lower() in _PLAIN or len(line) > 500:
        return []
    if language == "diff":
        mark = line[:1]
        return [(0, len(line), "ok" if mark == "+" else "bad")] if mark in {"+", "-"} else []
    return [
        (match.start(), match.end() - match.start(), f"syntax_{match.lastgroup}") for match in _TOKEN.finditer(line)
    ]


@dataclass(frozen=True, slots=True)
class Lexed:
    """The exact colours of a piece of code, line by line."""

    lines: tuple[tuple[Span, ...], ...]


def lex(source: str, language: str) -> Lexed | None:
    """Return the exact colours, or None where the language is not known or the piece too long to be worth it."""
    if language.lower() in _PLAIN or len(source) > LEXED_CHARACTERS:
        return None
    from pygments.lexers import get_lexer_by_name  # noqa: PLC0415 - 70 ms; only for conversations with code
    from pygments.util import ClassNotFound  # noqa: PLC0415 - as above

    try:
        lexer = get_lexer_by_name(language.lower(), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    lines: list[list[Span]] = [[]]
    column = 0
    for kind, value in lexer.get_tokens(source):
        color = _color(str(kind).removeprefix("Token."))
        for number, part in enumerate(value.split("\n")):
            if number:
                lines.append([])
                column = 0
            if part and color:
                lines[-1].append((column, len(part), color))
            column += len(part)
    return Lexed(tuple(tuple(line) for line in lines))


def _color(kind: str) -> str:
    return next((_COLORS[name] for name in _shorter(kind) if name in _COLORS), "")


def _shorter(kind: str) -> Iterator[str]:
    while kind:
        yield kind
        kind = kind.rpartition(".")[0]
