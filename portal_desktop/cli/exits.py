"""The exit codes, which scripts rely on."""

from __future__ import annotations

from enum import IntEnum

from portal_desktop.errors import ErrorKind, PortalError


class Exit(IntEnum):
    """How a command ended."""

    COMPLETE = 0
    FAILED = 1
    USAGE = 2
    NOT_REACHABLE = 3
    REFUSED = 4
    CUT_OFF = 5


_BY_NAME = {
    "text_too_long": Exit.REFUSED,
    "local_only": Exit.REFUSED,
    "request_refused": Exit.REFUSED,
    "endpoint_unknown": Exit.NOT_REACHABLE,
    "connection_lost": Exit.CUT_OFF,
    "invalid_field": Exit.USAGE,
    "no_messages": Exit.USAGE,
    "endpoint_incomplete": Exit.USAGE,
    "bad_address": Exit.USAGE,
}
_BY_KIND = {
    ErrorKind.NETWORK: Exit.NOT_REACHABLE,
    ErrorKind.AUTH: Exit.REFUSED,
    ErrorKind.QUOTA: Exit.REFUSED,
    ErrorKind.CONTENT_FILTERED: Exit.REFUSED,
    ErrorKind.STREAM: Exit.CUT_OFF,
}


def exit_for(error: PortalError) -> Exit:
    """Return the exit code an error ends a command with."""
    return _BY_NAME.get(error.name) or _BY_KIND.get(error.kind, Exit.FAILED)
