"""Values that must never be shown."""

from __future__ import annotations

from hmac import compare_digest
from typing import NoReturn

from portal_desktop.errors import InvalidInput

MASK = "[masked]"
LONGEST_KEY = 4096


class Secret:
    """A value that no repr, str, format, pickle or JSON shows. `reveal` is called only where a header is built."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(Secret)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memory: object) -> Secret:
        return self

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (MASK,)


def check_key(text: str) -> Secret:
    """Return what somebody typed or pasted as a key.

    Raises:
        InvalidInput: no server can be sent this; the problem is said without the key.
    """
    stripped = text.strip()
    if not stripped:
        _refuse("it is empty")
    if len(stripped) > LONGEST_KEY:
        _refuse(f"it has {len(stripped)} characters, {LONGEST_KEY} is the limit")
    if not stripped.isascii() or not stripped.isprintable() or " " in stripped:
        _refuse("it contains a space, a line break or a character that is not in any key")
    return Secret(stripped)


def _refuse(problem: str) -> NoReturn:
    raise InvalidInput("invalid_field", field="key", problem=problem)
