"""The log: one JSON object per line, redacted where it is written, so that libraries and tracebacks pass too.

``log = get_logger("storage")`` then ``log.info("Database opened", seconds=0.02)``: the message is constant text, facts
are fields. Nothing a user or a model wrote belongs into either.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import queue
import re
import secrets as randomness
import shutil
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from portal_desktop.clock import Clock, to_iso
from portal_desktop.paths import Paths

ROOT = "portal_desktop"
MASK = "[masked]"
LARGEST = 10_000_000
OLDEST = timedelta(hours=24)
KEPT = 7
KEPT_FOR = timedelta(days=30)
LONGEST_TEXT = 16_000
SHORTEST_SECRET = 4

_TRACE: ContextVar[str] = ContextVar("trace", default="")

_START = r"(?<![A-Za-z0-9])"
_KEYS = "|".join(
    (
        r"sk-[A-Za-z0-9_-]{12,}",
        r"xox[a-z]-[A-Za-z0-9-]{8,}",
        r"xapp-[A-Za-z0-9-]{8,}",
        r"gh[pousr]_[A-Za-z0-9]{12,}",
        r"github_pat_[A-Za-z0-9_]{12,}",
        r"hf_[A-Za-z0-9]{12,}",
        r"(?:AKIA|ASIA)[A-Z0-9]{16}",
        r"AIza[A-Za-z0-9_-]{30,}",
        r"ya29\.[A-Za-z0-9_-]{20,}",
        r"(?:bot)?\d{8,10}:[A-Za-z0-9_-]{30,}",
        r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    )
)
_NAMES = (
    r"pass(?:word|wd|phrase)|secret|client[-_]secret|(?:x-)?api[-_]?key|(?:access|refresh|auth|session|id)[-_]token|token"
    r"|aws[-_]secret[-_]access[-_]key|private[-_]key|authorization|(?:set-)?cookie"
)
_VALUE = r"(?:\\+\".*?\\+\"|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s\"'&,;)}\]]+)"


class _Mask(NamedTuple):
    """A pattern, what replaces it, and the words (in lower case) without one of which it cannot match."""

    pattern: re.Pattern[str]
    replacement: str
    hints: tuple[str, ...]


_MASKS = (
    _Mask(
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        MASK,
        ("private key-----",),
    ),
    _Mask(
        re.compile(rf"{_START}(?:{_KEYS})"),
        MASK,
        ("sk-", "xox", "xapp-", "gh", "hf_", "akia", "asia", "aiza", "ya29.", ":", "eyj"),
    ),
    _Mask(re.compile(r"(?i)\b(Bearer)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {MASK}", ("bearer",)),
    _Mask(re.compile(r"(?i)\b(Basic)\s+(?=[A-Za-z0-9+/]*[0-9=])[A-Za-z0-9+/=]{6,}"), rf"\1 {MASK}", ("basic",)),
    _Mask(
        re.compile(
            rf"(?i)(?<![A-Za-z0-9])((?:[a-z0-9]{{1,30}}[-_]){{0,4}}(?:{_NAMES})\\*[\"']?\s{{0,4}}[:=]\s{{0,4}})"
            rf"(?!\[masked\])(?:(?:Bearer|Basic|Digest|Negotiate)\s{{1,4}})?(?!\[masked\]){_VALUE}"
        ),
        rf"\1{MASK}",
        ("pass", "secret", "key", "token", "authorization", "cookie"),
    ),
    _Mask(re.compile(r"([?&](?:key|sig|signature|code|auth)=)[^&\s\"']+"), rf"\1{MASK}", ("?", "&")),
    _Mask(re.compile(r"(://[^/\s:@\"']{0,200}:)[^@/\s\"']{1,500}@"), rf"\1{MASK}@", ("://",)),
)
_FIELD = re.compile(rf"(?i)(?:.*[-_])?(?:{_NAMES})|key")


def redact(text: str, secrets: Iterable[str] = (), patterns: Sequence[re.Pattern[str]] = ()) -> str:
    """Return the text with every key, token and password masked, the given secrets and patterns too."""
    for secret in sorted({secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True):
        for spelling in {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}:
            text = text.replace(spelling, MASK)
    lower = text.lower()
    for mask in _MASKS:
        if any(hint in lower for hint in mask.hints):
            text = mask.pattern.sub(mask.replacement, text)
    for pattern in patterns:
        text = pattern.sub(MASK, text)
    return text


def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name is masked whatever it holds."""
    return _FIELD.fullmatch(name) is not None


