"""From a server's refusal to an entry of the catalogue.

Status and structure decide; words only where a server gives nothing else (LM Studio names a full context in a plain
sentence).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from portal_desktop.errors import ProviderError
from portal_desktop.providers.base import Endpoint
from portal_desktop.providers.wire import Malformed, as_dict, as_text, clean, parse_json

SHOWN = 200
"""Characters of a foreign body that go into Details."""

_FULL_CONTEXT_CODES = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "model_context_window_exceeded"}
)
_FULL_CONTEXT_WORDS = re.compile(
    r"n_keep\W+\d+\W+n_ctx|prompt is too long|exceeds? the (?:available |model'?s? )?context"
    r"|maximum context length|greater than the context length|context (?:length|window) (?:exceeded|of only)"
    r"|input length exceeds",
    re.IGNORECASE,
)
_QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "insufficient_credits"})
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "moderation_blocked"})
_BY_STATUS: Mapping[int, str] = {
    401: "auth_failed",
    402: "quota_exceeded",
    403: "auth_failed",
    405: "not_a_model_server",
    408: "server_busy",
    409: "server_busy",
    425: "server_busy",
    429: "rate_limited",
    501: "request_refused",
    503: "server_busy",
    504: "server_busy",
    529: "server_busy",
}


class Refusal(NamedTuple):
    """What a server's error says of itself, whatever its shape; `structured` tells JSON from a page of HTML."""

    message: str
    code: str = ""
    kind: str = ""
    param: str = ""
    structured: bool = True

    @property
    def context_is_full(self) -> bool:
        """Whether it says that the conversation no longer fits."""
        return bool({self.code, self.kind} & _FULL_CONTEXT_CODES or _FULL_CONTEXT_WORDS.search(self.message))


def read_refusal(body: object) -> Refusal:
    """Return what an error body says: bytes, or JSON that has been read; an object, a string or an HTML page."""
    if isinstance(body, bytes):
        try:
            return read_refusal(parse_json(body))
        except Malformed:
            return Refusal(_plain(body.decode("utf-8", "replace")), structured=False)
    outer = as_dict(body)
    error = outer.get("error", body)
    inner = as_dict(error)
    message = as_text(error) or as_text(inner.get("message")) or as_text(outer.get("message"))
    detail = inner.get("detail") or outer.get("detail")
    return Refusal(
        _plain(message or as_text(detail) or (str(detail or error)[:SHOWN] if error else "")),
        code=_word(inner.get("code")),
        kind=_word(inner.get("type")),
        param=_word(inner.get("param")),
        structured=bool(outer) or isinstance(body, str),
    )


def error_from_status(
    status: int, body: bytes, headers: Mapping[str, str], endpoint: Endpoint, model: str, *, now: datetime
) -> ProviderError:
    """Return the error of an answer with a status of 400 or more; header names in small letters."""
    refusal = read_refusal(body)
    name = _name(status, refusal, model)
    wait = retry_after(headers, now)
    return ProviderError(
        name,
        provider=endpoint.id,
        status=status,
        technical=_technical(f"HTTP {status}", refusal),
        retry_after=wait,
        request_id=headers.get("x-request-id", "")[:100],
        **_values(endpoint, model, wait),
    )


def error_from_event(error: object, endpoint: Endpoint, model: str) -> ProviderError:
    """Return the error a server reports inside an answer that had begun with status 200."""
    refusal = read_refusal({"error": error})
    name = "server_error_event"
    if refusal.context_is_full:
        name = "context_too_long"
    elif refusal.code in _FILTER_CODES or refusal.kind in _FILTER_CODES:
        name = "content_filtered"
    elif refusal.code.isdigit() and 400 <= int(refusal.code) < 600:
        name = _name(int(refusal.code), refusal, model)
        name = "server_error_event" if name in {"server_failed", "request_refused", "not_a_model_server"} else name
    technical = _technical("error event", refusal)
    return ProviderError(name, provider=endpoint.id, technical=technical, **_values(endpoint, model, None))


def provider_error(name: str, endpoint: Endpoint, model: str = "", *, technical: str = "") -> ProviderError:
    """Return an entry of the catalogue with the names of a server and a model filled in."""
    return ProviderError(name, provider=endpoint.id, technical=technical, **_values(endpoint, model, None))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds a server asks to wait, given as seconds or as a date; None when it does not say."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d*)?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def _name(status: int, refusal: Refusal, model: str) -> str:
    if status < 500 and refusal.context_is_full:
        return "context_too_long"
    if {refusal.code, refusal.kind} & _QUOTA_CODES:
        return "quota_exceeded"
    if {refusal.code, refusal.kind} & _FILTER_CODES:
        return "content_filtered"
    if status == 404:
        return "model_missing" if refusal.structured and refusal.message and model else "not_a_model_server"
    return _BY_STATUS.get(status, "server_failed" if status >= 500 else "request_refused")


def _values(endpoint: Endpoint, model: str, wait: float | None) -> dict[str, Any]:
    seconds = "a few" if wait is None else f"{wait:.0f}"
    return {
        "server": endpoint.name,
        "address": endpoint.base_url,
        "model": model,
        "seconds": seconds,
        "ability": "this request",
    }


def _technical(what: str, refusal: Refusal) -> str:
    words = [word for word in (refusal.kind, refusal.code, refusal.message) if word]
    return ": ".join([what, *words])[: SHOWN + 100]


def _plain(text: str) -> str:
    return " ".join(clean(text).split())[:SHOWN]


def _word(value: object) -> str:
    return str(value)[:80] if isinstance(value, str | int) and not isinstance(value, bool) else ""
