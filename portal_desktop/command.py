"""The program `portal`: plain asyncio, the same core and the same data as the window, no Qt."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from portal_desktop import __version__
from portal_desktop.assembly import Core
from portal_desktop.cli import ask, backup, bench, chat, doctor, models, tasks
from portal_desktop.cli.choose import Chooser
from portal_desktop.cli.exits import Exit, exit_for
from portal_desktop.cli.output import Output
from portal_desktop.crash import CrashReports
from portal_desktop.errors import PortalError, StorageError
from portal_desktop.log import redact
from portal_desktop.settings import Environment, declared

_NOUNS = {
    "ask": (ask, "ask one question"),
    "chat": (chat, "hold a conversation"),
    "tasks": (tasks, "the to-do list"),
    "models": (models, "the models that are really there"),
    "doctor": (doctor, "is everything well, and what to do where it is not"),
    "backup": (backup, "copies of the database"),
    "bench": (bench, "measure this computer"),
}
_TELLS_EVENTS = frozenset({"ask", "chat"})
_WORKS_WITHOUT_DATABASE = frozenset({"doctor", "backup"})


def parser() -> argparse.ArgumentParser:
    """Return the whole grammar of the command line."""
    root = argparse.ArgumentParser(
        prog="portal",
        description="Portal Desktop at the terminal. It uses the same chats and tasks as the window.",
        epilog="Exit codes: 0 complete, 1 failed, 2 usage, 3 not reachable, 4 refused, 5 cut off or interrupted.",
    )
    root.add_argument("--version", action="version", version=f"portal {__version__}")
    nouns = root.add_subparsers(dest="noun", required=True, metavar="|".join(_NOUNS))
    for noun, (module, words) in _NOUNS.items():
        module.add_options(nouns.add_parser(noun, help=words, description=words.capitalize() + "."))
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = parser().parse_args(argv)
    as_json = getattr(arguments, "json", False)
    output = Output.of_process(as_json=as_json, as_events=as_json and arguments.noun in _TELLS_EVENTS)
    try:
        if arguments.noun == "bench":
            return asyncio.run(bench.run(arguments, output))
        return asyncio.run(_Command(arguments, output, Environment.of_process()).run())
    except KeyboardInterrupt:
        return Exit.CUT_OFF


class _Command:
    """One command with its core; every error is told in the catalogue's words."""

    def __init__(self, arguments: argparse.Namespace, output: Output, environment: Environment) -> None:
        self._arguments = arguments
        self._output = output
        self._environment = environment
        self._core = Core(environment.paths, environment, program="cli")
        self._crashes = CrashReports(self._core.paths.crashes, self._core.clock, redact=self._redact, tail=self._tail)

    async def run(self) -> int:
        """Return the exit code."""
        try:
            return await self._with_core()
        except PortalError as error:
            self._output.error(error)
            return exit_for(error)
        except asyncio.CancelledError:
            return Exit.CUT_OFF
        except OSError as error:
            self._output.error(
                StorageError("database_read_only", folder=self._core.paths.data, technical=type(error).__name__)
            )
            return Exit.FAILED
        except Exception as error:  # noqa: BLE001 - the edge of the program: a bug becomes a report, not a traceback
            self._crashes.report("the command line", error)
            self._output.error(PortalError("bug"))
            return Exit.FAILED

    async def _with_core(self) -> int:
        core, start_error = self._core, None
        try:
            try:
                await core.start()
            except StorageError as error:
                if self._arguments.noun not in _WORKS_WITHOUT_DATABASE:
                    raise
                start_error = error
            for problem in core.settings.problems:
                self._output.aside(f"portal: {problem.title}. {problem.advice}")
            return await self._dispatch(start_error)
        finally:
            await core.stop()

    async def _dispatch(self, start_error: StorageError | None) -> int:
        core, arguments, output = self._core, self._arguments, self._output
        chooser = Chooser(core.providers, core.catalogue, core.discovery, core.settings)
        match arguments.noun:
            case "ask":
                return await ask.run(arguments, output, settings=core.settings, live=core.live, chooser=chooser)
            case "chat":
                return await chat.run(arguments, output, live=core.live, chooser=chooser)
            case "tasks":
                return await tasks.run(arguments, output, book=core.book, language=self._language())
            case "models":
                return await models.run(arguments, output, catalogue=core.catalogue, chooser=chooser)
            case "backup":
                return await backup.run(arguments, output, backups=core.backups)
            case _:
                return await doctor.run(
                    arguments,
                    output,
                    doctor=core.doctor(start_error),
                    settings=core.settings,
                    log_tail=self._tail(),
                    reports=tuple(report.text for report in self._crashes.unseen()),
                    redact=self._redact,
                )

    def _redact(self, text: str) -> str:
        return self._core.log.redactor.text(text) if self._core.log is not None else redact(text)

    def _tail(self) -> str:
        return self._core.log.tail() if self._core.log is not None else ""

    def _language(self) -> str:
        """Return the language in which dates are read: the chosen one, else that of the terminal."""
        chosen = self._core.settings.get(declared.LANGUAGE)
        if chosen != "system":
            return chosen
        variables = self._environment.process
        return (variables.get("LC_ALL") or variables.get("LC_TIME") or variables.get("LANG") or "en")[:2].lower()


if __name__ == "__main__":
    sys.exit(main())
