"""Pydantic models of what users type by hand: guard patterns and endpoints. Imported only when such a value is new."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

_SLOWEST_SECONDS = 0.02
_LENGTHS = (*range(1, 41), 80, 160, 320, 640, 1280)


def _usable_pattern(pattern: str) -> str:
    """Return the pattern when it compiles and its worst case stays short."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        at = "" if error.pos is None else f" at position {error.pos}"
        raise ValueError(f"the pattern {pattern!r} is wrong{at}: {error.msg}") from None
    if compiled.match(""):
        raise ValueError(f"the pattern {pattern!r} matches nothing at all, so it would mask everything")
    if _backtracks(compiled):
        raise ValueError(f"the pattern {pattern!r} takes too long on some texts; nest no repetitions")
    return pattern


def _backtracks(compiled: re.Pattern[str]) -> bool:
    """Tell whether the time explodes; the texts grow slowly, so that even the step too far is short."""
    letters = {letter for letter in compiled.pattern if letter.isalnum()} | {"a", "0", " ", "-"}
    for letter in sorted(letters)[:24]:
        for length in _LENGTHS:
            text = letter * length + "\x00!"
            started = time.perf_counter()
            compiled.search(text)
            if time.perf_counter() - started > _SLOWEST_SECONDS and _slow_again(compiled, text):
                return True
    return False


def _slow_again(compiled: re.Pattern[str], text: str) -> bool:
    started = time.thread_time()
    compiled.search(text)
    return time.thread_time() - started > _SLOWEST_SECONDS


def _usable_address(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the address must look like http://127.0.0.1:11434")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("the address must not carry a key, a query or a fragment; enter the key in its own field")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("the port must be between 1 and 65535") from None
    return address.rstrip("/")


class GuardSettings(BaseModel):
    """The patterns of a guard; one bad pattern refuses them all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    patterns: tuple[Annotated[str, Field(min_length=1), AfterValidator(_usable_pattern)], ...]


class EndpointSettings(BaseModel):
    """One configured model server. `credential` is the name of a keyring entry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    kind: Literal["ollama", "openai", "lmstudio"]
    name: Annotated[str, Field(max_length=100)] = ""
    base_url: Annotated[str, Field(max_length=2000), AfterValidator(_usable_address)]
    credential: Annotated[str, Field(max_length=100)] = ""


class _EndpointList(BaseModel):
    endpoints: tuple[EndpointSettings, ...]


def check_patterns(patterns: Sequence[str], field: str) -> tuple[str, ...]:
    """Return the patterns; a ValueError names the place of the first bad one and what is wrong."""
    try:
        return GuardSettings(patterns=tuple(patterns)).patterns
    except ValidationError as error:
        raise ValueError(_words(error, field)) from error


def check_endpoints(entries: Sequence[Mapping[str, str]], field: str) -> tuple[dict[str, str], ...]:
    """Return the entries with every field; a ValueError names the entry, the field and the problem."""
    try:
        checked = _EndpointList.model_validate({"endpoints": entries}).endpoints
    except ValidationError as error:
        raise ValueError(_words(error, field)) from error
    ids = [endpoint.id for endpoint in checked]
    if repeated := sorted({name for name in ids if ids.count(name) > 1}):
        raise ValueError(f"the id {repeated[0]} is given twice")
    return tuple(endpoint.model_dump() for endpoint in checked)


def _words(error: ValidationError, field: str) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"][1:])
    return f"{field}{place}: {first['msg'].removeprefix('Value error, ')}"
