"""`portal chat`: a conversation at the terminal."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from portal_desktop.chat.live import LiveChats
from portal_desktop.cli.ask import add_model_options
from portal_desktop.cli.choose import Chooser
from portal_desktop.cli.exits import Exit, exit_for
from portal_desktop.cli.output import Output
from portal_desktop.cli.terminal import Lines, approver, line_editor, person
from portal_desktop.cli.turns import RunningTurn, begin, interrupts
from portal_desktop.errors import PortalError
from portal_desktop.messages import Mode, Source

PROMPT = "> "
HELP = "/new begins another conversation, /model NAME changes the model, /quit ends. Ctrl+C stops an answer."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser.add_argument("--conversation", type=int, metavar="ID", help="go on in this conversation")
    add_model_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


class ChatLoop:
    """Reads lines and sends them, until the end of the input or /quit."""

    def __init__(self, arguments: argparse.Namespace, output: Output, live: LiveChats, chooser: Chooser) -> None:
        self._arguments = arguments
        self._output = output
        self._live = live
        self._chooser = chooser
        self._conversation: int | None = arguments.conversation
        self._model = ""

    async def run(self) -> Exit:
        """Return how the last turn ended."""
        await self._use(self._arguments.model)
        last = Exit.COMPLETE
        with person(sys.stdin) as lines:
            self._approve = approver(self._arguments.approve, lines, self._output)
            typed = Lines(line_editor(PROMPT) if lines is not None and sys.stdin.isatty() else sys.stdin.readline)
            if lines is not None:
                self._output.aside(f"{self._model or 'The conversation chooses its model'}. {HELP}")
            while line := await self._next(typed):
                text = line.strip()
                if text == "/quit":
                    break
                if text.startswith("/"):
                    await self._command(text)
                elif text:
                    last = await self._turn(text)
                if self._output.closed:
                    break
        return last

    async def _next(self, typed: Lines) -> str:
        with interrupts(lambda: self._output.aside("\n· /quit or Ctrl+D ends; Ctrl+C once more ends at once.")):
            return await typed.next()

    async def _turn(self, text: str) -> Exit:
        async def start() -> RunningTurn:
            turn = await self._live.send(
                self._conversation,
                text,
                source=Source.CLI,
                model=self._model,
                mode=Mode.CHAT if self._arguments.no_tools else Mode.ACT,
                approve=self._approve,
            )
            self._conversation = turn.conversation_id
            return turn

        try:
            return await begin(partial(start), self._output)
        except PortalError as error:
            self._output.error(error)
            return exit_for(error)

    async def _command(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        if word == "/new":
            self._conversation = None
            self._output.aside("· A new conversation.")
        elif word == "/model" and rest.strip():
            try:
                await self._use(rest.strip())
            except PortalError as error:
                self._output.error(error)
            else:
                self._output.aside(f"· {self._model}")
        elif word == "/model":
            self._output.aside(f"· {self._model or 'chosen by the conversation'}")
        else:
            self._output.aside(f"· {HELP}")

    async def _use(self, model: str) -> None:
        given = self._arguments
        if self._conversation is not None and not (model or given.endpoint or given.provider):
            await self._chooser.look()
            return
        self._model = await self._chooser.choose(address=given.endpoint, kind=given.provider, model=model)


async def run(arguments: argparse.Namespace, output: Output, *, live: LiveChats, chooser: Chooser) -> Exit:
    """Hold a conversation; the exit code is that of its last turn."""
    return await ChatLoop(arguments, output, live, chooser).run()
