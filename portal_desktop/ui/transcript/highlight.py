"""Colours in code: by line while it grows, by Pygments once it is finished."""

from __future__ import annotations

import re
from collections.abc import Iterator
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


class Lexing:
    """The exact colours of a piece of code, found a few words at a time; `lines` is whole when `step` returned True."""

    def __init__(self, source: str, language: str) -> None:
        self.lines: list[list[Span]] = [[]]
        self._column = 0
        self._tokens = _tokens(source, language)

    def step(self, words: int) -> bool:
        """Go on by so many words and return whether the end was reached."""
        for _ in range(words):
            token = next(self._tokens, None)
            if token is None:
                return True
            self._take(*token)
        return False

    def _take(self, kind: str, value: str) -> None:
        color = _color(kind)
        for number, part in enumerate(value.split("\n")):
            if number:
                self.lines.append([])
                self._column = 0
            if part and color:
                self.lines[-1].append((self._column, len(part), color))
            self._column += len(part)


def can_lex(source: str, language: str) -> bool:
    """Return whether a piece is worth exact colours: a language is named, and it is not too long."""
    return language.lower() not in _PLAIN and len(source) <= LEXED_CHARACTERS


def _tokens(source: str, language: str) -> Iterator[tuple[str, str]]:
    from pygments.lexers import get_lexer_by_name  # noqa: PLC0415 - 70 ms; only for conversations with code
    from pygments.util import ClassNotFound  # noqa: PLC0415 - as above

    try:
        lexer = get_lexer_by_name(language.lower(), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return
    for kind, value in lexer.get_tokens(source):
        yield str(kind).removeprefix("Token."), value


def _color(kind: str) -> str:
    return next((_COLORS[name] for name in _shorter(kind) if name in _COLORS), "")


def _shorter(kind: str) -> Iterator[str]:
    while kind:
        yield kind
        kind = kind.rpartition(".")[0]
