"""The command line, and what of it reaches the first instance."""

from __future__ import annotations

from pathlib import Path

from portal_desktop.desktop.arguments import Arguments, parse, parse_sent


def test_parse_words_of_arguments_mean_the_same_again(tmp_path: Path) -> None:
    given = Arguments(hidden=True, quick_ask=True, files=(tmp_path / "--odd name.txt",))
    assert parse(given.words()) == given


def test_parse_nothing_shows_the_window() -> None:
    assert parse([]) == Arguments()


def test_parse_sent_nonsense_shows_the_window() -> None:
    assert parse_sent(["--nonsense"]) == Arguments()
