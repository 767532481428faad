"""Status and structure decide what an error is; its words do not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from portal_desktop.errors import ErrorKind, Strategy
from portal_desktop.providers.base import Endpoint, ProviderKind
from portal_desktop.providers.errors import error_from_event, error_from_status, read_refusal, retry_after

ENDPOINT = Endpoint("x", ProviderKind.OPENAI, "Fake", "http://127.0.0.1:1/v1")
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def of(status: int, error: Any, **headers: str) -> Any:
    body = json.dumps({"error": error}).encode()
    return error_from_status(status, body, headers, ENDPOINT, "m", now=NOW)


@pytest.mark.spec("R-27")
@pytest.mark.parametrize(
    "words", ["plain", "500 Internal Server Error", "must be ≤ 512", "429 too many", "connection timeout"]
)
@pytest.mark.parametrize(
    ("status", "kind", "strategy"),
    [
        (400, ErrorKind.INVALID_REQUEST, Strategy.FAIL),
        (401, ErrorKind.AUTH, Strategy.FAIL),
        (402, ErrorKind.QUOTA, Strategy.FALL_BACK),
        (403, ErrorKind.AUTH, Strategy.FAIL),
        (404, ErrorKind.MODEL_NOT_AVAILABLE, Strategy.FALL_BACK),
        (408, ErrorKind.RATE_LIMITED, Strategy.RETRY),
        (422, ErrorKind.INVALID_REQUEST, Strategy.FAIL),
        (429, ErrorKind.RATE_LIMITED, Strategy.RETRY),
        (500, ErrorKind.API, Strategy.RETRY),
        (502, ErrorKind.API, Strategy.RETRY),
        (503, ErrorKind.RATE_LIMITED, Strategy.RETRY),
        (529, ErrorKind.RATE_LIMITED, Strategy.RETRY),
    ],
)
def test_status_decides_kind_and_strategy_whatever_the_words(
    status: int, kind: ErrorKind, strategy: Strategy, words: str
) -> None:
    error = of(status, {"message": words})
    assert (error.kind, error.strategy, error.status) == (kind, strategy, status)


@pytest.mark.spec("R-16")
def test_refusal_carries_request_id_wait_and_technical_text() -> None:
    error = of(
        429, {"message": "slow <b>down</b>", "code": 7, "type": "t"}, **{"retry-after": "12", "x-request-id": "r1"}
    )
    assert (error.retry_after, error.request_id, error.provider) == (12.0, "r1", "x")
    assert error.technical == "HTTP 429: t: 7: slow <b>down</b>"
    assert error.advice == "Try again in 12 seconds."
    assert "<b>" not in error.title + error.advice


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5.0), ("1.5", 1.5), ("Sat, 21 Nov 2026 09:30:30 GMT", 30.0), ("Sat, 21 Nov 2026 09:00:00 GMT", 0.0), ("-1", None), ("x", None)],
)  # fmt: skip
def test_wait_given_as_seconds_or_date_is_read(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, NOW) == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"words"',
        b'{"error": null}',
        b'{"error": [1]}',
        b'{"detail": {"a": 1}}',
        b"\xff\xfe",
        b"<html>",
    ],
)
def test_refusal_of_any_shape_is_read_without_failing(body: bytes) -> None:
    refusal = read_refusal(body)
    assert isinstance(refusal.message, str)
    assert not refusal.context_is_full


@pytest.mark.parametrize(
    ("error", "name"),
    [("boom", "server_error_event"), ({"code": 529}, "server_busy"), ({"code": "content_filter"}, "content_filtered"), ({"code": 400}, "server_error_event"), (None, "server_error_event"), ({"message": "prompt is too long: 9 tokens > 8 maximum"}, "context_too_long")],
)  # fmt: skip
def test_error_inside_an_answer_becomes_its_entry(error: object, name: str) -> None:
    assert error_from_event(error, ENDPOINT, "m").name == name
