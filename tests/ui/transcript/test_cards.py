from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from portal_desktop.agent.approval import ApprovalRequest
from portal_desktop.messages import Attachment, Failure, Note, Role, Status, Text, Thinking, ToolCall, ToolReturn
from portal_desktop.ui.transcript.bubble import BubbleItem, FooterItem
from portal_desktop.ui.transcript.cards import (
    FailureItem,
    NoteItem,
    ThinkingItem,
    ToolItem,
    arguments_text,
    seconds_text,
)
from portal_desktop.ui.transcript.code import CodeItem
from portal_desktop.ui.transcript.drawing import Hit
from portal_desktop.ui.transcript.highlight import Lexing, can_lex, line_spans
from portal_desktop.ui.transcript.items import Item
from portal_desktop.ui.transcript.message import Action, TranscriptMessage
from portal_desktop.ui.transcript.question import ApprovalItem
from portal_desktop.ui.transcript.view import TranscriptView
from tests.support.clock import FakeClock

Say = Callable[..., TranscriptMessage]
CALL = ToolCall("c1", "add_task", {"title": "Water the ficus"})


def items(view: TranscriptView, kind: type[Item]) -> list[Item]:
    return [item for entry in view.stack.entries for item in entry.items if isinstance(item, kind)]


def one(view: TranscriptView, kind: type[Item]) -> Item:
    found = items(view, kind)
    assert len(found) == 1
    return found[0]


def click(view: TranscriptView, action: str, argument: str = "") -> None:
    """Click the button with an action, where it is drawn."""
    for place in view.placed_in_sight():
        for hit in place.item.hits():
            if (hit.action, hit.argument) == (action, argument) or (hit.action == action and not argument):
                corner = view.item_rect(place).topLeft() + QPoint(0, view.kit.theme.px(place.item.top_gap()))
                point = corner + hit.rect.center().toPoint()
                QTest.mouseMove(view.viewport(), point)
                QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)
                return
    raise AssertionError(f"no {action} in sight")


def labels(item: Item) -> list[str]:
    return [hit.label for hit in item.hits()]


@pytest.fixture
def asked(view: TranscriptView) -> list[tuple[int, str, str]]:
    told: list[tuple[int, str, str]] = []
    view.actionTriggered.connect(lambda *words: told.append(words))
    return told


def request(**more: object) -> ApprovalRequest:
    arguments = {"diff": "- old\n+ new\u202e", "path": "plan.md"}
    call = ToolCall("c2", "files.write", arguments)
    return ApprovalRequest(call, "Change plan.md", "One line changes", "first change here", ("change",), undoable=True)


@pytest.mark.spec("T-28")
@pytest.mark.parametrize(("result", "state"), [(None, "running"), (True, "ok"), (False, "bad")])
def test_tool_badge_says_what_became_of_the_call(
    view: TranscriptView, answer: Say, result: bool | None, state: str
) -> None:
    parts = [CALL] if result is None else [CALL, ToolReturn("c1", "add_task", "the result", ok=result, seconds=2)]
    view.set_messages([answer(1, *parts, tool_titles={"c1": "Added task"}, tool_details={"c1": "Water the ficus"})])
    item = one(view, ToolItem)
    assert isinstance(item, ToolItem)
    assert item.state() == state
    assert item.spoken().startswith("Added task Water the ficus")
    view.grab()


@pytest.mark.spec("T-28")
def test_tool_badge_opens_to_arguments_result_and_duration(view: TranscriptView, answer: Say) -> None:
    view.set_messages([answer(1, CALL, ToolReturn("c1", "add_task", "line\n" * 90, seconds=75))])
    item = one(view, ToolItem)
    assert isinstance(item, ToolItem)
    closed = item.height(view.stack.width)
    assert not item._result.whole
    click(view, "toggle_tool")
    assert item.is_open
    assert closed < item.height(view.stack.width) < closed + 700
    assert item._result.whole > item._result.height == view.kit.theme.px(380)
    view.grab()
    assert item.wheel(50, 10, 250)
    assert not item.wheel(50, 10, 5)
    QTest.mouseMove(view.viewport(), QPoint(5, 5))
    click(view, "toggle_tool")
    assert not item.is_open


@pytest.mark.spec("T-28")
def test_tool_badge_that_can_be_undone_offers_it(
    view: TranscriptView, answer: Say, asked: list[tuple[int, str, str]]
) -> None:
    done = ToolReturn("c1", "add_task", "{}")
    view.set_messages([answer(7, CALL, done, undoable=frozenset({"c1"}))])
    click(view, Action.UNDO)
    assert asked == [(7, "undo", "c1")]
    view.apply(answer(7, CALL, done))
    assert labels(one(view, ToolItem))[1:] == []


