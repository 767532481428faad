"""Is everything well? One check per part, each with its state, how long it took, and what to do about it.

The Diagnostics view and `portal doctor` show the same. Nothing is repaired here and nothing is sent anywhere.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import os
import platform
import secrets
import shutil
import sys
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from portal_desktop import __version__
from portal_desktop.credentials import Credentials, Step
from portal_desktop.errors import PortalError
from portal_desktop.paths import Paths
from portal_desktop.providers.catalogue import Catalogue
from portal_desktop.providers.discovery import Discovery
from portal_desktop.settings import Environment, Settings, declared
from portal_desktop.settings.kinds import Endpoints, Words, plain
from portal_desktop.storage.backup import Backups
from portal_desktop.storage.database import Database

CHECK_SECONDS = 15.0
LITTLE_SPACE = 1_000_000_000
NO_SPACE = 100_000_000
NEEDED_LIBRARIES = ("libGL.so.1", "libEGL.so.1", "libxkbcommon.so.0", "libfontconfig.so.1", "libdbus-1.so.3")
X11_LIBRARIES = ("libxcb-cursor.so.0", "libxkbcommon-x11.so.0", "libxcb-icccm.so.4")


class State(StrEnum):
    """How a part is: degraded ones are usable or optional, failed ones are not usable and needed."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: one line of fact, and one of advice where something can be done."""

    state: State
    fact: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A finding with the part it is about and the seconds it took."""

    part: str
    state: State
    fact: str
    remedy: str
    seconds: float


Question = Callable[[], Awaitable[Finding]]


class Doctor:
    """Examines the parts of a running core. `start_error` is what kept it from starting, if anything did."""

    def __init__(
        self,
        paths: Paths,
        environment: Environment,
        *,
        settings: Settings,
        database: Database,
        backups: Backups,
        credentials: Credentials,
        discovery: Discovery,
        catalogue: Catalogue,
        start_error: PortalError | None = None,
    ) -> None:
        self._paths = paths
        self._environment = environment
        self._settings = settings
        self._database = database
        self._backups = backups
        self._credentials = credentials
        self._discovery = discovery
        self._catalogue = catalogue
        self._start_error = start_error

    async def examine(self) -> list[Check]:
        """Return all checks in a fixed order; one that hangs fails after 15 s."""
        questions: Mapping[str, Question] = {
            "Folders": self._folders,
            "Disk": self._disk,
            "Settings": self._values,
            "Database": self._integrity,
            "Backups": self._copies,
            "Keyring": self._keyring,
            "Model servers": self._servers,
            "Built-in engine": self._engine,
            "Window system": self._windows,
        }
        return [await _timed(part, question) for part, question in questions.items()]

    async def _folders(self) -> Finding:
        return await asyncio.to_thread(_writable, self._paths)

    async def _disk(self) -> Finding:
        free = (await asyncio.to_thread(shutil.disk_usage, _existing(self._paths.data))).free
        fact = f"{free / 1e9:.1f} GB free"
        if free < NO_SPACE:
            return Finding(State.FAILED, fact, "Free some space; nothing can be saved soon.")
        return Finding(State.DEGRADED, fact, "Free some space.") if free < LITTLE_SPACE else Finding(State.OK, fact)

    async def _values(self) -> Finding:
        problems = self._settings.problems
        if problems:
            facts = "; ".join(f"{problem.title}: {problem.values.get('problem', '')}" for problem in problems)
            return Finding(State.DEGRADED, facts, problems[0].advice)
        if unknown := self._environment.unknown(self._settings.declarations):
            return Finding(State.DEGRADED, f"Nothing reads {', '.join(unknown)}", "See docs/settings.md for the names.")
        return Finding(State.OK, f"{len(self._settings.declarations)} settings are valid")

    async def _integrity(self) -> Finding:
        if self._start_error is not None:
            return Finding(State.FAILED, self._start_error.title, self._start_error.advice)
        problems = await self._database.read(
            lambda connection: [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
        )
        if problems != ["ok"]:
            return Finding(
                State.FAILED, "The database is damaged", "Restore the last backup: portal backup restore last"
            )
        if self._database.read_only:
            return Finding(State.DEGRADED, "Open for reading only", f"Make {self._paths.data} writable.")
        size = (await asyncio.to_thread(self._paths.database.stat)).st_size
        return Finding(State.OK, f"Sound, {size / 1e6:.1f} MB")

    async def _copies(self) -> Finding:
        state = await self._backups.state()
        if state.last is None:
            return Finding(State.OK, "None yet; the first is made within a day", "")
        fact = f"Last verified copy {state.last.created:%Y-%m-%d %H:%M} UTC"
        return Finding(State.DEGRADED, fact, "Run portal backup now.") if state.late else Finding(State.OK, fact)

    async def _keyring(self) -> Finding:
        state = await self._credentials.start()
        if state.problem is not None:
            return Finding(State.DEGRADED, f"{state.words} {state.problem.title}.", state.problem.advice)
        if state.step is Step.UNDECIDED:
            return Finding(State.OK, state.words, "Needed only for servers that want a key.")
        return Finding(State.OK, state.words)

    async def _servers(self) -> Finding:
        if self._settings.get(declared.DISCOVERY):
            await self._discovery.probe_all(fresh=True)
        listings = await self._catalogue.listings(refresh=True)
        working = [f"{each.endpoint} ({len(each.models)} models)" for each in listings if each.error is None]
        silent = [f"{each.endpoint}: {each.error.title}" for each in listings if each.error is not None]
        if not any(each.models or each.error for each in listings):
            return Finding(State.DEGRADED, "No model was found on this computer", "Start a server, such as Ollama.")
        fact = ", ".join([*working, *silent])
        if silent:
            advice = next(each.error.advice for each in listings if each.error is not None)
            return Finding(State.DEGRADED, fact, advice)
        return Finding(State.OK, fact)

    async def _engine(self) -> Finding:
        if importlib.util.find_spec("xllamacpp") is None:
            return Finding(State.OK, "Not installed (optional)", "Install the `engine` extra to run model files.")
        return Finding(State.OK, "Installed")

    async def _windows(self) -> Finding:
        if importlib.util.find_spec("PySide6") is None:
            return Finding(
                State.FAILED, "PySide6 is not installed", "Install it again; the command line works without."
            )
        if not sys.platform.startswith("linux"):
            return Finding(State.OK, "Qt is installed")
        if missing := await asyncio.to_thread(_missing, NEEDED_LIBRARIES):
            return Finding(State.FAILED, f"Missing: {', '.join(missing)}", "Install them with your package tool.")
        if missing := await asyncio.to_thread(_missing, X11_LIBRARIES):
            return Finding(State.DEGRADED, f"Missing: {', '.join(missing)}", "Windows on X11 need them.")
        return Finding(State.OK, "Qt and its libraries are installed")


async def _timed(part: str, question: Question) -> Check:
    begin = time.monotonic()
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            found = await question()
    except PortalError as error:
        found = Finding(State.FAILED, error.title, error.advice)
    except (OSError, TimeoutError) as error:
        found = Finding(State.FAILED, f"Could not be checked: {type(error).__name__}", "Run portal doctor again.")
    return Check(part, found.state, found.fact, found.remedy, time.monotonic() - begin)


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def _writable(paths: Paths) -> Finding:
    for folder in (paths.data, paths.config, paths.cache, paths.logs):
        probe = folder / f".probe-{secrets.token_hex(4)}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            return Finding(State.FAILED, f"{folder}: {error.strerror}", "Make it writable, or set PORTAL_HOME.")
    shared = os.name == "posix" and paths.data.stat().st_mode & 0o077
    if shared:
        return Finding(State.DEGRADED, f"Others can look into {paths.data}", f"chmod 700 {paths.data}")
    return Finding(State.OK, f"Everything is below {paths.data}")


def _missing(libraries: Sequence[str]) -> list[str]:
    missing = []
    for name in libraries:
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append(name)
    return missing


def versions() -> dict[str, str]:
    """Return what a report needs to know of this computer; no names of people, machines or folders."""
    return {
        "portal-desktop": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def shared_settings(settings: Settings) -> dict[str, object]:
    """Return the settings a report may hold: no secrets, no text the user wrote, no addresses."""
    shown: dict[str, object] = {}
    for setting in settings.declarations:
        value = settings.get(setting)
        written = isinstance(setting.kind, Words) and setting.kind.lines and bool(value)
        if setting.secret or written:
            shown[setting.id] = "[left out]"
        elif isinstance(setting.kind, Endpoints):
            shown[setting.id] = [{"id": entry["id"], "kind": entry["kind"]} for entry in value]
        else:
            shown[setting.id] = plain(value)
        shown[f"{setting.id} (from)"] = settings.origin(setting).value
    return shown


class Bundle:
    """What a bug report may hold. Look at `files` before `write`; exactly these texts are written."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = dict(files)

    @classmethod
    def of(
        cls,
        *,
        checks: Iterable[Check],
        settings: Settings,
        reports: Sequence[str],
        log_tail: str,
        redact: Callable[[str], str],
        to_text: Callable[[Any], str],
    ) -> Bundle:
        """Collect the files; every one goes through redaction once more."""
        files = {
            "doctor.txt": "\n".join(f"{c.state:9} {c.part}: {c.fact} ({c.seconds:.2f} s)" for c in checks),
            "versions.json": to_text(versions()),
            "settings.json": to_text(shared_settings(settings)),
            "log.jsonl": log_tail,
            **{f"crash-{number}.txt": report for number, report in enumerate(reports, 1)},
        }
        return cls({name: redact(text) for name, text in files.items()})

    def write(self, target: Path) -> None:
        """Write the zip file.

        Raises:
            OSError: it cannot be written there.
        """
        unfinished = target.with_suffix(".partial")
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in self.files.items():
                archive.writestr(name, text)
        unfinished.replace(target)
