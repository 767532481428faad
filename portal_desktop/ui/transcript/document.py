"""Markdown as it arrives, cut into blocks: what is finished never changes again, only the last block is open.

A block is what one `QTextDocument` shows: a paragraph, a list, a piece of code. Long ones are cut into pieces, so that
no single layout is expensive. `feed` costs O(chunk), however long the text already is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from portal_desktop.ui.transcript.tables import column_sides, column_weights, count_cells

PIECE_CHARACTERS = 4_000
PIECE_LINES = 80
LIST_LINES = 40
TABLE_PIECE_ROWS = 40
TABLE_ROWS = 500
HARD_CHARACTERS = 12_000

_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})([^`]*)$")
_INNER_FENCE = re.compile(r"^\s+(?:[-*+]\s+|\d{1,9}[.)]\s+)?(`{3,}|~{3,})")
_HEADING = re.compile(r"^ {0,3}#{1,6}(?:\s|$)")
_RULE = re.compile(r"^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_SETEXT = re.compile(r"^ {0,3}(?:=+|-{2,})[ \t]*$")
_QUOTE = re.compile(r"^ {0,3}>")
_ITEM = re.compile(r"^( {0,3})([-*+]|\d{1,9}[.)])(?:\s|$)")
_INTERRUPTING_ITEM = re.compile(r"^ {0,3}(?:[-*+]|1[.)])\s+\S")
_FORMULA = re.compile(r"^\s*(?:\$\$|\\\[)")
_INDENTED = re.compile(r"^(?: {4}|\t)")
_DELIMITER = re.compile(r"^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_DEFINITION = re.compile(r"^ {0,3}\[(?!\^)[^\]]{1,200}\]:[ \t]*\S+")
_FOOTNOTE = re.compile(r"^ {0,3}\[\^[^\]\s]{1,60}\]:")
_UNDECIDED = re.compile(r"^ {0,3}(?:`{1,}|~{1,}|#{1,6}|[-*+=_|>]{1,3}|\d{1,9}[.)]?|\$|\\)[ \t]*$")


class BlockKind(StrEnum):
    """What a block is; decides which item shows it."""

    TEXT = "text"
    HEADING = "heading"
    LIST = "list"
    QUOTE = "quote"
    TABLE = "table"
    CODE = "code"
    FORMULA = "formula"
    RULE = "rule"
    FOOTNOTE = "footnote"


@dataclass(slots=True)
class CodeGroup:
    """The code of one fence, which may be shown in several pieces."""

    language: str
    lines: list[str] = field(default_factory=list)
    closed: bool = False
    wrapped: bool = False
    scroll: int = 0
    joint: str = "\n"

    @property
    def text(self) -> str:
        """The code as it was written, for the clipboard."""
        return self.joint.join(self.lines)


@dataclass(slots=True)
class Block:
    """A piece of the document. `source` is Markdown, for code the code itself; `continued` joins it to the last."""

    kind: BlockKind
    source: str = ""
    closed: bool = False
    continued: bool = False
    lines: int = 0
    columns: tuple[int, ...] = ()
    sides: str = ""
    group: CodeGroup | None = None


@dataclass(slots=True)
class _State:
    """Where the reader of lines stands; saved before an unfinished line is tried, restored after it."""

    fence: str = ""
    indent: int = 0
    inner_fence: str = ""
    blank: bool = False
    rows: int = 0
    cut: bool = False

    def copy(self) -> _State:
        return _State(self.fence, self.indent, self.inner_fence, self.blank, self.rows, self.cut)


class BlockDocument:
    """The blocks of one text part. `blocks[:settled]` never change again."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.references: list[str] = []
        self.settled = 0
        self._state = _State()
        self._partial = ""
        self._committed = 0
        self._saved: Block | None = None
        self._tentative = False
        self._lines_in_group = 0
        self._last_line = ""
        self._before = _State()

    def feed(self, chunk: str) -> int:
        """Add text and return the index of the first block that changed."""
        self._take_back()
        first = self.settled
        lines = (self._partial + chunk).split("\n")
        self._partial = lines.pop()
        for line in lines:
            self._commit(line.removesuffix("\r"))
        while len(self._partial) > PIECE_CHARACTERS:
            cut = _cut(self._partial)
            self._add(self._partial[:cut], tail=False)
            self._break_piece()
            self._partial = self._partial[cut:]
        self._settle()
        self._try_partial()
        return first

    def finish(self) -> int:
        """Close the document: the last line counts even without its line end."""
        self._take_back()
        first = self.settled
        if self._partial:
            self._commit(self._partial.removesuffix("\r"))
            self._partial = ""
        self._close()
        self._settle()
        return first

    def _settle(self) -> None:
        self._committed = len(self.blocks)
        self.settled = self._committed - (0 if self._open() is None else 1)

    def _take_back(self) -> None:
        if not self._tentative:
            return
        self._tentative = False
        del self.blocks[self._committed :]
        if self._saved is not None:
            kept = self.blocks[self._committed - 1]
            kept.kind, kept.source, kept.closed = self._saved.kind, self._saved.source, self._saved.closed
            kept.lines, kept.columns, kept.group = self._saved.lines, self._saved.columns, self._saved.group
            kept.sides = self._saved.sides
        if (group := self._group()) is not None:
            del group.lines[self._lines_in_group :]
            group.lines[-1:] = [self._last_line] if group.lines else []
            group.closed = False
        self._state = self._before

    def _try_partial(self) -> None:
        if not self._partial or self._undecided():
            return
        self._tentative = True
        last = self.blocks[-1] if self.blocks else None
        self._saved = (
            None
            if last is None
            else Block(
                last.kind, last.source, last.closed, last.continued, last.lines, last.columns, last.sides, last.group
            )
        )
        group = self._group()
        self._lines_in_group = 0 if group is None else len(group.lines)
        self._last_line = group.lines[-1] if group is not None and group.lines else ""
        self._before = self._state.copy()
        self._commit(self._partial, tentative=True)

    def _undecided(self) -> bool:
        """Return whether the unfinished line may still become a mark rather than text."""
        if self._state.fence:
            return self._partial.strip()[:1] == self._state.fence[0] and not self._partial.strip(
                self._state.fence[0] + " "
            )
        return _UNDECIDED.match(self._partial) is not None

    def _group(self) -> CodeGroup | None:
        last = self.blocks[self._committed - 1] if self._committed else None
        return None if last is None or last.closed else last.group

    def _open(self) -> Block | None:
        return self.blocks[-1] if self.blocks and not self.blocks[-1].closed else None

    def _commit(self, line: str, *, tentative: bool = False) -> None:
        while len(line) > PIECE_CHARACTERS and not tentative:
            cut = _cut(line)
            self._add(line[:cut], tail=False)
            self._break_piece()
            line = line[cut:]
        self._add(line)

    def _add(self, line: str, *, tail: bool = True) -> None:
        block = self._open()
        if block is None:
            self._start(line)
        elif block.kind is BlockKind.CODE:
            self._code(block, line, tail=tail)
        elif block.kind is BlockKind.FORMULA:
            self._formula(block, line)
        elif block.kind is BlockKind.LIST:
            self._list(block, line)
        elif not line.strip():
            self._close()
        else:
            self._flowing(block, line)

    def _start(self, line: str, *, continued: bool = False) -> None:
        """Begin the block that a line opens; a blank line opens none."""
        if not line.strip():
            return
        self._state = _State()
        if fence := _FENCE.match(line):
            self._state = _State(fence=fence[2], indent=len(fence[1]))
            group = CodeGroup(fence[3].strip().split(" ")[0][:40])
            self.blocks.append(Block(BlockKind.CODE, group=group))
            return
        if _INDENTED.match(line):
            self._state = _State(fence=" ", indent=4)
            self.blocks.append(Block(BlockKind.CODE, group=CodeGroup("")))
            self._code(self.blocks[-1], line)
            return
        if _DEFINITION.match(line):
            self.references.append(line)
            return
        kind = _kind(line)
        block = Block(kind, line, lines=1, continued=continued)
        self.blocks.append(block)
        if kind in {BlockKind.HEADING, BlockKind.RULE}:
            block.closed = True
        elif kind is BlockKind.FORMULA:
            block.group = CodeGroup("formula", [line])
            mark = line.strip()
            block.closed = len(mark) > 3 and mark.endswith("$$" if mark.startswith("$$") else "\\]")
            block.group.closed = block.closed
        elif kind is BlockKind.LIST and (inner := _INNER_FENCE.match(" " + line)):
            self._state.inner_fence = inner[1]

    def _close(self) -> None:
        if (block := self._open()) is not None:
            block.closed = True
            if block.group is not None:
                block.group.closed = True
                if self._state.fence == " ":
                    block.source = block.source.rstrip("\n")
        self._state = _State()

    def _code(self, block: Block, line: str, *, tail: bool = True) -> None:
        state = self._state
        if state.fence == " ":
            if line.strip() and not _INDENTED.match(line):
                self._close()
                self._start(line)
                return
        elif tail and (_closes(line, state.fence) or (state.fence == "|" and not line.strip())):
            self._close()
            return
        text = line[_spaces(line, state.indent) :]
        group = block.group
        if group is None:
            return
        if block.lines >= PIECE_LINES or len(block.source) + len(text) > PIECE_CHARACTERS * 1.2:
            block.closed = True
            block = Block(BlockKind.CODE, continued=True, group=group)
            self.blocks.append(block)
        block.source = f"{block.source}\n{text}" if block.lines else text
        block.lines += 1
        if state.cut:
            group.lines[-1] += text
        else:
            group.lines.append(text)
        state.cut = not tail

    def _formula(self, block: Block, line: str) -> None:
        block.source += "\n" + line
        block.lines += 1
        if block.group is not None:
            block.group.lines.append(line)
        if line.rstrip().endswith(("$$", "\\]")):
            self._close()
        elif not line.strip() or block.lines > PIECE_LINES or len(block.source) > PIECE_CHARACTERS:
            block.kind, block.group = BlockKind.TEXT, None
            self._close()

    def _list(self, block: Block, line: str) -> None:
        state = self._state
        if state.inner_fence:
            if _closes(line.strip(), state.inner_fence):
                state.inner_fence = ""
            self._append(block, line)
            self._force(block)
            return
        if not line.strip():
            state.blank = True
            self._append(block, line)
            return
        item = _ITEM.match(line)
        indented = line[:1] in " \t" and _spaces(line, 2) >= 2
        if not indented and not (item and not _RULE.match(line) and _same_list(block.source, item[2])):
            starts = _FENCE.match(line) is not None or _kind(line) is not BlockKind.TEXT
            if state.blank or starts or item:
                self._close()
                self._start(line)
                return
        if item and not indented and (block.lines >= LIST_LINES or len(block.source) > PIECE_CHARACTERS * 0.75):
            self._close()
            self._start(line, continued=True)
            return
        if inner := _INNER_FENCE.match(" " + line):
            state.inner_fence = inner[1]
        state.blank = False
        self._append(block, line)
        self._force(block)

    def _flowing(self, block: Block, line: str) -> None:
        """Continue a paragraph, quote, table or footnote, or end it where another block begins."""
        if block.kind is BlockKind.TEXT and self._becomes_table(block, line):
            return
        if block.kind is BlockKind.TEXT and _SETEXT.match(line):
            self._append(block, line)
            self._close()
            return
        kind = _kind(line)
        starts_item = kind is BlockKind.LIST and _INTERRUPTING_ITEM.match(line) is None
        if (
            _FENCE.match(line)
            or (kind not in {BlockKind.TEXT, block.kind} and not starts_item)
            or (kind is BlockKind.FOOTNOTE)
        ):
            self._close()
            self._start(line)
            return
        if block.kind is BlockKind.TABLE:
            self._row(block, line)
            return
        if len(block.source) + len(line) > PIECE_CHARACTERS:
            self._close()
            self.blocks.append(Block(block.kind, line, lines=1, continued=True))
            return
        self._append(block, line)

    def _becomes_table(self, block: Block, line: str) -> bool:
        head, _, last = block.source.rpartition("\n")
        if "|" not in line + last or not _DELIMITER.match(line) or count_cells(line) != count_cells(last):
            return False
        if head:
            block.source, block.lines = head, block.lines - 1
            self._close()
            block = Block(BlockKind.TABLE, last, lines=1)
            self.blocks.append(block)
        block.kind = BlockKind.TABLE
        self._state.rows = 0
        self._append(block, line)
        return True

    def _row(self, block: Block, line: str) -> None:
        state = self._state
        state.rows += 1
        if state.rows > TABLE_ROWS:
            self._close()
            self.blocks.append(Block(BlockKind.CODE, group=CodeGroup("table")))
            self._state = _State(fence="|")
            self._code(self.blocks[-1], line)
            return
        if block.lines >= TABLE_PIECE_ROWS + 2 or len(block.source) + len(line) > HARD_CHARACTERS:
            columns = block.columns or column_weights(block.source)
            block.columns = columns
            block.sides = block.sides or column_sides(block.source)
            sides = block.sides
            rows = state.rows
            self._close()
            self._state.rows = rows
            self.blocks.append(Block(BlockKind.TABLE, line, lines=1, continued=True, columns=columns, sides=sides))
            return
        self._append(block, line)

    def _append(self, block: Block, line: str) -> None:
        block.source = f"{block.source}\n{line}" if block.lines else line
        block.lines += 1

    def _force(self, block: Block) -> None:
        """End a list that has grown beyond what may be laid out at once, even in the middle of an item."""
        if len(block.source) <= HARD_CHARACTERS:
            return
        inner = self._state.inner_fence
        self._close()
        if inner:
            self._state = _State(fence=inner, indent=8)
            self.blocks.append(Block(BlockKind.CODE, group=CodeGroup("")))

    def _break_piece(self) -> None:
        """End the piece after a part of a line that has no end; what follows is joined to it."""
        block = self._open()
        if block is None:
            return
        if block.kind is BlockKind.CODE:
            return
        kind = block.kind if block.kind in {BlockKind.TEXT, BlockKind.QUOTE} else BlockKind.TEXT
        self._close()
        self.blocks.append(Block(kind, "", continued=True))