def test_approval_card_shows_the_exact_arguments_and_asks(
    view: TranscriptView, answer: Say, asked: list[tuple[int, str, str]]
) -> None:
    question = request()
    view.set_messages([answer(3, "Shall I?", question.call, status=Status.STREAMING, approval=question)])
    item = one(view, ApprovalItem)
    assert isinstance(item, ApprovalItem)
    assert "⟦U+202E⟧" in item.spoken()
    assert item._warning is not None
    assert labels(item) == ["Allow once", "Deny"]
    view.grab()
    click(view, Action.ALLOW)
    click(view, Action.DENY)
    assert asked == [(3, "allow", "c2"), (3, "deny", "c2")]


async def test_approval_card_shows_how_much_of_its_time_is_left(
    view: TranscriptView, answer: Say, clock: FakeClock
) -> None:
    question = request()
    view.set_messages([answer(3, question.call, status=Status.STREAMING, approval=question)])
    item = one(view, ApprovalItem)
    assert isinstance(item, ApprovalItem)
    await clock.advance(75)
    assert item.left() == pytest.approx(0.75)
    await clock.advance(1_000)
    assert item.left() == 0.0


def test_approval_card_that_was_answered_becomes_a_line_with_a_record(view: TranscriptView, answer: Say) -> None:
    question = request()
    view.apply(answer(3, question.call, status=Status.STREAMING, approval=question))
    view.apply(answer(3, question.call, ToolReturn("c2", "files.write", "ok"), decisions={"c2": "Allowed once"}))
    assert items(view, ApprovalItem) == []
    item = one(view, ToolItem)
    assert isinstance(item, ToolItem)
    assert item.record == "Allowed once"


def test_approval_card_without_its_call_stands_at_the_end(view: TranscriptView, answer: Say) -> None:
    view.apply(answer(3, "Text", status=Status.STREAMING, approval=request()))
    assert isinstance(view.stack.entries[0].items[-2], ApprovalItem)


def test_keyboard_reaches_every_button_and_presses_it(
    view: TranscriptView, answer: Say, asked: list[tuple[int, str, str]]
) -> None:
    question = request()
    view.set_messages([answer(3, question.call, status=Status.STREAMING, approval=question)])
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Tab)
    QTest.keyClick(view, Qt.Key.Key_Tab)
    view.grab()
    QTest.keyClick(view, Qt.Key.Key_Backtab)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert asked == [(3, "allow", "c2")]
    assert view._pointer.tab(1)
    assert not view._pointer.tab(1)


@pytest.mark.spec("X-63")
async def test_thinking_line_counts_until_the_answer_begins(
    view: TranscriptView, answer: Say, clock: FakeClock
) -> None:
    view.apply(answer(1, Thinking("hm"), status=Status.STREAMING))
    item = one(view, ThinkingItem)
    assert isinstance(item, ThinkingItem)
    view.grab()
    await clock.advance(12)
    assert item.label() == "Thinking 12 s"
    assert item.live()
    view.apply(answer(1, Thinking("hm"), "First", status=Status.STREAMING))
    view.flush()
    await clock.advance(30)
    assert item.label() == "Thought for 12 s"
    assert not item.live()
    view.apply(answer(1, Thinking("hm", 13.4), "First"))
    assert item.label() == "Thought for 13 s"


@pytest.mark.spec("X-63")
def test_thinking_reopened_later_shows_text_and_duration(view: TranscriptView, answer: Say) -> None:
    opened: list[bool] = []
    view.thinkingToggled.connect(opened.append)
    view.set_messages([answer(1, Thinking("a long thought\n" * 200, 64.0), "Answer")])
    item = one(view, ThinkingItem)
    assert isinstance(item, ThinkingItem)
    assert item.label() == "Thought for 1 min 4 s"
    assert "a long thought" not in item.spoken()
    click(view, "toggle_thinking")
    assert opened == [True]
    assert "a long thought" in item.spoken()
    assert item._inner.height == view.kit.theme.px(380)
    assert item.wheel(40, 50, 200)
    click(view, "copy_thinking")
    assert QGuiApplication.clipboard().text().startswith("a long thought")
    view.set_thinking_open(is_open=True)
    view.set_messages([answer(2, Thinking("x"), "Answer")])
    again = one(view, ThinkingItem)
    assert isinstance(again, ThinkingItem)
    assert again.is_open
    assert again.label() == "Thought"


