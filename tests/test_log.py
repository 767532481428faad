"""What reaches the log file: one line each, nothing secret, and never too much."""

from __future__ import annotations

import ast
import gzip
import json
import logging
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from portal_desktop import log as module
from portal_desktop.errors import CATALOGUE
from portal_desktop.log import (
    JsonLines,
    LogFile,
    LogHandle,
    Redactor,
    get_logger,
    is_secret_name,
    redact,
    setup,
    tracing,
)
from portal_desktop.paths import Paths
from tests.support.clock import FakeClock

PACKAGE = Path(module.__file__).parent
CANARY = 'canary-7f3a/ü+"quote"'

SAMPLES = (
    ("sk-proj-Ab12-cd34-EF56gh78ij90klmnop", "Ab12"),
    ("sk-ant-api03-Qx9-yy_Zz-0123456789abcdef", "Qx9"),
    ("sk-or-v1-0123456789abcdef0123456789abcdef", "0123456789"),
    ("sk-abcdefghijklmnopqrstuvwx", "abcdef"),
    ("xoxb-123456789012-abcdefGHIJKL", "abcdefGH"),
    ("xoxp-123456789012-abcdefGHIJKL", "abcdefGH"),
    ("xapp-1-A012345-678901-abcdef", "A012345"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghij"),
    ("gho_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghij"),
    ("github_pat_11ABCDEFG0abcdef_ghijklmnop", "11ABCDEFG"),
    ("hf_abcdefghijklmnopqrstuvwxyz", "abcdefghij"),
    ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN"),
    ("AIzaSyA-1234567890abcdefghijklmnopqrstu", "SyA-1234"),
    ("123456789:AAF-abcdefghijklmnopqrstuvwxyz012345", "AAF-abc"),
    ("bot123456789:AAF-abcdefghijklmnopqrstuvwxyz012345", "AAF-abc"),
    ("Authorization: Bearer abc.def-ghi_jkl", "abc.def"),
    ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjp"),
    ("{'x-api-key': 'plain-letters-only', 'accept': '*/*'}", "plain-letters"),
    ("password=hunter2&user=me", "hunter2"),
    ('{"api_key": "some value with spaces", "n": 1}', "value with"),
    ("GET http://127.0.0.1:1/v1/models?key=abcDEF123&page=2", "abcDEF123"),
    ("https://user:s3cret@models.example/v1", "s3cret"),
    ("bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJzdWI"),
    ("-----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADAN\n-----END PRIVATE KEY-----", "IBADAN"),
    ("Set-Cookie: session=abcdef; Path=/", "abcdef"),
    ("client_secret = 'q1w2 e3r4'", "q1w2"),
)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.below(tmp_path)


@pytest.fixture
def handle(paths: Paths, fake_clock: FakeClock) -> Iterator[LogHandle]:
    root = logging.getLogger()
    level = root.level
    opened = setup(paths, "info", lambda: [CANARY], clock=fake_clock, patterns=[r"KD-\d{6}"])
    yield opened
    opened.close()
    root.setLevel(level)


@pytest.fixture
def lines(handle: LogHandle) -> Callable[[], list[dict[str, Any]]]:
    def read() -> list[dict[str, Any]]:
        handle.flush()
        return [json.loads(line) for line in handle.file.read_text(encoding="utf-8").rstrip("\n").split("\n")]

    return read


Lines = Callable[[], list[dict[str, Any]]]


@pytest.mark.spec("P-28", "P-41")
@pytest.mark.parametrize(("sample", "secret"), SAMPLES)
def test_redact_of_a_sample_masks_all_of_it(sample: str, secret: str) -> None:
    assert secret in sample
    for text in (sample, f"before {sample} after", f"[{sample}]", json.dumps({"note": sample})):
        assert secret not in redact(text)
        assert module.MASK in redact(text)


@pytest.mark.spec("P-28", "P-41")
@pytest.mark.parametrize(
    "harmless",
    [
        "risk-based disk-usage task-list",
        "the basic understanding of a bearer",
        "completion_tokens=12 prompt_tokens: 7 max_tokens=5",
        "keyboard: on, monkey=banana",
        "https://models.example:8080/v1/chat",
        "2026-11-21T09:30:00.123456Z",
        "Asking-sk-for it",
    ],
)
def test_redact_of_harmless_text_changes_nothing(harmless: str) -> None:
    assert redact(harmless) == harmless


@pytest.mark.spec("P-28", "P-41")
@pytest.mark.parametrize("spelling", [CANARY, "canary-7f3a%2F%C3%BC%2B%22quote%22", json.dumps(CANARY)])
def test_redact_of_a_known_secret_masks_each_spelling(spelling: str) -> None:
    text = redact(f"x {spelling} y", [CANARY])
    assert "7f3a" not in text
    assert text.startswith("x ")


@pytest.mark.spec("P-41")
def test_redact_twice_of_the_same_text_is_the_same() -> None:
    for sample, _ in SAMPLES:
        assert redact(redact(sample)) == redact(sample)


@pytest.mark.spec("P-41")
@pytest.mark.parametrize("name", ["api_key", "x-api-key", "Authorization", "bot_token", "PASSWORD", "key", "cookie"])
def test_field_named_like_a_secret_is_masked_whatever_it_holds(name: str, lines: Lines) -> None:
    assert is_secret_name(name)
    get_logger("test").info("Fields", **{name: "four", "inner": {name: ["four"]}})
    (line,) = lines()
    assert line["fields"] == {name: module.MASK, "inner": {name: module.MASK}}


@pytest.mark.spec("P-41")
@pytest.mark.parametrize("name", ["tokens", "completion_tokens", "keys", "sort_order", "monkey", "model"])
def test_field_named_like_something_else_keeps_its_value(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.spec("P-28", "P-41")
def test_line_written_has_every_field_of_the_format(lines: Lines) -> None:
    with tracing() as trace:
        get_logger("storage").info("Database opened", seconds=0.5, path=Path("a"), order=("x", 1))
    (line,) = lines()
    assert list(line) == ["timestamp", "level", "component", "message", "trace", "fields"]
    assert line["component"] == "storage"
    assert line["level"] == "info"
    assert line["message"] == "Database opened"
    assert line["fields"] == {"seconds": 0.5, "path": "a", "order": ["x", 1]}
    assert re.fullmatch(r"[0-9a-f]{8}", trace)
    assert line["trace"] == trace
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])


