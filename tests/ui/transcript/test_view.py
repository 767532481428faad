from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import QAbstractAnimation, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QImage, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from portal_desktop.messages import Role, Status, Text
from portal_desktop.ui.theme import Scheme, Theme
from portal_desktop.ui.transcript.accessible import Announcer
from portal_desktop.ui.transcript.bubble import FooterItem
from portal_desktop.ui.transcript.code import CodeItem
from portal_desktop.ui.transcript.document import Block, BlockKind
from portal_desktop.ui.transcript.follow import State
from portal_desktop.ui.transcript.items import DocumentItem, Kit, TextItem
from portal_desktop.ui.transcript.message import TranscriptMessage
from portal_desktop.ui.transcript.stack import Placed
from portal_desktop.ui.transcript.view import TranscriptView
from tests.benchmarks.bench_transcript import conversation, frames, markdown
from tests.support.clock import FakeClock

Say = Callable[..., TranscriptMessage]


def placed(view: TranscriptView, kind: type) -> Placed:
    return next(place for place in view.placed_in_sight() if isinstance(place.item, kind))


def point_of(view: TranscriptView, place: Placed, letter: int) -> QPoint:
    """Return where a letter of an item stands in the viewport."""
    item = place.item
    assert isinstance(item, DocumentItem)
    document = item.document()
    cursor = QTextCursor(document)
    cursor.setPosition(letter)
    block = cursor.block()
    line = block.layout().lineForTextPosition(cursor.positionInBlock())
    x = line.cursorToX(cursor.positionInBlock())
    x = float(x[0]) if isinstance(x, tuple) else float(x)
    top = document.documentLayout().blockBoundingRect(block).top() + line.y() + line.height() / 2
    corner = view.item_rect(place).topLeft() + QPoint(0, view.kit.theme.px(item.top_gap()))
    return corner + (item.origin + QPointF(x + 1, top)).toPoint()


def distance(view: TranscriptView) -> int:
    return view.stack.base - view.stack.viewport - view.verticalScrollBar().value()


def anchor_line(view: TranscriptView) -> tuple[int, int]:
    first = view.placed_in_sight()[0]
    return first.entry.message.id, first.index


def scroll(view: TranscriptView, pixels: int) -> None:
    """Scroll as the reader does, by the bar; positive is upwards."""
    bar = view.verticalScrollBar()
    bar.setValue(bar.value() - pixels)


@pytest.mark.spec("X-51")
def test_view_streaming_hundred_thousand_characters_lays_finished_blocks_out_once(
    view: TranscriptView, answer: Say
) -> None:
    text = markdown(100_000)
    kept: dict[int, tuple[TextItem, object]] = {}
    count = 0
    for part in list(frames(text))[::4]:
        view.apply(answer(1, part, status=Status.STREAMING))
        view.flush()
        count += 1
        for item in view.stack.entries[0].items[:-3]:
            if isinstance(item, TextItem) and item.block.closed and item.has_document() and id(item) not in kept:
                kept[id(item)] = (item, item.document())
    view.apply(answer(1, text))
    blocks = [item for item in view.stack.entries[0].items if isinstance(item, DocumentItem)]
    assert sum(len(item.block.source) for item in blocks) > 90_000
    assert len(kept) > 100
    assert all(item.document() is document for item, document in kept.values() if item.has_document())
    assert view.kit.renders <= count + 3 * len(blocks)


@pytest.mark.spec("X-51")
def test_view_ten_thousand_messages_open_within_half_a_second_and_build_one_page(
    view: TranscriptView, qapp: QApplication
) -> None:
    messages = conversation(10_000)
    started = time.thread_time()
    view.set_messages(messages)
    qapp.processEvents()
    assert time.thread_time() - started < 0.5
    assert sum(entry.built for entry in view.stack.entries) < 20
    assert view.at_end()


