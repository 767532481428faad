"""What the program may be started with; a second start sends the same words to the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import portal_desktop

if TYPE_CHECKING:
    from argparse import ArgumentParser


@dataclass(frozen=True, slots=True)
class Arguments:
    """`files` are absolute; `quick_ask` goes straight to where one writes."""

    hidden: bool = False
    quick_ask: bool = False
    files: tuple[Path, ...] = ()

    def words(self) -> list[str]:
        """Return them as a command line that means the same in another process."""
        flags = [flag for flag, on in (("--hidden", self.hidden), ("--quick-ask", self.quick_ask)) if on]
        return [*flags, "--", *(str(file) for file in self.files)]


def parse(words: Sequence[str]) -> Arguments:
    """Read a command line; a wrong one ends the process with argparse's words and code 2."""
    if not words:
        return Arguments()
    known = _parser().parse_args(list(words))
    return Arguments(known.hidden, known.quick_ask, tuple(Path(file).absolute() for file in known.files))


def parse_sent(words: Sequence[str]) -> Arguments:
    """Read what another start sent; anything wrong in it means: show the window."""
    try:
        return parse(words)
    except SystemExit:
        return Arguments()


def _parser() -> ArgumentParser:
    import argparse  # noqa: PLC0415 - most starts have no arguments, and the first picture waits for this

    class TellVersion(argparse.Action):
        """Looks the version up only when it is asked for, unlike argparse's own action."""

        def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
            parser.exit(message=f"portal-desktop {portal_desktop.__version__}\n")

    parser = argparse.ArgumentParser(prog="portal-desktop", description="A local-first AI desk.")
    parser.add_argument("--version", action=TellVersion, nargs=0, help="show the version and end")
    parser.add_argument("--hidden", action="store_true", help="start in the tray, without a window")
    parser.add_argument("--quick-ask", action="store_true", help="go straight to where one writes")
    parser.add_argument("files", nargs="*", metavar="FILE", help="a text file to put into the message")
    return parser