@contextmanager
def tracing(trace: str = "") -> Iterator[str]:
    """Put one trace id of 8 characters on everything logged inside, also in asyncio tasks started there."""
    chosen = trace or randomness.token_hex(4)
    token = _TRACE.set(chosen)
    try:
        yield chosen
    finally:
        _TRACE.reset(token)


class Log:
    """Writes about one component. Fields named like secrets are masked; an `error` field brings its traceback."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, message: str, **fields: object) -> None:
        """Tell something only a developer looks for."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, **fields: object) -> None:
        """Tell what happened."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Tell of something that was put up with."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Tell of something that failed."""
        self._write(logging.ERROR, message, fields)

    def _write(self, level: int, message: str, fields: dict[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            error = fields.pop("error", None)
            cause = error if isinstance(error, BaseException) else None
            if error is not None and cause is None:
                fields["error"] = error
            self._logger.log(level, "%s", message, exc_info=cause, extra={"fields": fields}, stacklevel=3)


def get_logger(topic: str) -> Log:
    """Return the log of a component, named after its package: ``storage``, ``providers.ollama``."""
    return Log(logging.getLogger(f"{ROOT}.{topic}"))


class Redactor:
    """Masks with the patterns, the user's own ones, and the secrets known at the moment of writing."""

    def __init__(self, secrets: Callable[[], Iterable[str]], patterns: Sequence[str] = ()) -> None:
        self._secrets = secrets
        self.use(patterns)

    def use(self, patterns: Sequence[str]) -> None:
        """Mask what these patterns match too, from now on."""
        self._patterns = tuple(re.compile(pattern) for pattern in patterns)

    def text(self, text: str) -> str:
        """Return the text with everything secret masked."""
        return redact(text, self._secrets(), self._patterns)

    def value(self, name: str, value: object, depth: int = 0) -> object:
        """Return a field's value as JSON knows it, masked by name and content."""
        if is_secret_name(name) and value is not None:
            return MASK
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping) and depth < 4:
            return {self.text(str(key)): self.value(str(key), inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth < 4:
            return [self.value("", inner, depth + 1) for inner in value]
        return self.text(str(value)[:LONGEST_TEXT])


class JsonLines(logging.Formatter):
    """Turns a record into one line: timestamp, level, component, message, trace, fields, traceback."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return one redacted line of JSON."""
        line: dict[str, object] = {
            "timestamp": to_iso(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "component": record.name.removeprefix(f"{ROOT}."),
            "message": self._redactor.text(_message(record)[:LONGEST_TEXT]),
            "trace": _TRACE.get(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping) and fields:
            line["fields"] = self._redactor.value("", fields)
        if record.exc_info and record.exc_info[1] is not None:
            text = "".join(traceback.format_exception(record.exc_info[1], limit=30))
            line["traceback"] = self._redactor.text(text[-LONGEST_TEXT:])
        return json.dumps(line, ensure_ascii=False, allow_nan=True, default=str)


def _message(record: logging.LogRecord) -> str:
    """Return the message; a library's record that does not format is written as it came, never lost."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args}"


class LogFile:
    """A file that starts anew at 10 MB or 24 h; the seven newest old ones are kept, compressed, for 30 days.

    Used by one thread. Two processes may write the same file: each notices when the other has moved it away.
    """

    def __init__(self, file: Path, clock: Clock) -> None:
        self.file = file
        self._clock = clock
        self._stream: int | None = None
        self._size = 0
        self._began = clock.now()

    def write(self, lines: str) -> None:
        """Append whole lines.

        Raises:
            OSError: the disk is full or the folder cannot be written.
        """
        self._follow()
        content = lines.encode("utf-8", "backslashreplace")
        if self._size and (self._size + len(content) > LARGEST or self._clock.now() - self._began >= OLDEST):
            self.rotate()
        stream = self._open()
        while content:
            written = os.write(stream, content)
            self._size += written
            content = content[written:]

    def rotate(self) -> None:
        """Put the file away under its time, compressed, and drop what is too many or too old."""
        self.close()
        stamp = self._clock.now().strftime("%Y%m%dT%H%M%S%f")
        old = self.file.with_name(f"{self.file.stem}-{stamp}.log")
        with suppress(FileNotFoundError):
            self.file.replace(old)
            with old.open("rb") as source, gzip.open(old.with_name(f"{old.name}.gz"), "wb", 5) as target:
                shutil.copyfileobj(source, target)
            old.unlink()
        self.sweep()

    def sweep(self) -> None:
        """Drop old files beyond the seven newest and those older than 30 days."""
        limit = (self._clock.now() - KEPT_FOR).timestamp()
        old = sorted(self.file.parent.glob(f"{self.file.stem}-*.log.gz"), reverse=True)
        for number, file in enumerate(old):
            with suppress(FileNotFoundError):
                if number >= KEPT or file.stat().st_mtime < limit:
                    file.unlink()

    def close(self) -> None:
        """Close the file; the next write opens it again."""
        if self._stream is not None:
            os.close(self._stream)
            self._stream = None

    def _open(self) -> int:
        if self._stream is None:
            self._stream = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._size = os.fstat(self._stream).st_size
            self._began = self._first_moment()
        return self._stream

    def _follow(self) -> None:
        if self._stream is None:
            self._open()
            return
        mine = os.fstat(self._stream)
        try:
            there = self.file.stat()
        except FileNotFoundError:
            self.close()
            return
        if (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino):
            self.close()
        self._size = there.st_size

    def _first_moment(self) -> datetime:
        with self.file.open("rb") as stream:
            first = stream.readline(300)
        found = re.match(rb'\{"timestamp": "([^"]+)"', first)
        if found is None:
            return self._clock.now()
        try:
            return datetime.fromisoformat(found.group(1).decode("ascii"))
        except ValueError:
            return self._clock.now()


class FileOutput(logging.Handler):
    """Formats where the record is made and writes in one thread, so that no disk holds the event loop."""

    def __init__(self, file: LogFile, formatter: JsonLines) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lost = 0
        self._file = file
        self._lines: queue.SimpleQueue[str | threading.Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self) -> None:
        """Start the writing thread."""
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one line."""
        self._lines.put(self.format(record))

    def flush(self) -> None:
        """Wait until everything logged so far is written, at most 2 s; a crash handler calls this."""
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            written = threading.Event()
            self._lines.put(written)
            written.wait(2.0)

    def close(self) -> None:
        """Write the rest and end the thread."""
        if self._thread.is_alive():
            self._lines.put(None)
            self._thread.join(2.0)
        super().close()

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            if isinstance(line, threading.Event):
                line.set()
                continue
            try:
                self._file.write(f"{line}\n")
            except OSError:
                self.lost += 1
                self._file.close()
        self._file.close()


class LogHandle:
    """The log of this program as it is set up; `close` takes it down again."""

    def __init__(self, output: FileOutput, file: Path, redactor: Redactor) -> None:
        self.file = file
        self.redactor = redactor
        self._output = output

    @property
    def lost(self) -> int:
        """How many lines could not be written."""
        return self._output.lost

    def configure(self, level: str, patterns: Sequence[str]) -> None:
        """Take over the user's level and masks, which are known only after the database is open."""
        logging.getLogger().setLevel(level.upper())
        self.redactor.use(patterns)

    def flush(self) -> None:
        """Wait until everything logged so far is in the file, at most 2 s."""
        self._output.flush()

    def close(self) -> None:
        """Write the rest, close the file and detach from the logging of Python."""
        logging.getLogger().removeHandler(self._output)
        logging.captureWarnings(capture=False)
        self._output.close()

    def tail(self, lines: int = 200) -> str:
        """Return the last lines of the file; they are redacted already."""
        self.flush()
        with suppress(FileNotFoundError), self.file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - lines * 400))
            return "\n".join(stream.read().decode("utf-8", "replace").rstrip("\n").split("\n")[-lines:])
        return ""


def setup(
    paths: Paths,
    level: str,
    secrets: Callable[[], Iterable[str]],
    *,
    clock: Clock,
    program: str = "desktop",
    patterns: Sequence[str] = (),
) -> LogHandle:
    """Send everything logged in this process to ``logs/<program>.log``. `patterns` are the user's own masks.

    Raises:
        OSError: the folder cannot be made.
    """
    paths.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    redactor = Redactor(secrets, patterns)
    file = LogFile(paths.logs / f"{program}.log", clock)
    file.sweep()
    output = FileOutput(file, JsonLines(redactor))
    output.start()
    root = logging.getLogger()
    root.addHandler(output)
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "asyncio", "keyring", "markdown_it"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = "pytest" in sys.modules
    return LogHandle(output, file.file, redactor)