@pytest.mark.spec("T-28", "X-53")
def test_view_scrolled_up_while_streaming_keeps_its_place(view: TranscriptView, answer: Say) -> None:
    text = markdown(12_000)
    view.apply(answer(1, text, status=Status.STREAMING))
    assert distance(view) == 0
    scroll(view, 200)
    value, line = view.verticalScrollBar().value(), anchor_line(view)
    assert view.follow.state is State.HELD
    for more in range(1, 20):
        view.apply(answer(1, text + " more words" * 30 * more, status=Status.STREAMING))
        view.flush()
    assert view.verticalScrollBar().value() == value
    assert anchor_line(view) == line


@pytest.mark.spec("X-53")
def test_view_following_stays_at_the_end_and_returns_to_it_within_hundred_pixels(
    view: TranscriptView, answer: Say
) -> None:
    text = markdown(6_000)
    view.apply(answer(1, text, status=Status.STREAMING))
    scroll(view, 300)
    assert view.follow.state is State.HELD
    for _ in range(6):
        scroll(view, -60)
    assert view.follow.state is State.FOLLOWING
    view.apply(answer(1, text + "\n\nmore\n\nand more", status=Status.STREAMING))
    view.flush()
    assert distance(view) == 0


@pytest.mark.spec("X-53")
def test_view_own_message_stands_near_the_top_and_is_left_when_the_answer_fills_the_room(
    view: TranscriptView, answer: Say, user: Say
) -> None:
    view.set_messages([answer(1, markdown(5_000))])
    view.apply(user(2, "And now?"), own=True)
    own = view.entry_in_sight(view.stack.entries[1])
    assert 0 < own.top() < 40
    view.apply(answer(3, "Short", status=Status.STREAMING))
    assert view.entry_in_sight(view.stack.entries[1]).top() == own.top()
    assert view.follow.state is State.PLACED
    view.apply(answer(3, markdown(8_000), status=Status.STREAMING))
    view.flush()
    assert view.follow.state is State.FOLLOWING
    assert distance(view) == 0


@pytest.mark.spec("X-53")
def test_view_kept_own_message_stays_while_the_answer_grows(view: TranscriptView, answer: Say, user: Say) -> None:
    view.set_keep_own_in_place(keep=True)
    view.apply(user(1, "And now?"), own=True)
    top = view.entry_in_sight(view.stack.entries[0]).top()
    view.apply(answer(2, markdown(8_000), status=Status.STREAMING))
    view.flush()
    assert view.entry_in_sight(view.stack.entries[0]).top() == top


@pytest.mark.spec("X-53")
def test_view_selecting_text_never_moves_the_view(view: TranscriptView, answer: Say) -> None:
    text = markdown(6_000)
    view.apply(answer(1, text, status=Status.STREAMING))
    value = view.verticalScrollBar().value()
    start, end = QPoint(120, 100), QPoint(300, 260)
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(view.viewport(), end)
    view.apply(answer(1, text + "\n\nmore words\n\n- and\n- items", status=Status.STREAMING))
    view.flush()
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    view.apply(answer(1, text + "\n\nmore words\n\n- and\n- items\n- end", status=Status.STREAMING))
    view.flush()
    assert view.verticalScrollBar().value() == value


@pytest.mark.spec("X-53")
@pytest.mark.parametrize("width", [420, 640, 1000])
def test_view_resized_keeps_the_line_being_read(view: TranscriptView, width: int, qapp: QApplication) -> None:
    view.set_messages(conversation(60))
    scroll(view, 900)
    line = anchor_line(view)
    view.resize(width, 500)
    qapp.processEvents()
    assert anchor_line(view) == line


@pytest.mark.spec("X-53")
def test_view_button_to_the_end_appears_beyond_one_view_and_brings_there(view: TranscriptView) -> None:
    view.set_messages(conversation(60))
    told: list[bool] = []
    view.atEndChanged.connect(told.append)
    scroll(view, 400)
    assert not view._button.isVisible()
    scroll(view, 400)
    assert view._button.isVisible()
    QTest.mouseClick(view._button, Qt.MouseButton.LeftButton)
    assert view.at_end()
    assert view.follow.state is State.FOLLOWING
    assert not view._button.isVisible()
    assert told == [False, True]