_KINDS = (
    (_HEADING, BlockKind.HEADING),
    (_RULE, BlockKind.RULE),
    (_QUOTE, BlockKind.QUOTE),
    (_ITEM, BlockKind.LIST),
    (_FORMULA, BlockKind.FORMULA),
    (_FOOTNOTE, BlockKind.FOOTNOTE),
)


class PlainDocument:
    """A text beyond the limits, as pieces of plain text; made without looking at its lines one by one."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.references: list[str] = []
        self._group = CodeGroup("text", wrapped=True, joint="")

    def feed(self, chunk: str) -> int:
        """Add text and return the index of the first block that changed."""
        first = max(0, len(self.blocks) - 1)
        rest = chunk
        if self.blocks:
            rest = self.blocks.pop().source + chunk
        start = 0
        while len(rest) - start > PIECE_CHARACTERS:
            end = rest.rfind("\n", start, start + PIECE_CHARACTERS)
            cut = end if end > start else start + PIECE_CHARACTERS
            self._add(rest[start:cut])
            start = cut + (end > start)
        self._add(rest[start:], closed=False)
        self._group.lines.append(chunk)
        return first

    def _add(self, source: str, *, closed: bool = True) -> None:
        continued = bool(self.blocks)
        self.blocks.append(Block(BlockKind.CODE, source, closed, continued, 1, group=self._group))

    def finish(self) -> int:
        """Close the document."""
        self.blocks[-1].closed = True
        return len(self.blocks) - 1


def _kind(line: str) -> BlockKind:
    return next((kind for pattern, kind in _KINDS if pattern.match(line)), BlockKind.TEXT)


def _cut(line: str) -> int:
    space = line.rfind(" ", PIECE_CHARACTERS // 2, PIECE_CHARACTERS)
    return space + 1 if space > 0 else PIECE_CHARACTERS


def _closes(line: str, fence: str) -> bool:
    mark = line.strip()
    return len(mark) >= len(fence) and not mark.strip(fence[0]) and _spaces(line, 4) < 4 and fence != "|"


def _spaces(line: str, limit: int) -> int:
    if limit == 4 and line.startswith("\t"):
        return 1
    return min(len(line) - len(line.lstrip(" ")), limit)


def _same_list(source: str, mark: str) -> bool:
    first = _ITEM.match(source)
    return first is None or first[2][-1] == mark[-1]