@pytest.mark.spec("T-28")
def test_error_card_offers_what_to_do_and_shows_details(
    view: TranscriptView, answer: Say, asked: list[tuple[int, str, str]]
) -> None:
    failure = Failure(3004, "network", "Stopped <img src=x>", "What arrived is kept.", "Traceback\n" * 3)
    actions = (Action.RETRY, Action.OPEN_TASKS)
    view.set_messages([answer(1, "Half", failure, status=Status.ERROR, failure_actions=actions)])
    item = one(view, FailureItem)
    assert labels(item) == ["Retry", "Open tasks", "Details"]
    height = item.height(view.stack.width)
    click(view, "details")
    assert item.height(view.stack.width) > height
    assert labels(item)[-1] == "Hide details"
    click(view, Action.RETRY)
    click(view, Action.OPEN_TASKS)
    assert [action for _, action, _ in asked] == ["retry", "open_tasks"]
    view.grab()


@pytest.mark.parametrize(
    ("status", "words"),
    [(Status.STOPPED, "Stopped here"), (Status.INTERRUPTED, "This answer was interrupted")],
)
def test_answer_that_is_not_whole_says_why_and_offers_to_go_on(
    view: TranscriptView, answer: Say, asked: list[tuple[int, str, str]], status: Status, words: str
) -> None:
    view.set_messages([answer(4, "Half", Note("A brake"), status=status)])
    notes = [item.spoken() for item in items(view, NoteItem)]
    assert notes == ["A brake", words]
    click(view, Action.CONTINUE)
    assert asked == [(4, "continue", "")]


@pytest.mark.spec("X-51")
def test_code_is_copied_as_written_and_wraps(view: TranscriptView, answer: Say) -> None:
    code = "x = '" + "long " * 60 + "'\n" + "\n".join(f"line{i}" for i in range(120))
    view.set_messages([answer(1, f"```python\n{code}\n```")])
    view.verticalScrollBar().setValue(0)
    first = items(view, CodeItem)[0]
    assert isinstance(first, CodeItem)
    height = first.height(view.stack.width)
    assert first.scroll_sideways(100)
    view.grab()
    click(view, "copy_code")
    assert QGuiApplication.clipboard().text() == code
    click(view, "wrap")
    assert first.height(view.stack.width) > height
    assert not first.scroll_sideways(100)
    assert [item.last for item in items(view, CodeItem) if isinstance(item, CodeItem)] == [False, True]


@pytest.mark.spec("X-51")
def test_code_that_is_finished_is_coloured_by_its_grammar(
    view: TranscriptView, answer: Say, qapp: QApplication
) -> None:
    view.set_messages([answer(1, '```python\n"""\nnot def code\n"""\nx = 1\n```')])
    item = one(view, CodeItem)
    assert isinstance(item, CodeItem)
    for _ in range(50):
        qapp.processEvents()
    assert item.exact
    block = item.document().findBlockByNumber(1)
    colors = {part.format.foreground().color().name() for part in block.layout().formats()}
    assert colors == {view.kit.theme.color("syntax_string").name()}


def test_highlight_lines_and_languages() -> None:
    assert line_spans("return 1  # end", "python") == [
        (0, 6, "syntax_keyword"),
        (7, 1, "syntax_number"),
        (10, 5, "syntax_comment"),
    ]
    assert line_spans("+ added", "diff") == [(0, 7, "ok")]
    assert line_spans("same", "diff") == []
    assert line_spans("return", "text") == []
    assert line_spans("x" * 501, "python") == []
    assert not can_lex("x", "")
    assert Lexing("x", "no-such-language").step(1)


def test_bubble_with_a_long_text_is_folded_until_asked(view: TranscriptView, user: Say) -> None:
    text = "\n".join(f"line {i}" for i in range(60))
    view.set_messages([user(1, text)])
    view.verticalScrollBar().setValue(0)
    item = one(view, BubbleItem)
    assert isinstance(item, BubbleItem)
    assert item.folded
    assert labels(item)[0] == "Show all of 60 lines"
    click(view, "unfold")
    assert item.shown() == text
    assert item.markdown() == text
    view.grab()