@pytest.mark.spec("X-53")
def test_view_position_is_kept_for_a_conversation(view: TranscriptView) -> None:
    messages = conversation(80)
    view.set_messages(messages)
    assert view.position() == ""
    scroll(view, 2_000)
    line, position = anchor_line(view), view.position()
    view.set_messages(conversation(3))
    view.set_messages(messages, position)
    assert anchor_line(view) == line
    view.set_messages(messages, "99999:0:0")
    assert view.at_end()


def test_view_older_messages_are_asked_for_once_and_put_above_without_moving(view: TranscriptView) -> None:
    messages = conversation(60)
    asked: list[bool] = []
    view.olderWanted.connect(lambda: asked.append(True))
    view.set_messages(messages[30:])
    view.verticalScrollBar().setValue(50)
    assert asked == [True]
    line = anchor_line(view)
    view.prepend(messages[:30])
    assert anchor_line(view) == line
    assert len(view.stack.entries) == 60


def test_view_selection_over_messages_is_copied_as_text_and_markdown(
    view: TranscriptView, answer: Say, user: Say
) -> None:
    view.set_messages([user(1, "A question"), answer(2, "The **first** line\n\nThe last line")])
    QTest.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert view.selected_text() == "A question\n\nThe first line\n\nThe last line"
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    data = QGuiApplication.clipboard().mimeData()
    assert data.text() == view.selected_text()
    assert bytes(data.data("text/markdown").data()).decode() == "A question\n\nThe **first** line\n\nThe last line"
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert view.selected_text() == ""


