"""`portal doctor`: is everything well, and what to do where it is not."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from portal_desktop.cli.exits import Exit
from portal_desktop.cli.output import Output
from portal_desktop.doctor import Bundle, Doctor, State
from portal_desktop.errors import InvalidInput
from portal_desktop.settings import Settings

_MARKS = {State.OK: "ok", State.DEGRADED: "note", State.FAILED: "FAILED"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser.add_argument("--json", action="store_true", help="an array of checks")
    parser.add_argument("--bundle", metavar="FILE", help="also write a zip file for a bug report; nothing is sent")


async def run(
    arguments: argparse.Namespace,
    output: Output,
    *,
    doctor: Doctor,
    settings: Settings,
    log_tail: str,
    reports: tuple[str, ...],
    redact: Callable[[str], str],
) -> Exit:
    """Print one line per part and its remedy; the exit code is 1 when a part failed."""
    checks = await doctor.examine()
    if arguments.json:
        output.document(
            [
                {"part": c.part, "state": c.state, "fact": c.fact, "remedy": c.remedy, "seconds": round(c.seconds, 3)}
                for c in checks
            ]
        )
    else:
        output.table([[_MARKS[c.state], c.part, f"{c.seconds * 1000:.0f} ms", c.fact] for c in checks])
        for check in checks:
            if check.remedy:
                output.line(f"{check.part}: {check.remedy}")
    if arguments.bundle:
        bundle = Bundle.of(
            checks=checks,
            settings=settings,
            reports=reports,
            log_tail=log_tail,
            redact=redact,
            to_text=partial(json.dumps, indent=2, default=str),
        )
        _write(bundle, Path(arguments.bundle), output)
    return Exit.FAILED if any(check.state is State.FAILED for check in checks) else Exit.COMPLETE


def _write(bundle: Bundle, target: Path, output: Output) -> None:
    try:
        bundle.write(target)
    except OSError as error:
        raise InvalidInput("invalid_field", field="--bundle", problem=f"{target} cannot be written") from error
    output.aside(f"Wrote {target} with {', '.join(bundle.files)}. Look into it before you pass it on.")