@pytest.mark.spec("P-28", "P-41")
@pytest.mark.expects_log("Library", "failed", "careful")
def test_line_of_a_library_a_traceback_and_a_warning_is_redacted(lines: Lines) -> None:
    logging.getLogger("somelibrary.http").warning("Library sent %r", {"x-api-key": CANARY})
    try:
        raise ValueError(f"bad key {CANARY}") from KeyError(CANARY)
    except ValueError as error:
        get_logger("test").error("It failed", error=error)
        logging.getLogger("other").exception("Library failed")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"be careful with {CANARY}", stacklevel=1)
    text = json.dumps(lines())
    assert "7f3a" not in text
    assert text.count("Traceback") == 2
    assert "be careful" in text


@pytest.mark.spec("P-41")
def test_line_with_the_users_own_pattern_is_masked(lines: Lines) -> None:
    get_logger("test").info("Customer KD-123456", note="KD-123456 again")
    assert "123456" not in json.dumps(lines())


@pytest.mark.spec("P-41")
def test_line_of_a_library_that_does_not_format_is_kept() -> None:
    record = logging.LogRecord("somelibrary", logging.INFO, "file.py", 1, "wrong %d", ("text",), None)
    line = json.loads(JsonLines(Redactor(list)).format(record))
    assert line["message"] == "wrong %d ('text',)"


@pytest.mark.spec("P-41")
def test_line_with_newlines_bidi_and_surrogates_is_one_readable_line(lines: Lines, handle: LogHandle) -> None:
    get_logger("test").info("Odd", text="a\nb\u2028c\x85d\ud800e\0")
    assert lines()[0]["fields"]["text"].startswith("a\nb\u2028c")
    assert handle.file.read_bytes().count(b"\n") == 1


@pytest.mark.spec("P-41")
def test_line_below_the_level_is_not_written(lines: Lines) -> None:
    get_logger("test").debug("Quiet")
    get_logger("test").info("Loud")
    assert [line["message"] for line in lines()] == ["Loud"]


def test_file_of_the_log_is_for_this_user_only(lines: Lines, handle: LogHandle) -> None:
    get_logger("test").info("Hello")
    assert lines()
    assert handle.file.stat().st_mode & 0o777 == 0o600


def test_tail_of_the_log_is_its_last_lines(handle: LogHandle) -> None:
    for number in range(50):
        get_logger("test").info("Counted", number=number)
    tail = handle.tail(3).splitlines()
    assert [json.loads(line)["fields"]["number"] for line in tail] == [47, 48, 49]