def test_view_dragging_selects_letters_and_a_double_click_selects_a_word(view: TranscriptView, answer: Say) -> None:
    view.set_messages([answer(1, "Some plain words here")])
    place = placed(view, TextItem)
    port = view.viewport()
    start, end = point_of(view, place, 5), point_of(view, place, 10)
    QTest.mousePress(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(port, end)
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    assert view.selected_text() == "plain"
    QTest.mouseDClick(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point_of(view, place, 12))
    assert view.selected_text() == "words"


@pytest.mark.spec("X-52")
def test_view_link_under_the_pointer_shows_its_target_and_a_click_only_tells(view: TranscriptView, answer: Say) -> None:
    view.set_messages([answer(1, "[bank.com](https://evil.example/in?x=1) here")])
    hovered: list[str] = []
    followed: list[tuple[QUrl, str]] = []
    view.linkHovered.connect(hovered.append)
    view.linkActivated.connect(lambda url, warning: followed.append((url, warning)))
    at = point_of(view, placed(view, TextItem), 3)
    QTest.mouseMove(view.viewport(), at)
    assert "https://evil.example/in?x=1" in hovered[-1]
    assert "another address" in hovered[-1]
    assert view.viewport().cursor().shape() == Qt.CursorShape.PointingHandCursor
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    assert followed == [(QUrl("https://evil.example/in?x=1"), "The text names another address")]
    QTest.mouseMove(view.viewport(), QPoint(2, 590))
    assert hovered[-1] == ""


def test_view_message_keys_move_from_message_to_message(view: TranscriptView) -> None:
    view.set_messages(conversation(30))
    for _ in range(3):
        QTest.keyClick(view, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    first = view.placed_in_sight()[0].entry.message.id
    QTest.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert view.entry_in_sight(view.stack.entries[first + 1]).top() < 60
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert view.verticalScrollBar().value() == 0
    QTest.keyClick(view, Qt.Key.Key_End)
    assert view.at_end()


@pytest.mark.spec("X-08")
def test_view_with_a_screen_reader_each_message_is_one_named_item(view: TranscriptView, answer: Say, user: Say) -> None:
    view.readers.always = True
    view.set_messages([user(1, "Water the ficus"), answer(2, "Done.")])
    names = [label.accessibleName() for label in view.viewport().findChildren(QLabel)]
    assert names == ["You, 10:42: Water the ficus", "qwen3:8b, 10:43: Done."]
    view.apply(answer(2, "Done. And more.", status=Status.STREAMING))
    names = [label.accessibleName() for label in view.viewport().findChildren(QLabel)]
    assert names[1] == "qwen3:8b, 10:43: Done. And more."


@pytest.mark.spec("X-08")
async def test_announcer_growing_answer_tells_finished_sentences_every_two_seconds(clock: FakeClock) -> None:
    announcer = Announcer(clock)
    assert announcer.due(1, "One. Tw", finished=False) == "One."
    assert announcer.due(1, "One. Two. Th", finished=False) == ""
    await clock.advance(2)
    assert announcer.due(1, "One. Two. Three. Fo", finished=False) == "Two. Three."
    await clock.advance(2)
    assert announcer.due(1, "One. Two. Three. Fo", finished=False) == ""
    assert announcer.due(1, "One. Two. Three. Four", finished=True) == "Four"
    assert announcer.due(2, "New", finished=False) == ""


@pytest.mark.spec("X-06")
def test_view_theme_and_zoom_change_at_once_without_animation(view: TranscriptView, qapp: QApplication) -> None:
    view.set_messages(conversation(60))
    scroll(view, 1_200)
    line = anchor_line(view)
    light = view.grab().toImage().pixelColor(2, 2)
    theme = view.kit.theme
    view.set_theme(theme.with_changes(scheme=Scheme.DARK, zoom=150, reduced_motion=True))
    qapp.processEvents()
    assert view.grab().toImage().pixelColor(2, 2).lightness() < light.lightness()
    assert anchor_line(view)[0] == line[0]
    view.to_end()
    assert view.findChildren(QAbstractAnimation) == []


def test_view_branch_is_replaced_below_a_message(view: TranscriptView, answer: Say, user: Say) -> None:
    view.set_messages([user(1, "one"), answer(2, "two"), user(3, "three"), answer(4, "four")])
    view.remove_from(3)
    view.remove_from(99)
    view.apply(TranscriptMessage(5, Role.USER, (Text("other"),), siblings=(1, 2)))
    assert [entry.message.id for entry in view.stack.entries] == [1, 2, 5]


def test_view_snapshots_within_a_frame_are_shown_together(view: TranscriptView, answer: Say) -> None:
    view.apply(answer(1, "a", status=Status.STREAMING))
    view.apply(answer(1, "a b", status=Status.STREAMING))
    renders = view.kit.renders
    for number in range(50):
        view.apply(answer(1, "a b" + " c" * number, status=Status.STREAMING))
    assert view.kit.renders == renders
    view.apply(answer(1, "a b" + " c" * 50))
    assert view.stack.entries[0].message.status is Status.COMPLETE
    assert view.kit.renders > renders


def test_view_text_that_was_rewritten_is_shown_anew(view: TranscriptView, answer: Say) -> None:
    view.apply(answer(1, "first words", status=Status.STREAMING))
    view.apply(answer(1, "other"))
    QTest.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert view.selected_text() == "other"


def test_view_expensive_open_block_is_only_appended_to_until_its_pause_is_over(kit: Kit, theme: Theme) -> None:
    class Slow(FakeClock):
        def monotonic(self) -> float:
            self._monotonic += 0.01
            return self._monotonic

    slow = Kit(theme, Slow(), {})
    item = TextItem(slow, Block(BlockKind.TEXT, "a **bold** word", lines=1), [])
    item.height(600)
    document = item.document()
    item.update(Block(BlockKind.TEXT, "a **bold** word and **more**", lines=1))
    item.height(600)
    assert item.document() is document
    assert document.toPlainText() == "a bold word and **more**"
    item.update(Block(BlockKind.TEXT, "a **bold** word and **more**", lines=1, closed=True))
    item.height(600)
    assert item.document().toPlainText() == "a bold word and more"


def test_view_documents_out_of_sight_are_let_go(view: TranscriptView) -> None:
    view.set_messages(conversation(400))
    bar = view.verticalScrollBar()
    while bar.value() > 0:
        bar.setValue(bar.value() - 500)
    held = [item for entry in view.stack.entries for item in entry.items if item.has_document()]
    assert len(held) <= 200 + len(view.placed_in_sight())


def test_view_scrolling_up_over_unknown_heights_moves_by_what_was_asked(view: TranscriptView) -> None:
    view.set_messages(conversation(200))
    bar = view.verticalScrollBar()
    for _ in range(40):
        first = view.placed_in_sight()[0]
        before = view.item_rect(first).top()
        bar.setValue(bar.value() - 60)
        number = view.stack.number(first.entry.message.id)
        assert number is not None
        now = next(place for place in view.placed_in_sight() if place.item is first.item)
        assert view.item_rect(now).top() == before + 60


def test_view_image_loaded_once_is_shown_in_its_place(view: TranscriptView, answer: Say) -> None:
    asked: list[tuple[int, str, str]] = []
    view.actionTriggered.connect(lambda *words: asked.append(words))
    view.set_image_loading(offered=True)
    view.set_messages([answer(1, "![cat](https://x.example/c.png)")])
    item = placed(view, TextItem).item
    assert isinstance(item, TextItem)
    place = item.document().toPlainText().index("Load")
    at = point_of(view, placed(view, TextItem), place + 2)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    assert asked == [(1, "load_image", "https://x.example/c.png")]
    view.show_image("https://x.example/c.png", QImage(40, 30, QImage.Format.Format_RGB32))
    item = placed(view, TextItem).item
    assert isinstance(item, TextItem)
    assert item.document().toPlainText() == "\ufffc"
    view.grab()
    assert item.document().refused == []


def test_view_dragging_below_the_view_scrolls_on(view: TranscriptView) -> None:
    view.set_messages(conversation(60))
    view.verticalScrollBar().setValue(0)
    port = view.viewport()
    QTest.mousePress(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(200, 300))
    QTest.mouseMove(port, QPoint(200, 660))
    view._pointer._drag_on()
    assert view.verticalScrollBar().value() > 0
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(200, 590))
    assert len(view.selected_text()) > 100
    QTest.mouseClick(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, QPoint(200, 100))
    assert view.selected_text()


def test_view_shown_message_stands_at_the_top(view: TranscriptView) -> None:
    view.set_messages(conversation(90))
    view.show_message(30)
    assert 0 <= view.entry_in_sight(view.stack.entries[30]).top() <= 20
    view.show_message(12345)
    assert view.follow.state is State.HELD


def test_view_reference_defined_at_the_end_becomes_a_link(view: TranscriptView, answer: Say) -> None:
    text = "See [the docs][d].\n\nMore text.\n\n"
    view.apply(answer(1, text, status=Status.STREAMING))
    view.grab()
    view.apply(answer(1, text + "[d]: https://x.example/d"))
    item = view.stack.entries[0].items[0]
    assert isinstance(item, TextItem)
    item.height(view.stack.width)
    assert item.document().toPlainText() == "See the docs."


def test_view_text_beyond_the_limits_is_plain_and_grows(view: TranscriptView, answer: Say) -> None:
    text = "**word** " * 23_000
    view.apply(answer(1, text, status=Status.STREAMING))
    view.apply(answer(1, text + "end of it", status=Status.STREAMING))
    view.flush()
    assert all(isinstance(item, CodeItem | FooterItem) for item in view.stack.entries[0].items)
    view.apply(answer(1, text + "end of it"))
    last = view.stack.entries[0].items[-2]
    assert isinstance(last, CodeItem)
    assert last.block.source.endswith("end of it")
    assert last.group.text == text + "end of it"
    view.grab()
