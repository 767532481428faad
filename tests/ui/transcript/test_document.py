from __future__ import annotations

import random
import time

import pytest

from portal_desktop.ui.transcript.document import (
    PIECE_CHARACTERS,
    PIECE_LINES,
    TABLE_PIECE_ROWS,
    TABLE_ROWS,
    BlockDocument,
    PlainDocument,
)
from tests.benchmarks.bench_transcript import markdown

GOLDEN = {
    "paragraphs": ("one\ntwo\n\nthree", ["text:one\ntwo", "text:three"]),
    "heading": ("# A\ntext\n## B", ["heading:# A", "text:text", "heading:## B"]),
    "setext": ("Title\n===\nmore", ["text:Title\n===", "text:more"]),
    "list": ("- a\n- b\n\n  more\n- c\n\nend", ["list:- a\n- b\n\n  more\n- c\n", "text:end"]),
    "two lists": ("- a\n1. b", ["list:- a", "list:1. b"]),
    "lazy list": ("- a\nlazy\n\nend", ["list:- a\nlazy\n", "text:end"]),
    "list after text": ("text\n- a", ["text:text", "list:- a"]),
    "number inside text": ("in\n1984. It was", ["text:in\n1984. It was"]),
    "fence": ("```py\na\n\nb\n```\nend", ["code[py]:a\n\nb", "text:end"]),
    "open fence": ("~~~\na\n```", ["code[]:a\n```"]),
    "fence in list": ("- a\n  ```\n  x\n\n  y\n  ```\n- b", ["list:- a\n  ```\n  x\n\n  y\n  ```\n- b"]),
    "indented code": ("text\n\n    a\n\n    b\nend", ["text:text", "code[]:a\n\nb", "text:end"]),
    "quote": ("> a\nlazy\n\n> b", ["quote:> a\nlazy", "quote:> b"]),
    "rule": ("a\n\n***\n- - -\nb", ["text:a", "rule:***", "rule:- - -", "text:b"]),
    "table": ("|a|b|\n|-|-|\n|1|2|\n\nend", ["table:|a|b|\n|-|-|\n|1|2|", "text:end"]),
    "table after text": ("text\na|b\n-|-\n1|2", ["text:text", "table:a|b\n-|-\n1|2"]),
    "no table": ("a|b\n-\n1", ["text:a|b\n-\n1"]),
    "formula": ("$$\nx\n$$\nend", ["formula:$$\nx\n$$", "text:end"]),
    "formula in a line": ("\\[x^2\\]\nend", ["formula:\\[x^2\\]", "text:end"]),
    "broken formula": ("$$\nx\n\nend", ["text:$$\nx\n", "text:end"]),
    "definition": ("[a]\n\n[a]: http://x.example", ["text:[a]"]),
    "footnote": ("a[^1]\n\n[^1]: note\n[^2]: other", ["text:a[^1]", "footnote:[^1]: note", "footnote:[^2]: other"]),
    "html": ("<div>\nx\n</div>", ["text:<div>\nx\n</div>"]),
    "carriage returns": ("a\r\n\r\nb\r\n", ["text:a", "text:b"]),
}


def tree(document: BlockDocument | PlainDocument) -> list[str]:
    return [
        f"{block.kind}{f'[{block.group.language}]' if block.kind == 'code' and block.group else ''}:{block.source}"
        for block in document.blocks
    ]


def whole(text: str) -> BlockDocument:
    document = BlockDocument()
    document.feed(text)
    document.finish()
    return document


@pytest.mark.spec("X-51")
@pytest.mark.parametrize(("text", "blocks"), GOLDEN.values(), ids=GOLDEN.keys())
def test_blocks_of_markdown_are_the_golden_tree(text: str, blocks: list[str]) -> None:
    document = whole(text)
    assert tree(document) == blocks
    assert all(block.closed for block in document.blocks)