@pytest.mark.spec("P-31", "P-41")
def test_file_beyond_ten_megabytes_is_put_away_compressed(tmp_path: Path, fake_clock: FakeClock) -> None:
    file = LogFile(tmp_path / "cli.log", fake_clock)
    file.write("x" * 9_999_990 + "\n")
    file.write("the next line\n")
    file.close()
    (old,) = tmp_path.glob("*.gz")
    assert gzip.decompress(old.read_bytes()) == b"x" * 9_999_990 + b"\n"
    assert (tmp_path / "cli.log").read_text() == "the next line\n"
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".gz", ".log"]


@pytest.mark.spec("P-31", "P-41")
async def test_file_older_than_a_day_is_put_away_also_after_a_restart(tmp_path: Path, fake_clock: FakeClock) -> None:
    first = LogFile(tmp_path / "cli.log", fake_clock)
    first.write('{"timestamp": "2026-11-21T09:30:00.000000Z"}\n')
    first.close()
    await fake_clock.advance(23 * 3600)
    second = LogFile(tmp_path / "cli.log", fake_clock)
    second.write("same day\n")
    assert list(tmp_path.glob("*.gz")) == []
    await fake_clock.advance(3600)
    second.write("next day\n")
    second.close()
    assert len(list(tmp_path.glob("*.gz"))) == 1
    assert (tmp_path / "cli.log").read_text() == "next day\n"


@pytest.mark.spec("P-31", "P-41")
async def test_files_put_away_are_seven_and_at_most_thirty_days_old(tmp_path: Path, fake_clock: FakeClock) -> None:
    file = LogFile(tmp_path / "cli.log", fake_clock)
    for number in range(10):
        file.write(f"{number}\n")
        file.rotate()
        await fake_clock.advance(1)
    kept = sorted(tmp_path.glob("*.gz"))
    assert [gzip.decompress(old.read_bytes()) for old in kept] == [f"{n}\n".encode() for n in range(3, 10)]
    ancient = (fake_clock.now() - timedelta(days=31)).timestamp()
    recent = (fake_clock.now() - timedelta(days=29)).timestamp()
    os.utime(kept[0], (ancient, ancient))
    for old in kept[1:]:
        os.utime(old, (recent, recent))
    file.sweep()
    assert sorted(tmp_path.glob("*.gz")) == kept[1:]


def test_file_moved_away_by_another_process_is_begun_anew(tmp_path: Path, fake_clock: FakeClock) -> None:
    one, other = LogFile(tmp_path / "cli.log", fake_clock), LogFile(tmp_path / "cli.log", fake_clock)
    one.write("1\n")
    other.write("2\n")
    one.rotate()
    other.write("3\n")
    one.write("4\n")
    one.close()
    other.close()
    assert (tmp_path / "cli.log").read_text() == "3\n4\n"


def test_output_with_a_folder_that_vanished_counts_lost_lines(handle: LogHandle, paths: Paths) -> None:
    get_logger("test").info("Hello")
    handle.flush()
    handle.file.unlink()
    paths.logs.rmdir()
    get_logger("test").info("Into nothing")
    handle.flush()
    assert handle.lost == 1
    paths.logs.mkdir()
    get_logger("test").info("Back")
    handle.flush()
    assert "Back" in handle.file.read_text()


def test_setup_closed_detaches_from_the_logging_of_python(paths: Paths, fake_clock: FakeClock) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    setup(paths, "info", list, clock=fake_clock, program="cli").close()
    root.setLevel(level)
    assert root.handlers == before


@pytest.mark.spec("P-28", "P-41")
def test_calls_of_the_log_in_the_tree_have_constant_text_and_fitting_arguments() -> None:
    wrong = []
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_log(node.func):
                text = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
                if not isinstance(text, str) or len(re.findall(r"%[^%]", text)) != len(node.args) - 1:
                    wrong.append(f"{file.name}:{node.lineno}")
    assert wrong == []


def _is_log(function: ast.Attribute) -> bool:
    owner = function.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return function.attr in {"debug", "info", "warning", "error", "exception"} and name.strip("_").lower() in {
        "log",
        "logger",
    }


def test_catalogue_of_errors_passes_redaction_unchanged() -> None:
    for entry in CATALOGUE.values():
        assert redact(f"{entry.title}. {entry.advice}") == f"{entry.title}. {entry.advice}"


@pytest.mark.spec("P-41")
@pytest.mark.parametrize("piece", ["a-", "a_b-c", "://a", '\\"', 'token="', " \t", "sk-", "eyJaaaaaaaa.", "?key="])
def test_redact_of_hostile_text_takes_no_time(piece: str) -> None:
    text = (piece * module.LONGEST_TEXT)[: module.LONGEST_TEXT]
    begin = time.thread_time()
    redact(f"token {text}", ["secret-value"])
    assert time.thread_time() - begin < 0.5
