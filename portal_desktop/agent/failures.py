"""Errors as parts of an answer: title and advice from the catalogue, everything foreign in Details only."""

from __future__ import annotations

from collections.abc import Callable

from portal_desktop.errors import PortalError
from portal_desktop.messages import Failure

LONGEST_DETAILS = 200


def failure(error: PortalError, redact: Callable[[str], str]) -> Failure:
    """Return the part that tells the user of an error."""
    return Failure(error.code, error.kind.value, error.title, error.advice, details(error.technical, redact))


def details(technical: str, redact: Callable[[str], str]) -> str:
    """Return at most 200 characters of foreign text, masked first so that no cut leaves half a key unmasked."""
    shown = "".join(letter if letter.isprintable() else " " for letter in redact(technical))
    plain = " ".join(shown.split())
    return plain if len(plain) <= LONGEST_DETAILS else plain[: LONGEST_DETAILS - 1] + "…"