@pytest.mark.spec("X-51")
@pytest.mark.parametrize("seed", range(12))
def test_blocks_fed_in_any_pieces_are_the_same_and_settled_ones_never_change(seed: int) -> None:
    chance = random.Random(seed)
    text = markdown(6_000, seed) + "\n\n" + "\n\n".join(text for text, _ in GOLDEN.values()) + "\n" + "x" * 9_000
    document, at = BlockDocument(), 0
    settled: list[str] = []
    while at < len(text):
        step = chance.choice((1, 2, 3, 7, 40, 900))
        first = document.feed(text[at : at + step])
        at += step
        assert first <= len(document.blocks)
        assert tree(document)[: len(settled)] == settled
        assert first >= len(settled)
        settled = tree(document)[: document.settled]
    document.finish()
    assert tree(document) == tree(whole(text))
    groups = [block.group.text for block in document.blocks if block.group]
    assert groups == [block.group.text for block in whole(text).blocks if block.group]


def test_long_code_is_cut_into_pieces_of_one_group() -> None:
    lines = [f"line {i}" for i in range(PIECE_LINES * 3 + 5)]
    document = whole("```py\n" + "\n".join(lines) + "\n```")
    assert [block.continued for block in document.blocks] == [False, True, True, True]
    assert len({id(block.group) for block in document.blocks}) == 1
    group = document.blocks[0].group
    assert group is not None
    assert group.closed
    assert group.text == "\n".join(lines)


def test_long_line_in_code_is_copied_as_it_was() -> None:
    line = "z" * (PIECE_CHARACTERS * 3 + 10)
    for size in (len(line) + 10, 700):
        text = f"```\n{line}\nend\n```"
        document = BlockDocument()
        for at in range(0, len(text), size):
            document.feed(text[at : at + size])
        document.finish()
        group = document.blocks[0].group
        assert group is not None
        assert group.text == f"{line}\nend"


def test_long_paragraph_is_cut_between_words() -> None:
    document = whole("word " * 4_000)
    assert len(document.blocks) > 4
    assert all(len(block.source) <= PIECE_CHARACTERS for block in document.blocks)
    assert "".join(block.source for block in document.blocks) == "word " * 4_000
    assert all(block.continued for block in document.blocks[1:])


def test_long_list_is_cut_between_items_and_keeps_its_numbers() -> None:
    document = whole("\n".join(f"{i}. item" for i in range(1, 101)))
    assert [block.source.split(".")[0] for block in document.blocks] == ["1", "41", "81"]


def test_list_without_items_to_cut_at_ends_at_the_hard_limit() -> None:
    document = whole("- a\n  ```\n" + "  code line\n" * 3_000)
    assert max(len(block.source) for block in document.blocks) < 14_000
    assert document.blocks[-1].kind == "code"


def test_long_table_is_cut_with_the_same_columns_and_ends_as_plain_text() -> None:
    rows = TABLE_ROWS + 50
    document = whole("|a|b|\n|:-|-:|\n" + "\n".join(f"|{i}|x|" for i in range(rows)) + "\n\nend")
    tables = [block for block in document.blocks if block.kind == "table"]
    assert len(tables) > TABLE_ROWS // (TABLE_PIECE_ROWS + 3)
    assert {(block.columns, block.sides) for block in tables[:-1]} == {(tables[0].columns, "lr")}
    assert tree(document)[-1] == "text:end"
    rest = document.blocks[-2].group
    assert rest is not None
    assert rest.language == "table"


def test_unfinished_marks_are_held_back_until_they_are_decided() -> None:
    document = BlockDocument()
    document.feed("```py\ncode\n``")
    assert tree(document) == ["code[py]:code"]
    document.feed("`\n")
    document.feed("#")
    assert tree(document) == ["code[py]:code"]
    document.feed("# Head")
    assert tree(document) == ["code[py]:code", "heading:## Head"]


def test_plain_document_is_cut_at_line_ends_and_copied_whole() -> None:
    text = "some words\n" * 2_000
    document = PlainDocument()
    document.feed(text[:5_000])
    document.feed(text[5_000:])
    document.finish()
    assert all(len(block.source) <= PIECE_CHARACTERS for block in document.blocks)
    group = document.blocks[0].group
    assert group is not None
    assert group.text == text


@pytest.mark.spec("X-51")
def test_feeding_a_token_costs_the_same_at_any_length() -> None:
    text = markdown(120_000)
    document = BlockDocument()
    costs = []
    for at in range(0, len(text), 8):
        started = time.thread_time()
        document.feed(text[at : at + 8])
        costs.append(time.thread_time() - started)
    part = len(costs) // 6
    early, late = sorted(costs[part : 2 * part])[part // 2], sorted(costs[-part:])[part // 2]
    assert late < 3 * early + 0.0001
