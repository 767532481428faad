"""The error catalogue: one wording, codes in their ranges, a strategy for every kind, causes kept."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from portal_desktop.errors import CATALOGUE, STRATEGIES, ErrorKind, PortalError, ProviderError, Strategy

ROOT = Path(__file__).resolve().parents[1]
ENTRIES = sorted(CATALOGUE.items())

CALLER = {ErrorKind.INVALID_REQUEST, ErrorKind.CONFIGURATION, ErrorKind.NOT_FOUND, ErrorKind.CONTEXT_TOO_LONG}


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.spec("R-18")
@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=[name for name, _ in ENTRIES])
def test_catalogue_entry_keeps_to_the_one_wording(name: str, entry: object) -> None:
    title, advice = CATALOGUE[name].title, CATALOGUE[name].advice
    assert not title.endswith((".", "!")), "titles end without a full stop"
    assert not title.lower().startswith("error"), "no prefix"
    assert title[0].isupper() or title[0] in "`{", "sentence case"
    assert not re.search(r" [A-Z][a-z]+ [A-Z][a-z]+", title.replace("Portal Desktop", "")), "no title case"
    assert advice.endswith("."), "advice is a sentence"
    assert advice[0].isupper() or advice[0] in "`{"


@pytest.mark.spec("R-18")
def test_catalogue_placeholders_are_filled_wherever_an_entry_is_raised() -> None:
    """Every constant name given to an error is in the catalogue, and its placeholders are given with it."""
    wrong: list[str] = []
    for file in (ROOT / "portal_desktop").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ERRORS and node.args:
                wrong += [f"{file.name}:{node.lineno} {problem}" for problem in _problems(node)]
    assert wrong == []


ERRORS = {"PortalError", "ProviderError", "StorageError", "SecretError", "SettingsError", "InvalidInput"}


def _problems(call: ast.Call) -> list[str]:
    name = call.args[0]
    if not isinstance(name, ast.Constant):
        return []
    if name.value not in CATALOGUE:
        return [f"{name.value} is not in the catalogue"]
    if any(keyword.arg is None for keyword in call.keywords):
        return []
    entry = CATALOGUE[str(name.value)]
    missing = _fields(entry.title + entry.advice) - {keyword.arg for keyword in call.keywords}
    return [f"{name.value} lacks {sorted(missing)}"] if missing else []


@pytest.mark.spec("R-18")
def test_catalogue_field_names_stand_in_backticks() -> None:
    bare = [n for n, e in CATALOGUE.items() if re.search(r"(?<!`)\{(field|model)\}", e.title + e.advice)]
    assert bare == []


@pytest.mark.spec("R-27")
def test_catalogue_codes_are_unique_and_in_the_five_ranges() -> None:
    codes = [entry.code for entry in CATALOGUE.values()]
    assert len(codes) == len(set(codes))
    assert {code // 1000 for code in codes} == {1, 2, 3, 4, 5}


@pytest.mark.spec("R-27")
def test_every_kind_has_a_strategy_and_caller_errors_are_never_retried() -> None:
    assert set(STRATEGIES) == set(ErrorKind)
    assert all(STRATEGIES[kind] is not Strategy.RETRY for kind in CALLER)
    assert STRATEGIES[ErrorKind.RATE_LIMITED] is Strategy.RETRY


@pytest.mark.spec("R-16")
def test_error_carries_code_texts_and_what_to_do() -> None:
    error = ProviderError(
        "rate_limited", server="Ollama", seconds=3, provider="ollama", retry_after=3.0, request_id="r1", technical="429"
    )
    assert (error.code, error.kind, error.retriable) == (2003, ErrorKind.RATE_LIMITED, True)
    assert (error.provider, error.retry_after, error.request_id) == ("ollama", 3.0, "r1")
    assert error.title == "Ollama asks to wait"
    assert "3 seconds" in error.advice
    assert "429" not in error.title + error.advice


@pytest.mark.spec("R-16")
def test_error_causes_are_told_from_the_nearest_to_the_socket() -> None:
    def fail() -> None:
        try:
            try:
                raise ConnectionResetError(104, "reset")
            except OSError as error:
                raise RuntimeError("reading failed") from error
        except RuntimeError as error:
            raise PortalError("cut_off") from error

    with pytest.raises(PortalError) as caught:
        fail()
    assert [type(cause).__name__ for cause in caught.value.causes()] == ["RuntimeError", "ConnectionResetError"]
