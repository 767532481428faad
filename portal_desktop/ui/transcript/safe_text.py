"""The one hardened way to show what a model, a tool or a server wrote.

Qt's rich text reads local files named in an image, with no click; a FIFO or `/dev/zero` there hangs the window, and
375 bytes of nested tables freeze it. Therefore: text becomes rich only through `rich.py`, which knows no image and no
HTML; a document asked for a resource answers with nothing; a link is shown with its real target or not at all; and a
name or an argument that somebody judges shows its invisible characters.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QImage, QTextDocument
from PySide6.QtWidgets import QLabel, QWidget

RUN_LIMIT: Final = 4_096
RICH_LIMIT: Final = 200_000
QUERY_LIMIT: Final = 64
LINE_LIMIT: Final = 5_000
MARKS: Final = "[]*_`~<&\\"
MARK_LIMIT: Final = 240
SCHEMES: Final = frozenset({"http", "https", "mailto"})

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\U000e0000-\U000e007f]")
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_OVERRIDE = re.compile("[\u202a-\u202e\u2066-\u2069]")
_RUN = re.compile(rf"\S{{{RUN_LIMIT + 1},}}")
_HOST_IN_TEXT = re.compile(r"^(?:https?://)?((?:[^\s/@:?#.]+\.)+[^\s/@:?#.\d]{2,})(?:[/:?#]|$)", re.IGNORECASE)


class SafeDocument(QTextDocument):
    """A document that loads nothing: an empty image stops Qt, whereas None would make it read the file itself."""

    def __init__(self) -> None:
        super().__init__()
        self.setUndoRedoEnabled(False)
        self.setDocumentMargin(0)
        self.refused: list[str] = []

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: ARG002 - Qt's signature
        """Refuse, whatever is asked for."""
        self.refused.append(QUrl(name).toString())
        return QImage()


def clean(text: str) -> str:
    """Return text for showing: terminal sequences, control and tag characters are gone, layout marks balanced.

    Right-to-left overrides are left out as well, so that a line cannot be shown in another order than it is copied.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n"))
    return _OVERRIDE.sub("", _CONTROL.sub("", text))


def visible(text: str) -> str:
    """Return text with every invisible or direction-changing character written out as ``⟦U+202E⟧``.

    For what a person judges before it happens: names, commands, arguments, addresses.
    """
    return _HIDDEN.sub(lambda match: f"⟦U+{ord(match[0]):04X}⟧", text)


def has_hidden(text: str) -> bool:
    """Return whether `visible` would show something that plain display hides."""
    return _HIDDEN.search(text) is not None


def is_rich(text: str) -> bool:
    """Return whether a text may be laid out as Markdown; beyond the limits it is shown as plain text."""
    return len(text) <= RICH_LIMIT and text.count("\n") <= LINE_LIMIT


def is_dense(text: str) -> bool:
    """Return whether a block holds so many marks that reading them as Markdown costs more than it tells."""
    return sum(text.count(mark) for mark in MARKS) > MARK_LIMIT


def break_runs(text: str) -> str:
    """Return text whose unbroken runs end after 4,096 characters, which Qt lays out in time linear to the length."""
    if len(text) <= RUN_LIMIT:
        return text
    return _RUN.sub(
        lambda match: "\n".join(match[0][i : i + RUN_LIMIT] for i in range(0, len(match[0]), RUN_LIMIT)), text
    )


def plain_label(text: str, parent: QWidget | None = None, *, role: str = "", wrap: bool = False) -> QLabel:
    """Return a label that never takes text for HTML; `role` is one of the style sheet's."""
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setOpenExternalLinks(False)
    label.setText(break_runs(clean(text)))
    label.setWordWrap(wrap)
    if role:
        label.setProperty("role", role)
    return label


@dataclass(frozen=True, slots=True)
class Link:
    """A link that may be followed. `target` is what is shown of it, host in punycode; `warning` asks for a look."""

    url: QUrl
    target: str
    warning: str = ""


def check_link(address: str, shown: str = "") -> Link | None:
    """Return the link for an address, or None when it must stay plain text.

    Only http, https and mailto lead anywhere. `shown` is the text the reader sees: one that names another host than
    the address has, gets a warning, as do look-alike letters, credentials and long queries.
    """
    if _HIDDEN.search(address) or "\\" in address or any(character.isspace() for character in address):
        return None
    url = QUrl(address, QUrl.ParsingMode.StrictMode)
    scheme = url.scheme().lower()
    if not url.isValid() or scheme not in SCHEMES:
        return None
    if scheme == "mailto":
        return Link(url, f"mailto:{url.path()}") if url.path() and not url.host() else None
    host = _ace(url.host())
    if not host:
        return None
    target = bytes(url.toEncoded().data()).decode("ascii")
    return Link(url, target, _warning(url, host, shown))


def _ace(host: str) -> str:
    return bytes(QUrl.toAce(host).data()).decode("ascii").lower() or (host if ":" in host else "")


def _warning(url: QUrl, host: str, shown: str) -> str:
    if url.userInfo():
        return "The part before the @ is not the address"
    named = _HOST_IN_TEXT.match(shown.strip())
    if named and _bare(_ace(named[1])) != _bare(host):
        return "The text names another address"
    if _looks_alike(host):
        return "Some letters only look like others"
    if len(url.query()) > QUERY_LIMIT:
        return "The address carries a long text away"
    return ""


def _bare(host: str) -> str:
    return host.removeprefix("www.")


def _looks_alike(host: str) -> bool:
    """Return whether a name mixes scripts, passes for a Latin one, or is punycode that stands for nothing."""
    try:
        labels = [label.encode("ascii").decode("idna") for label in host.split(".")]
    except UnicodeError:
        return True
    for label in labels:
        scripts = {unicodedata.name(letter, "?").split(" ")[0] for letter in label if letter.isalpha()}
        if len(scripts - {"CJK", "HIRAGANA", "KATAKANA"}) > 1 or (
            scripts & {"CYRILLIC", "GREEK"} and _all_latin(label)
        ):
            return True
    return False


_LATIN_TWINS = frozenset("ӏасеорхуіјѕһԁԛԝѵοανρτυχκ")


def _all_latin(label: str) -> bool:
    """Return whether every letter has a Latin twin, so that the whole name passes for a Latin one."""
    return all(letter in _LATIN_TWINS for letter in label if letter.isalpha())
