from __future__ import annotations

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QImage, QTextDocument
from PySide6.QtWidgets import QApplication

from portal_desktop.ui.transcript.safe_text import (
    LINE_LIMIT,
    MARK_LIMIT,
    RICH_LIMIT,
    RUN_LIMIT,
    SafeDocument,
    break_runs,
    check_link,
    clean,
    has_hidden,
    is_dense,
    is_rich,
    plain_label,
    visible,
)


def test_document_asked_for_a_resource_answers_with_nothing(qapp: QApplication) -> None:
    document = SafeDocument()
    found = document.resource(QTextDocument.ResourceType.ImageResource, QUrl("file:///etc/hostname"))
    assert isinstance(found, QImage)
    assert found.isNull()
    assert document.refused == ["file:///etc/hostname"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("bell\x07 null\x00 delete\x7f c1\x9b", "bell null delete c1"),
        ("a\r\nb", "a\nb"),
        ("abc\u202edef\u2066", "abcdef"),
        ("tag\U000e0041\U000e007f", "tag"),
        ("família \U0001f468\u200d\U0001f469", "família \U0001f468\u200d\U0001f469"),
    ],
)
def test_clean_hostile_characters_are_gone(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.spec("X-52")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rm -rf \u202etxt.exe", "rm -rf ⟦U+202E⟧txt.exe"),
        ("zero\u200bwidth", "zero⟦U+200B⟧width"),
        ("\U000e0049gnore", "⟦U+E0049⟧gnore"),
        ("esc\x1b[2J", "esc⟦U+001B⟧[2J"),
        ("soft\u00adhyphen", "soft⟦U+00AD⟧hyphen"),
        ("line\u2028break", "line⟦U+2028⟧break"),
        ("grün\nzweite Zeile", "grün\nzweite Zeile"),
    ],
)
def test_visible_hidden_characters_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert has_hidden(text) == (text != shown)


def test_is_rich_beyond_a_limit_is_false() -> None:
    assert is_rich("x" * RICH_LIMIT)
    assert not is_rich("x" * (RICH_LIMIT + 1))
    assert not is_rich("\n" * (LINE_LIMIT + 1))


def test_is_dense_many_marks_is_true() -> None:
    assert is_dense("[" * (MARK_LIMIT + 1))
    assert not is_dense("[" * MARK_LIMIT)


def test_break_runs_long_word_ends_after_the_limit() -> None:
    assert break_runs("short") == "short"
    broken = break_runs("a" * (RUN_LIMIT * 2 + 1) + " end")
    assert [len(line) for line in broken.split("\n")] == [RUN_LIMIT, RUN_LIMIT, 5]
    words = "word " * RUN_LIMIT
    assert break_runs(words) == words


def test_plain_label_with_markup_shows_it_as_text(qapp: QApplication) -> None:
    label = plain_label("<img src=real.png> \x1b[1mbold", role="muted", wrap=True)
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert label.text() == "<img src=real.png> bold"
    assert label.property("role") == "muted"
    assert label.wordWrap()
    assert not label.openExternalLinks()
    assert plain_label("x").property("role") is None


@pytest.mark.spec("X-52")
@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "ms-msdt:/id",
        "smb://host/x",
        "data:text/html,x",
        "//host/x",
        "relative/path",
        "\\\\host\\share",
        "https://x.example\u202e/a",
        "https://exa mple/",
        "https:///nowhere",
        "https://",
        "mailto:",
        "mailto://host/x",
        "http://[broken",
        "",
    ],
)
def test_check_link_odd_address_is_refused(address: str) -> None:
    assert check_link(address) is None


@pytest.mark.spec("X-52")
@pytest.mark.parametrize(
    ("address", "shown", "target", "warned"),
    [
        ("https://docs.example/a?b=1", "the docs", "https://docs.example/a?b=1", False),
        ("HTTP://X.example", "x.example", "http://x.example", False),
        ("https://www.bank.example/in", "bank.example", "https://www.bank.example/in", False),
        ("https://bank.example/in", "https://www.bank.example/", "https://bank.example/in", False),
        ("https://evil.example/in", "bank.example", "https://evil.example/in", True),
        ("https://evil.example/in", "https://bank.example/in", "https://evil.example/in", True),
        ("https://me:pw@evil.example/", "x", "https://me:pw@evil.example/", True),
        ("https://\u0430pple.example/", "x", "https://xn--pple-43d.example/", True),
        ("https://\u0441\u0441.example/", "x", "https://xn--q1aa.example/", True),
        ("https://xn--a.example/", "x", "https://xn--a.example/", True),
        ("https://m\u00fcnchen.example/", "m\u00fcnchen.example", "https://xn--mnchen-3ya.example/", False),
        ("https://\u6771\u4eac\u3072.example/", "x", "https://xn--y9jw32gr5q.example/", False),
        ("http://127.0.0.1:8080/", "x", "http://127.0.0.1:8080/", False),
        ("https://xn--zzzzzzzz99999.example/", "x", "https://xn--zzzzzzzz99999.example/", True),
        ("http://[::1]:8080/", "x", "http://[::1]:8080/", False),
        ("https://x.example/?d=" + "s" * 70, "x", "https://x.example/?d=" + "s" * 70, True),
        ("mailto:a@b.example", "write", "mailto:a@b.example", False),
    ],
)
def test_check_link_usable_address_shows_its_real_target(address: str, shown: str, target: str, warned: bool) -> None:
    link = check_link(address, shown)
    assert link is not None
    assert link.target == target
    assert bool(link.warning) == warned
