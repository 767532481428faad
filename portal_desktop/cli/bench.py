"""`portal bench`: the measurements of the source tree, compared with their committed baseline."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from portal_desktop.cli.exits import Exit
from portal_desktop.cli.output import Output

ROOT = Path(__file__).resolve().parents[2]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser.add_argument("name", nargs="*", help="only these measures")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each; their median counts")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


async def run(arguments: argparse.Namespace, output: Output) -> Exit:
    """Run them in a child process; the measurements come with the source, not with an installed package."""
    if not (ROOT / "tests" / "benchmarks" / "__main__.py").exists():
        output.aside("The measurements are part of the source tree and are not installed. Run this in a checkout.")
        return Exit.FAILED
    options = ["--repeats", str(arguments.repeats), *(["--json"] if arguments.json else []), *arguments.name]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks", *options, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    async for line in child.stdout:
        output.line(line.decode("utf-8", "replace").rstrip("\n"))
    return Exit.COMPLETE if await child.wait() == 0 else Exit.FAILED
