"""Who is asked about tools, what is shown, and what may be piped in."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from portal_desktop.agent.approval import ApprovalRequest, Decision
from portal_desktop.cli.ask import question_text
from portal_desktop.cli.terminal import LARGEST_INPUT, Lines, approver, person, piped_text
from portal_desktop.errors import InvalidInput
from portal_desktop.messages import ToolCall
from tests.cli.conftest import Screen

ROOT = Path(__file__).resolve().parents[2]
REQUEST = ApprovalRequest(
    ToolCall("c1", "delete_task", {"id": 3, "note": "x" * 500 + "\x1b[2J"}),
    "Delete task",
    "Delete the task “Milk”",
    "it removes something",
    powers=("change",),
    undoable=True,
)


@contextlib.contextmanager
def pipe(content: bytes, *, close: bool = True) -> Iterator[TextIO]:
    reading, writing = os.pipe()
    os.write(writing, content)
    if close:
        os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        yield stream
    if not close:
        os.close(writing)


@pytest.mark.spec("X-82")
@pytest.mark.parametrize(
    ("policy", "typed", "decision"),
    [
        ("all", None, Decision.ALLOW),
        ("none", "y\n", Decision.DENY),
        ("ask", None, Decision.DENY),
        ("ask", "y\n", Decision.ALLOW),
        ("ask", "Ja\n", Decision.ALLOW),
        ("ask", "\n", Decision.DENY),
        ("ask", "nope\n", Decision.DENY),
        ("ask", "", Decision.DENY),
    ],
)
async def test_approval_by_policy_and_answer_is_decided(
    policy: str, typed: str | None, decision: Decision, screen: Screen
) -> None:
    lines = None if typed is None else Lines(io.StringIO(typed).readline)
    assert await approver(policy, lines, screen.output)(REQUEST) is decision


async def test_approval_asked_shows_all_there_is_to_judge(screen: Screen) -> None:
    await approver("ask", Lines(io.StringIO("n\n").readline), screen.output)(REQUEST)
    for part in ("Delete the task “Milk”", "delete_task", "x" * 500, "change", "can be undone", "removes", "300 s"):
        assert part in screen.asides
    assert "\x1b" not in screen.asides
    assert screen.text == ""


async def test_lines_waited_for_and_given_up_do_not_block_the_next_one() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as stream:
        lines = Lines(stream.readline)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lines.next(), 0.05)
        os.write(writing, b"late\n")
        assert await lines.next() == "late\n"
        os.write(writing, b"next\n")
        assert await lines.next() == "next\n"
        os.close(writing)
        assert await lines.next() == ""


@pytest.mark.spec("X-82")
def test_pipe_of_a_megabyte_is_refused_with_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * LARGEST_INPUT)
    with file.open(encoding="utf-8") as stream, pytest.raises(InvalidInput) as caught:
        piped_text(stream, 10_000, wait=True)
    assert caught.value.name == "text_too_long"
    assert "10000 characters" in caught.value.advice


@pytest.mark.parametrize(
    ("content", "text"), [(b"hello\n", "hello\n"), (b"", ""), (b"\xef\xbb\xbf\xc3\xbc", "ü"), (b"a\xff", "a\ufffd")]
)
def test_pipe_with_text_is_read_whole(content: bytes, text: str) -> None:
    for wait in (True, False):
        with pipe(content) as stream:
            assert piped_text(stream, 100, wait=wait) == text


def test_pipe_nobody_writes_to_does_not_hang_a_command_that_has_its_text() -> None:
    with pipe(b"", close=False) as stream:
        assert piped_text(stream, 100, wait=False) is None


def test_null_device_as_input_is_no_text() -> None:
    with Path(os.devnull).open(encoding="utf-8") as stream:
        assert not piped_text(stream, 100, wait=False)
        assert not piped_text(stream, 100, wait=True)


def test_person_without_a_terminal_is_nobody() -> None:
    with pipe(b"y\n") as stream, person(stream) as lines:
        assert lines is None


def ask_text(*words: str, piped: bytes = b"", files: tuple[str, ...] = (), limit: int = 100) -> str:
    with pipe(piped) as stream:
        return question_text(list(words), files, limit, stream)


def test_question_of_words_pipe_and_files_is_one_text(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("from the file\n", encoding="utf-8")
    assert ask_text("What", "is", "it?") == "What is it?"
    assert ask_text(piped=b"piped\n") == "piped"
    assert ask_text("-", piped=b"piped\n") == "piped"
    assert ask_text("Sum up", piped=b"piped\n") == "Sum up\n\npiped"
    asked = ask_text("Sum up", piped=b"piped\n", files=(str(tmp_path / "note.txt"),))
    assert asked == "Sum up\n\nnote.txt:\n\nfrom the file\n\npiped"


def test_question_that_cannot_be_asked_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large").write_bytes(b"x" * 1000)
    refusals = []
    for words, files in (
        ((), ()),
        (("x" * 101,), ()),
        (("a",), ("binary",)),
        (("a",), ("gone",)),
        (("a",), ("large",)),
    ):
        with pytest.raises(InvalidInput) as caught:
            ask_text(*words, files=tuple(str(tmp_path / name) for name in files))
        refusals.append(caught.value.name)
    assert refusals == ["no_messages", "text_too_long", "invalid_field", "invalid_field", "text_too_long"]


@pytest.mark.integration
@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
def test_person_at_a_real_terminal_is_asked_though_the_question_was_piped() -> None:
    import pty

    code = """
        import asyncio, sys
        from portal_desktop.agent.approval import ApprovalRequest
        from portal_desktop.cli.output import Output
        from portal_desktop.cli.terminal import approver, person
        from portal_desktop.messages import ToolCall
        output = Output.of_process(as_json=False)
        with person(sys.stdin) as lines:
            request = ApprovalRequest(ToolCall("c", "t", {}), "T", "Do it", "it asks")
            output.line(asyncio.run(approver("ask", lines, output)(request)))
    """
    child, terminal = pty.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-c", textwrap.dedent(code)])
    shown = b""
    while b"Allow this?" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, b"y\n")
    with contextlib.suppress(OSError):
        while chunk := os.read(terminal, 1000):
            shown += chunk
    os.close(terminal)
    assert os.waitpid(child, 0)[1] == 0
    assert shown.rstrip().endswith(b"allow")


def test_grammar_loaded_alone_brings_no_qt() -> None:
    code = "import sys, portal_desktop.cli.ask, portal_desktop.cli.chat, portal_desktop.cli.tasks, portal_desktop.cli.doctor; print([m for m in sys.modules if m.startswith('PySide6')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
