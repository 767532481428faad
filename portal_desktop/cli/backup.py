"""`portal backup now|list|restore`: copies of the database."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from portal_desktop.cli.exits import Exit
from portal_desktop.cli.output import Output
from portal_desktop.clock import to_iso
from portal_desktop.errors import InvalidInput


class Copy(Protocol):
    """What is told of a copy."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        ...

    @property
    def reason(self) -> str:
        """Why it was made."""
        ...

    @property
    def created(self) -> datetime:
        """When it was made."""
        ...

    @property
    def size(self) -> int:
        """Its bytes."""
        ...

    @property
    def chats(self) -> int:
        """How many conversations it holds."""
        ...

    @property
    def verdict(self) -> str:
        """Whether it is known to be good."""
        ...


C = TypeVar("C", bound=Copy)


class Copies(Protocol[C]):
    """What is needed of `storage.backup.Backups`."""

    async def now(self) -> C:
        """Make a verified copy."""
        ...

    async def list(self) -> Sequence[C]:
        """Return the copies, newest first."""
        ...

    async def restore(self, backup: C) -> Path | None:
        """Put a copy in the place of the present state."""
        ...


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="now|list|restore")
    for verb, words in (("now", "make a verified copy"), ("list", "list the copies, newest first")):
        made = verbs.add_parser(verb, help=words, description=words[0].upper() + words[1:] + ".")
        made.add_argument("--json", action="store_true", help="an array of copies")
    restore = verbs.add_parser(
        "restore",
        help="put a copy in the place of the present state, which is kept",
        description="Put a copy in the place of the present state, which is kept.",
    )
    restore.add_argument("name", help="a name of the list, or `last`")
    restore.add_argument("--yes", action="store_true", help="do it; without this only what would happen is said")
    restore.add_argument("--json", action="store_true", help="what was restored")


async def run(arguments: argparse.Namespace, output: Output, *, backups: Copies[C]) -> Exit:
    """Make, list or restore a copy."""
    if arguments.verb == "now":
        made = await backups.now()
        _tell(output, [made])
        return Exit.COMPLETE
    copies = await backups.list()
    if arguments.verb == "list":
        if not copies and not arguments.json:
            output.aside("No backup has been made yet. `portal backup now` makes one.")
        _tell(output, copies)
        return Exit.COMPLETE
    chosen = [copy for copy in copies if arguments.name in {copy.path.name, copy.path.stem, "last"}]
    if not chosen:
        raise InvalidInput("not_found", what=arguments.name)
    if not arguments.yes:
        output.aside(f"Would restore {_words(chosen[0])}. The present state is kept as a copy. Add --yes to do it.")
        return Exit.USAGE
    aside = await backups.restore(chosen[0])
    kept = f"The damaged file is kept as {aside}." if aside else "The state before is in the list of backups."
    if arguments.json:
        output.document({"restored": chosen[0].path.name, "kept": str(aside) if aside else None})
    else:
        output.line(f"Restored {_words(chosen[0])}. {kept}")
    return Exit.COMPLETE


def _tell(output: Output, copies: Sequence[Copy]) -> None:
    if output.as_json:
        output.document([_fields(copy) for copy in copies])
    else:
        output.table(
            [[copy.path.name, f"{copy.size / 1e6:.1f} MB", f"{copy.chats} chats", copy.verdict] for copy in copies]
        )


def _words(copy: Copy) -> str:
    return f"{copy.path.name} of {copy.created:%Y-%m-%d %H:%M} UTC with {copy.chats} chats"


def _fields(copy: Copy) -> dict[str, object]:
    return {
        "name": copy.path.name,
        "path": str(copy.path),
        "created": to_iso(copy.created),
        "reason": str(copy.reason),
        "bytes": copy.size,
        "chats": copy.chats,
        "verdict": str(copy.verdict),
    }
