"""Titles made from the first words."""

from __future__ import annotations

import pytest

from portal_desktop.chat.titles import LONGEST, simple_title


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("# A **bold** question\nmore", "A bold question"),
        ("\n\n- first `item`\n- second", "first item"),
        ("---\nWhat is this?", "What is this?"),
        ("???", "???"),
        ("日本語の質問", "日本語の質問"),
        ("spaces   and\ttabs", "spaces and tabs"),
    ],
)
def test_simple_title_takes_the_first_line_with_words(text: str, title: str) -> None:
    assert simple_title(text) == title


def test_simple_title_long_line_is_cut_between_words() -> None:
    title = simple_title("word " * 40)
    assert len(title) <= LONGEST
    assert title.endswith("word…")
    assert len(simple_title("x" * 500)) == LONGEST
