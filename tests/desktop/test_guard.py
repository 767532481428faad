"""Which interpreters are refused, and in what words."""

from __future__ import annotations

import pytest

from portal_desktop.desktop.guard import refusal


@pytest.mark.spec("X-02")
@pytest.mark.parametrize(
    ("python", "pyside", "words"),
    [
        ((3, 10), "6.11.3", "needs Python 3.11"),
        ((3, 9), "6.12.0", "needs Python 3.11"),
        ((3, 11), "6.12.0", "install PySide6 6.11.3"),
    ],
)
def test_refusal_unsupported_versions_says_why_in_one_sentence(
    python: tuple[int, int], pyside: str, words: str
) -> None:
    text = refusal(python, pyside)
    assert words in text
    assert "\n" not in text


@pytest.mark.parametrize(("python", "pyside"), [((3, 11), "6.11.3"), ((3, 12), "6.12.0"), ((3, 13), "6.12.0")])
def test_refusal_supported_versions_is_empty(python: tuple[int, int], pyside: str) -> None:
    assert refusal(python, pyside) == ""