def test_bubble_in_a_narrow_view_has_its_buttons_below(view: TranscriptView, user: Say, qapp: QApplication) -> None:
    view.set_messages([TranscriptMessage(1, Role.USER, (Text("word " * 40),), siblings=(0, 2))])
    wide = [hit.rect.top() for hit in one(view, BubbleItem).hits()]
    view.resize(320, 500)
    qapp.processEvents()
    item = one(view, BubbleItem)
    assert isinstance(item, BubbleItem)
    assert min(hit.rect.top() for hit in item.hits()) >= item._box.bottom()
    assert max(wide) < min(hit.rect.top() for hit in item.hits())
    view.grab()


def test_message_buttons_copy_edit_and_switch_versions(
    view: TranscriptView, answer: Say, asked: list[tuple[int, str, str]]
) -> None:
    own = TranscriptMessage(1, Role.USER, (Text("Question"),), siblings=(1, 3))
    view.set_messages([own, answer(2, "The **answer**")])
    click(view, "copy_message")
    assert QGuiApplication.clipboard().text() == "Question"
    click(view, Action.EDIT)
    click(view, Action.SIBLING, "previous")
    click(view, Action.SIBLING, "next")
    click(view, Action.REGENERATE)
    assert asked == [(1, "edit", ""), (1, "sibling", "previous"), (1, "sibling", "next"), (2, "regenerate", "")]
    footer = one(view, FooterItem)
    assert labels(footer) == ["Copy message", "Answer again"]
    view.apply(TranscriptMessage(1, Role.USER, (Text("Question"),), siblings=(0, 3)))
    bubble = one(view, BubbleItem)
    assert [hit.argument for hit in bubble.hits() if hit.action == Action.SIBLING] == ["next"]
    view.grab()


def test_attachments_are_chips_that_open(view: TranscriptView, asked: list[tuple[int, str, str]]) -> None:
    files = tuple(
        Attachment(f"a{i}", f"a rather long file name {i}.pdf\u202e", "application/pdf", 10) for i in range(6)
    )
    view.set_messages([TranscriptMessage(1, Role.USER, (*files, Text("see")))])
    view.grab()
    click(view, Action.OPEN_ATTACHMENT, "a4")
    assert asked == [(1, "open_attachment", "a4")]


def test_arguments_text_is_exact_and_visible() -> None:
    text = arguments_text({"path": "a\u200bb", "lines": "one\ntwo", "n": [1, {"x": None}]})
    assert text == 'path: a⟦U+200B⟧b\nlines:\none\ntwo\nn:\n[\n  1,\n  {\n    "x": null\n  }\n]'
    assert arguments_text({}, raw='{"broken') == '{"broken'


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.9, "59 s"), (61, "1 min 1 s")])
def test_seconds_text_is_short(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_hit_is_the_same_button_wherever_it_is_drawn(view: TranscriptView, user: Say) -> None:
    view.set_messages([user(1, "x")])
    hit: Hit = one(view, BubbleItem).hits()[0]
    assert hit.same(hit.moved(5, 5))
    assert not hit.same(None)


def test_wheel_over_an_inner_area_scrolls_it_before_the_view(view: TranscriptView, answer: Say) -> None:
    view.set_messages([answer(1, Thinking("thought\n" * 300, 2.0), "Answer " * 2000)])
    view.verticalScrollBar().setValue(0)
    click(view, "toggle_thinking")
    item = one(view, ThinkingItem)
    assert isinstance(item, ThinkingItem)
    place = QPoint(300, 250)
    for pixels, modifier in ((-100, Qt.KeyboardModifier.NoModifier), (-100, Qt.KeyboardModifier.ControlModifier)):
        event = QWheelEvent(
            place,
            view.viewport().mapToGlobal(place),
            QPoint(0, pixels),
            QPoint(0, pixels),
            Qt.MouseButton.NoButton,
            modifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(view.viewport(), event)
    assert item._inner.offset == 100
    assert view.verticalScrollBar().value() == 0


def test_approval_card_in_a_narrow_view_leaves_nothing_of_it_out(
    view: TranscriptView, answer: Say, qapp: QApplication
) -> None:
    call = ToolCall("c2", "files.write", {"text": "x"})
    long = "Change a file with a very long name indeed, longer than the card is wide"
    question = ApprovalRequest(call, long, "One line changes", "it is the first change here " * 3, ("run", "online"))
    view.set_messages([answer(3, call, status=Status.STREAMING, approval=question)])
    view.resize(360, 600)
    qapp.processEvents()
    item = one(view, ApprovalItem)
    assert isinstance(item, ApprovalItem)
    assert item._marks["below"] > item.hits()[0].rect.bottom()
    assert item._sentence._text == f"{long}\nOne line changes"
    view.grab()
