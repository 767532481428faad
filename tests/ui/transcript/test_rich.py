from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QImage, QTextCharFormat, QTextDocument, QTextListFormat

from portal_desktop.ui.transcript.document import BlockDocument
from portal_desktop.ui.transcript.items import Kit
from portal_desktop.ui.transcript.rich import closed_marks
from portal_desktop.ui.transcript.safe_text import SafeDocument


def _marks(form: QTextCharFormat) -> str:
    marks = "b" if form.fontWeight() >= QFont.Weight.DemiBold else ""
    marks += "i" if form.fontItalic() else ""
    marks += "s" if form.fontStrikeOut() else ""
    marks += "c" if form.background().style() != Qt.BrushStyle.NoBrush else ""
    marks += "^" if form.verticalAlignment() == QTextCharFormat.VerticalAlignment.AlignSuperScript else ""
    marks += f"@{form.anchorHref()}" if form.isAnchor() else ""
    return marks


def outline(document: QTextDocument) -> Iterator[str]:
    """Yield a line per block of a document: list depth and number, then its runs of text with their marks."""
    block = document.begin()
    while block.isValid():
        listed = block.textList()
        numbered = listed is not None and listed.format().style() == QTextListFormat.Style.ListDecimal
        mark = (listed.itemText(block) if numbered else "•") if listed else ""
        head = f"{listed.format().indent()}{mark} " if listed else ""
        head += f">{block.blockFormat().indent()} " if block.blockFormat().indent() and not listed else ""
        runs = []
        for run in block:
            fragment = run.fragment()
            marks = _marks(fragment.charFormat())
            text = fragment.text().replace("\ufffc", "▣").replace("\u2028", "⏎")
            runs.append(f"[{marks}|{text}]" if marks else text)
        yield head + "".join(runs)
        block = block.next()


def render(kit: Kit, source: str) -> list[str]:
    parsed = BlockDocument()
    parsed.feed(source)
    parsed.finish()
    lines: list[str] = []
    for block in parsed.blocks:
        document = SafeDocument()
        kit.reader.fill(document, block, parsed.references)
        assert document.refused == []
        lines += outline(document)
    return lines


GOLDEN = {
    "emphasis": ("a **b** *c* ~~d~~ ***e***", ["a [b|b] [i|c] [s|d] [bi|e]"]),
    "code": ("use `x = 1` here", ["use [c|x = 1] here"]),
    "heading": ("## Two *words*", ["[b|Two ][bi|words]"]),
    "breaks": ("one\ntwo  \nthree", ["one two⏎three"]),
    "link": ("[docs](https://x.example/a)", ["[@https://x.example/a|docs]"]),
    "bare link": ("see https://x.example/a.", ["see [@https://x.example/a|https://x.example/a]."]),
    "automatic link": ("<https://x.example>", ["[@https://x.example|https://x.example]"]),
    "reference": ("[a] [b][a]\n\n[a]: https://x.example", ["[@https://x.example|a] [@https://x.example|b]"]),
    "misleading link": ("[bank.com](https://evil.example)", ["[@https://evil.example|bank.com] (evil.example)"]),
    "odd scheme": ("[x](ms-msdt:/id)", ["x (ms-msdt:/id)"]),
    "script": ("[x](javascript:alert(1))", ["[x](javascript:alert(1))"]),
    "bullets": ("- a\n  - b\n- c", ["1• a", "2• b", "1• c"]),
    "numbers": ("3. a\n4. b", ["13. a", "14. b"]),
    "loose list": ("- a\n\n  more\n- b", ["1• a", ">1 more", "1• b"]),
    "code in list": ("- a\n  ```\n  x\n  y\n  ```", ["1• a", ">1 [c|x⏎y]"]),
    "lists in a row": (
        "- a\n  - b\n- c\n  1. d\n  2. e\n- f\n  - g",
        ["1• a", "2• b", "1• c", "21. d", "22. e", "1• f", "2• g"],
    ),
    "tasks": ("- [x] done\n- [ ] open", [">1 ▣ done", ">1 ▣ open"]),
    "quote": ("> a\n> > b", ["a", "b"]),
    "table": ("|a|b|\n|-|-|\n|**1**|`2`|", ["", "[b|a]", "[b|b]", "[b|1]", "[c|2]", ""]),
    "html": ("<b>x</b> <img src=y>", ["<b>x</b> <img src=y>"]),
    "entity": ("&lt;b&gt; &amp;", ["<b> &"]),
    "image": ("![cat](https://x.example/c.png)", ["[c| Image: cat · x.example ]"]),
    "local image": ("![](C:/x.png)", ["[c| Image: no description · not loaded ]"]),
    "footnote": ("a[^1]\n\n[^1]: *note* here", ["a[^|1]", "1  [i|note] here"]),
    "rule in list": ("- a\n\n  ---\n- b", ["1• a", ">1 ⸻", "1• b"]),
    "dense": ("*" * 300 + " a", ["*" * 300 + " a"]),
}


@pytest.mark.spec("X-51")
@pytest.mark.parametrize(("source", "lines"), GOLDEN.values(), ids=GOLDEN.keys())
def test_rendered_markdown_is_the_golden_outline(kit: Kit, source: str, lines: list[str]) -> None:
    assert render(kit, source) == lines


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("a **b", "a **b**"),
        ("a **", "a "),
        ("a `b", "a `b`"),
        ("a `", "a "),
        ("a **b** `c`", "a **b** `c`"),
    ],
)
def test_closed_marks_unfinished_emphasis_does_not_flash(source: str, shown: str) -> None:
    assert closed_marks(source) == shown


@pytest.mark.spec("X-52")
def test_image_offered_once_has_a_link_of_our_own_and_shows_when_given(kit: Kit) -> None:
    kit.load_images = True
    source = "![cat](https://x.example/c.png)"
    assert render(kit, source)[0].endswith("[@portal-load:https://x.example/c.png|Load once]")
    kit.images = {"https://x.example/c.png": QImage(4, 4, QImage.Format.Format_RGB32)}
    kit.reader.images = kit.images
    assert render(kit, source) == ["▣"]
