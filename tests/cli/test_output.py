"""What is printed, and what must never reach a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal_desktop.cli.exits import Exit, exit_for
from portal_desktop.cli.output import visible
from portal_desktop.errors import CATALOGUE, InvalidInput, PortalError, ProviderError
from tests.cli.conftest import Screen

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 🌱 e\u0301", "plain ü 🌱 e\u0301"),
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("abc\rXYZ\b\x7f\x9b31m", "abcXYZ31m"),
        ("safe\u202eexe.txt\u2066", "safeexe.txt"),
        ("tag\U000e0041\U000e0042", "tag"),
        ("two\nlines\tand tab", "two\nlines\tand tab"),
    ],
)
def test_visible_text_never_steers_a_terminal(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_piece_and_line_mixed_end_where_they_should(screen: Screen) -> None:
    screen.output.piece("half")
    screen.output.end_line()
    screen.output.end_line()
    screen.output.line("whole")
    assert screen.text == "half\nwhole\n"


def test_table_of_cells_with_line_breaks_stays_one_row_each(screen: Screen) -> None:
    screen.output.table([["a", "1\n2"], ["longer", ""]])
    assert screen.text == "a       1 2\nlonger\n"


def test_event_with_odd_separators_is_one_line_of_ascii(json_screen: Screen) -> None:
    json_screen.output.event("text", delta="a\u2028b\u0085c\nd ü", name="x")
    assert json_screen.text.isascii()
    assert json_screen.events == [{"event": "text", "delta": "a\u2028b\u0085c\nd ü", "name": "x"}]


def test_error_for_people_and_for_programs_says_the_same(screen: Screen, json_screen: Screen) -> None:
    error = ProviderError("server_unreachable", server="Ollama", address="127.0.0.1:11434")
    screen.output.error(error)
    json_screen.output.error(error)
    assert screen.text == ""
    assert "Ollama is not running at 127.0.0.1:11434 (3001)" in screen.asides
    (event,) = json_screen.events
    assert (event["event"], event["kind"], event["code"]) == ("error", "network", 3001)
    assert "Start it" in event["message"]


@pytest.mark.spec("X-82")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("server_unreachable", Exit.NOT_REACHABLE),
        ("address_unknown", Exit.NOT_REACHABLE),
        ("endpoint_unknown", Exit.NOT_REACHABLE),
        ("auth_failed", Exit.REFUSED),
        ("content_filtered", Exit.REFUSED),
        ("local_only", Exit.REFUSED),
        ("text_too_long", Exit.REFUSED),
        ("cut_off", Exit.CUT_OFF),
        ("connection_lost", Exit.CUT_OFF),
        ("no_messages", Exit.USAGE),
        ("invalid_field", Exit.USAGE),
        ("server_failed", Exit.FAILED),
        ("model_missing", Exit.FAILED),
        ("timeout", Exit.FAILED),
        ("disk_full", Exit.FAILED),
        ("bug", Exit.FAILED),
    ],
)
def test_exit_code_of_an_error_is_the_documented_one(name: str, code: Exit) -> None:
    values = dict.fromkeys(
        ("server", "address", "model", "field", "problem", "limit", "length", "seconds", "what", "folder"), "x"
    )
    assert exit_for(PortalError(name, **values)) is code


def test_exit_codes_of_every_error_are_never_success() -> None:
    for name, entry in CATALOGUE.items():
        error = InvalidInput("no_messages")
        error.name, error.kind = name, entry.kind
        assert exit_for(error) in set(Exit) - {Exit.COMPLETE}


@pytest.mark.skipif(os.name != "posix", reason="pipes behave differently on Windows")
def test_output_whose_reader_went_away_ends_quietly() -> None:
    code = (
        "from portal_desktop.cli.output import Output\n"
        "o = Output.of_process(as_json=False)\n"
        "while not o.closed: o.line('x' * 5000)\n"
        "o.line('more'); o.aside('closed')"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr is not None
    assert child.stderr.read() == "closed\n"
    child.stderr.close()
    assert child.wait(10) == 0


def test_document_printed_is_json_with_all_it_was_given(json_screen: Screen) -> None:
    json_screen.output.document([{"a": Path("b"), "ü": None}])
    assert json.loads(json_screen.text) == [{"a": "b", "ü": None}]
