"""`portal ask`: one question, one answer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from portal_desktop.chat.live import LiveChats
from portal_desktop.cli.choose import KINDS, Chooser
from portal_desktop.cli.exits import Exit
from portal_desktop.cli.output import Output
from portal_desktop.cli.terminal import approver, person, piped_text
from portal_desktop.cli.turns import begin
from portal_desktop.errors import InvalidInput
from portal_desktop.messages import Mode, Source
from portal_desktop.settings import Settings, declared


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add what names a model and decides about tools; `ask` and `chat` share it."""
    parser.add_argument("--endpoint", metavar="URL", default="", help="address of a model server, for this run")
    parser.add_argument(
        "--provider", choices=KINDS, default="", help="the protocol it speaks; found out when left out."
    )
    parser.add_argument("--model", default="", help="a model, also written endpoint/model")
    parser.add_argument("--no-tools", action="store_true", help="conversation only")
    parser.add_argument(
        "--approve",
        choices=("ask", "all", "none"),
        default="ask",
        help="what to do when a tool needs consent; by default asks on the terminal and denies without one.",
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser.add_argument("text", nargs="*", help="the question; text piped in is added to it")
    parser.add_argument("--file", "-f", action="append", default=[], metavar="PATH", help="add a text file")
    parser.add_argument("--conversation", type=int, metavar="ID", help="go on in this conversation")
    add_model_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


async def run(
    arguments: argparse.Namespace, output: Output, *, settings: Settings, live: LiveChats, chooser: Chooser
) -> Exit:
    """Send the question and print the answer as it comes."""
    text = question_text(arguments.text, arguments.file, settings.get(declared.MAX_MESSAGE_CHARS), sys.stdin)
    model = ""
    if arguments.conversation is None or arguments.endpoint or arguments.provider or arguments.model:
        model = await chooser.choose(address=arguments.endpoint, kind=arguments.provider, model=arguments.model)
    else:
        await chooser.look()
    with person(sys.stdin) as lines:
        start = partial(
            live.send,
            arguments.conversation,
            text,
            source=Source.CLI,
            model=model,
            mode=Mode.CHAT if arguments.no_tools else Mode.ACT,
            approve=approver(arguments.approve, lines, output),
        )
        return await begin(start, output)


def question_text(words: Sequence[str], files: Sequence[str], limit: int, stdin: TextIO) -> str:
    """Return the argument, the files and what was piped in as one text.

    Raises:
        InvalidInput: there is no text, it is too long, or a file is none.
    """
    asked = " ".join(words).strip()
    parts = [asked] if asked and asked != "-" else []
    parts += [_file_text(Path(name), limit) for name in files]
    piped = piped_text(stdin, limit, wait=not parts or asked == "-")
    if piped and piped.strip():
        parts.append(piped.rstrip("\n"))
    text = "\n\n".join(parts)
    if not text:
        raise InvalidInput("no_messages")
    if len(text) > limit:
        raise InvalidInput("text_too_long", limit=limit, length=len(text))
    return text


def _file_text(file: Path, limit: int) -> str:
    try:
        size = file.stat().st_size
        if size > 4 * limit:
            raise InvalidInput("text_too_long", limit=limit, length=f"about {size}")
        content = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            "invalid_field", field=str(file), problem="it is not there or no text", technical=type(error).__name__
        ) from error
    return f"{file.name}:\n\n{content.rstrip()}"
