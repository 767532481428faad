"""One block of Markdown becomes one document. Nothing here can make an image of an address, a style or HTML.

Parsed with markdown-it-py and built with a cursor instead of Qt's own reader: that one makes image objects, and its
looks cannot be told apart from what the text asked for. The price is a millisecond per thousand characters, paid once
per block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import (
    QFont,
    QImage,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextImageFormat,
    QTextLength,
    QTextList,
    QTextListFormat,
    QTextTableFormat,
)

from portal_desktop.ui.i18n import tr
from portal_desktop.ui.theme import Theme
from portal_desktop.ui.transcript.document import Block, BlockKind
from portal_desktop.ui.transcript.safe_text import SafeDocument, break_runs, check_link, clean, is_dense
from portal_desktop.ui.transcript.tables import column_sides, column_weights, split_cells

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LINK_WARNING = int(QTextFormat.Property.UserProperty) + 1
LOAD_SCHEME = "portal-load:"
LINE_SEPARATOR = "\u2028"
_BARE = re.compile(r"https?://[^\s<>\[\]\"'`]+[^\s<>\[\]\"'`.,;:!?)]")
_NOTE_MARK = re.compile(r"\[\^([^\]\s]{1,60})\]")
_TASK = re.compile(r"^\[([ xX])\]\s+")
_LINK_IN_TEXT = re.compile(rf"{_BARE.pattern}|{_NOTE_MARK.pattern}")
_HEADING_SIZES = (20.0, 17.0, 15.0, 14.0, 14.0, 14.0)


@dataclass
class RichStyle:
    """The formats of one theme, made once."""

    theme: Theme

    @cached_property
    def body(self) -> QFont:
        """The font of running text."""
        return self.theme.font()

    @cached_property
    def code(self) -> QTextCharFormat:
        """Code inside a line."""
        form = QTextCharFormat()
        form.setFont(self.theme.font("code"))
        form.setBackground(self.theme.color("code"))
        return form

    def paragraph(self, *, top: float = 0, left: float = 0, line: float = 21) -> QTextBlockFormat:
        """Return the format of a paragraph; lengths are before zoom."""
        form = QTextBlockFormat()
        form.setLineHeight(self.theme.px(line), QTextBlockFormat.LineHeightTypes.MinimumHeight.value)
        form.setTopMargin(self.theme.px(top))
        form.setLeftMargin(self.theme.px(left))
        return form

    def heading(self, level: int) -> QTextCharFormat:
        """Return the letters of a heading."""
        form = QTextCharFormat()
        font = self.theme.font(bold=True)
        font.setPixelSize(self.theme.px(_HEADING_SIZES[level - 1]))
        form.setFont(font)
        return form

    def tinted(self, color: str) -> QTextCharFormat:
        """Return letters in a colour of the table."""
        form = QTextCharFormat()
        form.setForeground(self.theme.color(color))
        return form


class MarkdownReader:
    """Makes documents of blocks. The parser is loaded with the first one, not at start."""

    def __init__(self, style: RichStyle, images: Mapping[str, QImage], *, can_load: Callable[[], bool]) -> None:
        self.style = style
        self.images = images
        self.can_load = can_load

    @cached_property
    def parser(self) -> MarkdownIt:
        """The parser: CommonMark with tables and strike-through, without HTML."""
        from markdown_it import MarkdownIt  # noqa: PLC0415 - 100 ms; loaded with the first message, not with the window

        return MarkdownIt("commonmark", {"html": False, "maxNesting": 24}).enable(["table", "strikethrough"])

    def fill(self, document: SafeDocument, block: Block, references: Sequence[str] = ()) -> None:
        """Write a block into an empty document."""
        document.setDefaultFont(self.style.body)
        cursor = QTextCursor(document)
        cursor.beginEditBlock()
        try:
            source = clean(block.source)
            if block.kind is not BlockKind.TABLE and is_dense(source):
                cursor.setBlockFormat(self.style.paragraph())
                cursor.insertText(break_runs(source))
            elif block.kind is BlockKind.FOOTNOTE:
                _Writer(self, document, cursor).footnote(source)
            elif block.kind is BlockKind.TABLE:
                _Writer(self, document, cursor).table(source, block)
            else:
                env: dict[str, Any] = {}
                if references and "[" in source:
                    self.parser.parse("\n".join(references), env)
                text = source if block.closed else closed_marks(source)
                _Writer(self, document, cursor).tokens(self.parser.parse(text, env))
        finally:
            cursor.endEditBlock()


def closed_marks(source: str) -> str:
    """Return an unfinished paragraph with its open emphasis and code marks closed, so that they do not flash."""
    if source.count("`") % 2:
        return source[:-1] if source.endswith("`") else source + "`"
    if source.count("**") % 2:
        bare = source.rstrip("*")
        return bare if len(bare) < len(source) else source + "**"
    return source


def fill_plain(document: SafeDocument, text: str, font: QFont, form: QTextBlockFormat | None = None) -> None:
    """Write text as it is, one paragraph per line, into an empty document."""
    document.setDefaultFont(font)
    cursor = QTextCursor(document)
    if form is not None:
        cursor.setBlockFormat(form)
    cursor.insertText(break_runs(clean(text)))


@dataclass(slots=True)
class _Level:
    """A list being written: its look, and the list itself once it has an item."""

    form: QTextListFormat
    made: QTextList | None = None


@dataclass
class _Writer:
    reader: MarkdownReader
    document: QTextDocument
    cursor: QTextCursor
    lists: list[_Level] = field(default_factory=list)
    fresh: bool = True
    item: _Level | None = None
    quotes: int = 0
    tasks: bool = False
    formats: list[QTextCharFormat] = field(default_factory=lambda: [QTextCharFormat()])

    @property
    def style(self) -> RichStyle:
        return self.reader.style

    def tokens(self, tokens: Sequence[Token]) -> None:
        for number, token in enumerate(tokens):
            if token.type == "inline":
                self._inline(token.children or [])
            elif token.type in {"fence", "code_block"}:
                self._code(token.content)
            elif token.type in {"paragraph_open", "hr"}:
                self._paragraph(task=self.item is not None and _is_task(tokens[number + 1 : number + 2]))
                if token.type == "hr":
                    self.cursor.insertText("⸻", self.style.tinted("faint"))
            else:
                self._nesting(token)

    def _nesting(self, token: Token) -> None:
        """Enter or leave a heading, a list, an item or a quote."""
        match token.type:
            case "heading_open":
                level = int(token.tag[1])
                self._block(self.style.paragraph(top=6, line=_HEADING_SIZES[level - 1] * 1.4))
                self.formats.append(self.style.heading(level))
            case "heading_close":
                self.formats.pop()
            case "bullet_list_open" | "ordered_list_open":
                self._open_list(token)
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
            case "list_item_open":
                self.item = self.lists[-1]
            case "list_item_close":
                if self.item is not None:
                    self._paragraph()
            case "blockquote_open" | "blockquote_close":
                self.quotes += token.nesting

    def _open_list(self, token: Token) -> None:
        form = QTextListFormat()
        if token.type.startswith("ordered"):
            form.setStyle(QTextListFormat.Style.ListDecimal)
            form.setStart(int(token.attrs.get("start", 1)))
        else:
            shapes = (
                QTextListFormat.Style.ListDisc,
                QTextListFormat.Style.ListCircle,
                QTextListFormat.Style.ListSquare,
            )
            form.setStyle(shapes[min(len(self.lists), 2)])
        form.setIndent(len(self.lists) + 1)
        self.document.setIndentWidth(self.style.theme.px(22))
        self.lists.append(_Level(form))

    def _block(self, form: QTextBlockFormat) -> None:
        if self.fresh:
            self.fresh = False
            form.setTopMargin(0)
            self.cursor.setBlockFormat(form)
        else:
            self.cursor.insertBlock(form, QTextCharFormat())

    def _paragraph(self, *, task: bool = False) -> None:
        depth = len(self.lists)
        if task:
            form = self.style.paragraph(top=3)
            form.setIndent(depth)
            form.setTextIndent(-self.style.theme.px(22))
            self._block(form)
            self.item = None
            self.tasks = True
            return
        if self.item is not None:
            self._block(self.style.paragraph(top=3))
            self._list_up(self.item)
            self.item = None
            return
        form = self.style.paragraph(top=8 if not depth else 4, left=14 * max(0, self.quotes - 1))
        form.setIndent(depth)
        self._block(form)

    def _list_up(self, level: _Level) -> None:
        """Put the present block into the list of its level, making the list with its first item."""
        if level.made is None:
            level.made = self.cursor.createList(level.form)
        else:
            level.made.add(self.cursor.block())

    def _code(self, text: str) -> None:
        form = self.style.paragraph(top=4, line=18)
        form.setBackground(self.style.theme.color("code"))
        form.setIndent(len(self.lists))
        self._block(form)
        self.cursor.insertText(break_runs(text.rstrip("\n")).replace("\n", LINE_SEPARATOR), self.style.code)

    def _inline(self, children: Sequence[Token]) -> None:
        if self.tasks:
            self.tasks = False
            self._task(children)
        link_end = ""
        for index, token in enumerate(children):
            kind = token.type
            if kind == "text":
                self._text(token.content, plain=bool(link_end))
            elif kind == "code_inline":
                self._insert(token.content, self.style.code)
            elif kind == "softbreak":
                self._insert(" ")
            elif kind == "hardbreak":
                self._insert(LINE_SEPARATOR)
            elif kind == "link_open":
                link_end = self._open_link(str(token.attrs.get("href", "")), _shown(children[index + 1 :]))
            elif kind == "link_close":
                self.formats.pop()
                self._insert(link_end.strip("\0"), self.style.tinted("warn"))
                link_end = ""
            elif kind == "image":
                self._image(str(token.attrs.get("src", "")), token.content)
            elif kind.endswith("_open"):
                self.formats.append(self._emphasis(kind))
            elif kind.endswith("_close"):
                self.formats.pop()
            else:
                self._insert(token.content)

    def _task(self, children: Sequence[Token]) -> None:
        if task := _TASK.match(children[0].content):
            children[0].content = children[0].content[task.end() :]
            self._box(done=task[1] != " ")

    def _box(self, *, done: bool) -> None:
        """Put our own check mark where the mark of the list would stand."""
        theme = self.style.theme
        name = QUrl("portal:task/done" if done else "portal:task/open")
        pixmap = theme.pixmap("circle-check" if done else "circle", "accent" if done else "muted", 16, 2.0)
        self.document.addResource(QTextDocument.ResourceType.ImageResource, name, pixmap.toImage())
        image = QTextImageFormat()
        image.setName(name.toString())
        image.setWidth(theme.px(16))
        image.setHeight(theme.px(16))
        image.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
        self.cursor.insertImage(image)
        self.cursor.insertText(" ", QTextCharFormat())

    def _emphasis(self, kind: str) -> QTextCharFormat:
        form = QTextCharFormat(self.formats[-1])
        if kind == "strong_open":
            form.setFontWeight(QFont.Weight.DemiBold)
        elif kind == "em_open":
            form.setFontItalic(True)
        elif kind == "s_open":
            form.setFontStrikeOut(True)
        return form

    def _insert(self, text: str, form: QTextCharFormat | None = None) -> None:
        if not text:
            return
        if form is None:
            self.cursor.insertText(text, self.formats[-1])
            return
        merged = QTextCharFormat(self.formats[-1])
        merged.merge(form)
        self.cursor.insertText(text, merged)

    def _text(self, text: str, *, plain: bool) -> None:
        if plain or ("://" not in text and "[^" not in text):
            self._insert(break_runs(text))
            return
        end = 0
        for match in _LINK_IN_TEXT.finditer(text):
            self._insert(text[end : match.start()])
            end = match.end()
            if match[1]:
                form = self.style.tinted("accent")
                form.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignSuperScript)
                self._insert(match[1], form)
            else:
                link_end = self._open_link(match[0], match[0])
                self._insert(break_runs(match[0]))
                self.formats.pop()
                self._insert(link_end.strip("\0"), self.style.tinted("warn"))
        self._insert(break_runs(text[end:]))

    def _open_link(self, address: str, shown: str) -> str:
        """Begin a link and return what stands behind it: its true host when the text may mislead."""
        link = check_link(address, shown)
        form = QTextCharFormat(self.formats[-1])
        self.formats.append(form)
        if link is None:
            return f" ({clean(address)[:120]})"
        form.setAnchor(True)
        form.setAnchorHref(link.target)
        form.setForeground(self.style.theme.color("accent"))
        if link.warning:
            form.setProperty(LINK_WARNING, link.warning)
            return f" ({urlsplit(link.target).netloc})"
        return "\0"

    def _image(self, address: str, alt: str) -> None:
        if address in self.reader.images:
            image = self.reader.images[address]
            name = QUrl(f"portal:image/{len(self.document.toPlainText())}")
            self.document.addResource(QTextDocument.ResourceType.ImageResource, name, image)
            self.cursor.insertImage(image, name.toString())
            return
        link = check_link(address)
        name_shown = clean(alt).strip()[:80] or tr("no description")
        place = urlsplit(link.target).netloc if link else tr("not loaded")
        self._insert(f" {tr('Image')}: {name_shown} · {place} ", self.style.code)
        if link and self.reader.can_load():
            form = self.style.tinted("accent")
            form.setAnchor(True)
            form.setAnchorHref(LOAD_SCHEME + link.target)
            self._insert(" ")
            self._insert(tr("Load once"), form)

    def footnote(self, source: str) -> None:
        """Write a footnote: its mark, then its text, small."""
        mark, _, text = source.partition("]:")
        form = self.style.tinted("muted")
        form.setFont(self.style.theme.font("small"))
        self._block(self.style.paragraph(line=19))
        self.formats.append(form)
        self._insert(f"{mark.strip().removeprefix('[^')}  ")
        for token in self.reader.parser.parseInline(" ".join(text.split())):
            self._inline(token.children or [])
        self.formats.pop()

    def table(self, source: str, block: Block) -> None:
        """Write a table whose columns have fixed shares of the width; its pieces therefore stand in line."""
        lines, continued = source.split("\n"), block.continued
        rows = [list(split_cells(line)) for index, line in enumerate(lines) if continued or index != 1]
        weights = block.columns or column_weights(source)
        sides = block.sides or column_sides(source)
        count = len(weights)
        theme = self.style.theme
        form = QTextTableFormat()
        form.setBorder(1)
        form.setBorderCollapse(True)
        form.setBorderBrush(theme.color("line"))
        form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        form.setCellPadding(theme.px(6))
        form.setCellSpacing(0)
        form.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
        form.setColumnWidthConstraints([QTextLength(QTextLength.Type.PercentageLength, weight) for weight in weights])
        table = self.cursor.insertTable(len(rows), count, form)
        for number, row in enumerate(rows):
            head = number == 0 and not continued
            for column, text in enumerate(row[:count]):
                cell = table.cellAt(number, column)
                self.cursor = cell.firstCursorPosition()
                if head:
                    shade = cell.format()
                    shade.setBackground(theme.color("code"))
                    cell.setFormat(shade)
                self._cell(text, _SIDES[sides[column]], bold=head)

    def _cell(self, text: str, side: Qt.AlignmentFlag, *, bold: bool) -> None:
        place = QTextBlockFormat()
        place.setAlignment(side)
        self.cursor.setBlockFormat(place)
        form = QTextCharFormat()
        if bold:
            form.setFontWeight(QFont.Weight.DemiBold)
        self.formats = [form]
        if not _MARKED.search(text):
            self._insert(text)
            return
        for token in self.reader.parser.parseInline(text.replace("\\|", "|")):
            self._inline(token.children or [])


_SIDES = {"l": Qt.AlignmentFlag.AlignLeft, "c": Qt.AlignmentFlag.AlignHCenter, "r": Qt.AlignmentFlag.AlignRight}
_MARKED = re.compile(r"[*_`\[\]!<>&~\\:]")


def _is_task(following: Sequence[Token]) -> bool:
    """Return whether the text after the start of an item begins with a box."""
    children = (following[0].children or []) if following else []
    return any(child.type == "text" and _TASK.match(child.content) is not None for child in children[:1])


def _shown(tokens: Sequence[Token]) -> str:
    """Return the text of a link, up to its end."""
    parts: list[str] = []
    for token in tokens:
        if token.type == "link_close":
            break
        parts.append(token.content)
    return "".join(parts)
