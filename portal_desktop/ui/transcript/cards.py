"""What an answer holds besides text: reasoning, tools, questions, errors, notes."""

from __future__ import annotations

import json
from typing import ClassVar

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFontMetricsF

from portal_desktop.messages import Failure, JsonObject, Thinking, ToolCall, ToolReturn
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.transcript.drawing import Canvas, Hit, Look, button_at
from portal_desktop.ui.transcript.inner import InnerText
from portal_desktop.ui.transcript.items import Item, Kit, Outcome
from portal_desktop.ui.transcript.message import Action
from portal_desktop.ui.transcript.safe_text import clean, visible

LINE_HEIGHT = 26


def seconds_text(seconds: float) -> str:
    """Return a duration in words short enough for a line."""
    whole = int(seconds)
    if whole < 60:
        return tr("{seconds} s", seconds=whole)
    return tr("{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60)


def arguments_text(arguments: JsonObject, *, raw: str = "") -> str:
    """Return the exact arguments of a call, invisible characters written out, nothing left away."""
    if raw:
        return visible(raw)
    lines = []
    for key, value in arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)
        joint = "\n" if "\n" in text else " "
        lines.append(f"{key}:{joint}{text}")
    return visible("\n".join(lines))


class ThinkingItem(Item):
    """One line, "Thinking 12 s" or "Thought for 4 s"; open, the reasoning below it. Closed, nothing is laid out."""

    gap = 12

    def __init__(self, kit: Kit, part: Thinking, *, live: bool) -> None:
        super().__init__(kit)
        self.part = part
        self.is_open = kit.thinking_open
        self._began = kit.clock.monotonic()
        self._seconds = part.seconds
        self._live = live
        self._inner = InnerText(kit, code=False, follow=live)
        self._hits: list[Hit] = []

    def update(self, part: Thinking, *, live: bool) -> None:
        """Take what the part is now; the timer stops when something follows it."""
        if self._live and not live:
            self._seconds = part.seconds if part.seconds is not None else self.kit.clock.monotonic() - self._began
        self._live = live
        self.dirty = self.dirty or self.is_open or not live
        self.part = part

    def live(self) -> bool:
        """Return whether the timer runs."""
        return self._live

    def label(self) -> str:
        """Return what the line says."""
        if self._live:
            return tr("Thinking {time}", time=seconds_text(self.kit.clock.monotonic() - self._began))
        seconds = self.part.seconds if self.part.seconds is not None else self._seconds
        return tr("Thought for {time}", time=seconds_text(max(1, seconds))) if seconds is not None else tr("Thought")

    def estimate(self, width: int) -> int:
        """A line, or a line and a full box."""
        del width
        return self.kit.theme.px(self.gap + LINE_HEIGHT + (200 if self.is_open else 0))

    def layout(self, width: int) -> int:
        """Place the line, and the text when it is open."""
        theme = self.kit.theme
        line = QRectF(
            0, 0, QFontMetricsF(theme.font()).horizontalAdvance(self.label()) + theme.px(50), theme.px(LINE_HEIGHT)
        )
        self._hits = [Hit(line, "toggle_thinking", "", self.label())]
        if not self.is_open:
            return theme.px(LINE_HEIGHT)
        copy = button_at(theme, QPointF(0, 0), "copy_thinking", tr("Copy"), look=Look.LINK)
        self._hits.append(copy.moved(width - copy.rect.width(), 0))
        self._inner.set_text(clean(self.part.text).strip())
        return theme.px(LINE_HEIGHT) + theme.px(4) + self._inner.layout(width - theme.px(24))

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw the line, and the text when it is open."""
        theme = canvas.theme
        hot = self._hits[0].same(canvas.hot)
        color = "text" if hot else "muted"
        height = theme.px(LINE_HEIGHT)
        canvas.icon(0, (height - theme.px(16)) / 2, "brain", color, 16)
        used = canvas.text(QRectF(theme.px(24), 0, width, height), self.label(), theme.font("small"), color)
        chevron = "chevron-up" if self.is_open else "chevron-down"
        canvas.icon(theme.px(24) + used + theme.px(8), (height - theme.px(14)) / 2, chevron, color, 14)
        canvas.button(self._hits[0])
        if self.is_open:
            canvas.button(self._hits[1])
            top = height + theme.px(4)
            canvas.painter.fillRect(QRectF(theme.px(7), top, 1, self._inner.height), theme.color("line"))
            self._inner.paint(canvas, QPointF(theme.px(24), top), width - theme.px(24), color="muted")

    def hits(self) -> list[Hit]:
        """Return the line and Copy."""
        return self._hits

    def perform(self, hit: Hit) -> Outcome | None:
        """Open, close or copy."""
        if hit.action == "copy_thinking":
            return Outcome(copied=self.part.text)
        if hit.action == "toggle_thinking":
            self.is_open = not self.is_open
            return Outcome(changed=True)
        return None

    def wheel(self, pixels: int, x: float, y: float) -> bool:
        """Scroll the reasoning while the pointer is over it."""
        del x
        return self.is_open and y > self.kit.theme.px(LINE_HEIGHT) and self._inner.wheel(pixels)

    def spoken(self) -> str:
        """Return the line, and the reasoning when it is open."""
        return f"{self.label()}. {self.part.text}" if self.is_open else self.label()

    def markdown(self) -> str:
        """Reasoning is not copied with the answer."""
        return ""


class ToolItem(Item):
    """A call and what came of it: one card that opens to arguments, result and duration."""

    gap = 8
    HEIGHT: ClassVar[float] = 42

    def __init__(self, kit: Kit, call: ToolCall) -> None:
        super().__init__(kit)
        self.call = call
        self.answer: ToolReturn | None = None
        self.title = ""
        self.detail = ""
        self.record = ""
        self.undoable = False
        self.is_open = False
        self._hits: list[Hit] = []
        self._arguments = InnerText(kit, code=True)
        self._result = InnerText(kit, code=True)

    def update(self, answer: ToolReturn | None, *, title: str, detail: str, record: str, undoable: bool) -> bool:
        """Take what is known now and return whether anything changed."""
        state = (answer, title, detail, record, undoable)
        if state == (self.answer, self.title, self.detail, self.record, self.undoable):
            return False
        self.answer, self.title, self.detail, self.record, self.undoable = state
        self.dirty = True
        return True

    def estimate(self, width: int) -> int:
        """It is closed at first."""
        del width
        return self.kit.theme.px(self.gap + self.HEIGHT)

    def state(self) -> str:
        """Return ok, bad or running."""
        return "running" if self.answer is None else "ok" if self.answer.ok else "bad"

    def layout(self, width: int) -> int:
        """Place the line, and what it opens to."""
        theme = self.kit.theme
        self._hits = [Hit(QRectF(0, 0, width, theme.px(self.HEIGHT)), "toggle_tool", self.call.id, self.spoken())]
        if self.undoable and self.state() == "ok":
            undo = button_at(
                theme, QPointF(0, theme.px(8)), Action.UNDO, tr("Undo"), look=Look.LINK, argument=self.call.id
            )
            self._hits.append(undo.moved(width - undo.rect.width() - theme.px(7), 0))
        height = theme.px(self.HEIGHT)
        if not self.is_open:
            return height
        inside = width - 2 * theme.px(14)
        self._arguments.set_text(arguments_text(self.call.arguments, raw=self.call.raw) or tr("no arguments"))
        height += theme.px(24) + self._arguments.layout(inside)
        if self.answer is not None:
            self._result.set_text(clean(self.answer.content) or tr("nothing"))
            height += theme.px(30) + self._result.layout(inside)
        return height + theme.px(14)

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw the card."""
        theme = canvas.theme
        height = self._height - theme.px(self.gap)
        canvas.box(QRectF(0, 0, width, height), theme.radius("control"), "surface", "line")
        line, side = theme.px(self.HEIGHT), theme.px(22)
        fill, color, icon = {
            "ok": ("ok_soft", "ok", "check"),
            "bad": ("bad_soft", "bad", "x"),
            "running": ("hover", "muted", "clock"),
        }[self.state()]
        top = (line - side) / 2
        canvas.box(QRectF(theme.px(12), top, side, side), theme.px(6), fill)
        canvas.icon(theme.px(16), top + theme.px(4), icon, color, 14)
        x = float(theme.px(44))
        right = width - theme.px(14) - (self._hits[1].rect.width() if len(self._hits) > 1 else 0)
        title = self.title or visible(self.call.name)
        x += canvas.text(
            QRectF(x, 0, right - x, line), title, theme.font(bold=True), "bad" if self.state() == "bad" else "text"
        )
        detail = " · ".join(part for part in (visible(self.detail), self.record) if part)
        canvas.text(QRectF(x + theme.px(8), 0, right - x - theme.px(8), line), detail, theme.font(), "muted")
        for hit in self._hits:
            canvas.button(hit)
        if self.is_open:
            self._paint_open(canvas, width)

    def _paint_open(self, canvas: Canvas, width: int) -> None:
        theme = canvas.theme
        x, y = theme.px(14), theme.px(self.HEIGHT)
        canvas.painter.fillRect(QRectF(1, y, width - 2, 1), theme.color("line"))
        label = theme.font("small")
        canvas.text(QRectF(x, y, width, theme.px(24)), tr("Arguments"), label, "muted")
        y += theme.px(24)
        self._arguments.paint(canvas, QPointF(x, y), width - 2 * x)
        if self.answer is None:
            return
        y += self._arguments.height + theme.px(6)
        head = tr("Result after {time}", time=seconds_text(self.answer.seconds))
        canvas.text(QRectF(x, y, width, theme.px(24)), head, label, "muted")
        self._result.paint(canvas, QPointF(x, y + theme.px(24)), width - 2 * x)

    def hits(self) -> list[Hit]:
        """Return the card and Undo."""
        return self._hits

    def perform(self, hit: Hit) -> Outcome | None:
        """Open or close."""
        if hit.action != "toggle_tool":
            return None
        self.is_open = not self.is_open
        return Outcome(changed=True)

    def wheel(self, pixels: int, x: float, y: float) -> bool:
        """Scroll the arguments or the result under the pointer."""
        del x
        if not self.is_open or y < self.kit.theme.px(self.HEIGHT + 24):
            return False
        edge = self.kit.theme.px(self.HEIGHT + 24) + self._arguments.height
        return (self._arguments if y < edge else self._result).wheel(pixels)

    def spoken(self) -> str:
        """Return the state in words."""
        state = {"ok": tr("done"), "bad": tr("failed"), "running": tr("running")}[self.state()]
        return f"{self.title or self.call.name} {self.detail} ({state})"

    def markdown(self) -> str:
        """Return one line about it."""
        return f"*{self.title or self.call.name}: {self.detail}*"


class FailureItem(Item):
    """What went wrong, what to do, and the buttons to do it."""

    gap = 10

    def __init__(self, kit: Kit, failure: Failure, actions: tuple[Action, ...]) -> None:
        super().__init__(kit)
        self.failure = failure
        self.actions = actions
        self.is_open = False
        self._advice = InnerText(kit, code=False)
        self._advice.set_text(clean(failure.advice))
        self._details = InnerText(kit, code=True)
        self._details.set_text(clean(failure.details))
        self._hits: list[Hit] = []
        self._buttons = 0

    def estimate(self, width: int) -> int:
        """A card of three lines."""
        del width
        return self.kit.theme.px(124)

    def layout(self, width: int) -> int:
        """Place title, advice, buttons and, when open, the details."""
        theme = self.kit.theme
        inside = width - theme.px(44 + 14)
        y = theme.px(38) + self._advice.layout(inside) + theme.px(10)
        self._buttons = y
        self._hits = []
        x = float(theme.px(44))
        names = action_names()
        labels = [(str(action), names[action]) for action in self.actions]
        if self.failure.details:
            labels.append(("details", tr("Hide details") if self.is_open else tr("Details")))
        for number, (action, label) in enumerate(labels):
            look = Look.PRIMARY if number == 0 and self.actions else Look.PLAIN
            hit = button_at(theme, QPointF(x, y), action, label, look=look)
            self._hits.append(hit)
            x += hit.rect.width() + theme.px(8)
        y += theme.size("control") + theme.px(14) if labels else 0
        if self.is_open:
            y += self._details.layout(inside) + theme.px(14)
        return y

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw the card."""
        theme = canvas.theme
        rect = QRectF(0, 0, width, self._height - theme.px(self.gap))
        canvas.box(rect, theme.radius("card"), "surface", "bad")
        side = theme.px(22)
        canvas.box(QRectF(theme.px(12), theme.px(12), side, side), theme.px(6), "bad_soft")
        canvas.icon(theme.px(16), theme.px(16), "error", "bad", 14)
        x = theme.px(44)
        inside = width - x - theme.px(14)
        title = clean(self.failure.title)
        canvas.text(QRectF(x, theme.px(10), inside, theme.px(26)), title, theme.font(bold=True), "text")
        self._advice.paint(canvas, QPointF(x, theme.px(38)), inside, color="muted")
        for hit in self._hits:
            canvas.button(hit)
        if self.is_open:
            self._details.paint(
                canvas, QPointF(x, self._buttons + theme.size("control") + theme.px(14)), inside, color="muted"
            )

    def hits(self) -> list[Hit]:
        """Return the buttons."""
        return self._hits

    def perform(self, hit: Hit) -> Outcome | None:
        """Show or hide the details."""
        if hit.action != "details":
            return None
        self.is_open = not self.is_open
        return Outcome(changed=True)

    def spoken(self) -> str:
        """Return title and advice."""
        return f"{self.failure.title}. {self.failure.advice}"


def action_names() -> dict[Action, str]:
    """Return what the buttons of actions say."""
    return {
        Action.RETRY: tr("Retry"),
        Action.CONTINUE: tr("Continue"),
        Action.KEEP: tr("Keep"),
        Action.OPEN_TASKS: tr("Open tasks"),
        Action.REGENERATE: tr("Try again"),
        Action.EDIT: tr("Edit"),
    }


class NoteItem(Item):
    """A remark of the app, one quiet line, perhaps with something to press."""

    gap = 8

    def __init__(self, kit: Kit, text: str, actions: tuple[Action, ...] = ()) -> None:
        super().__init__(kit)
        self.text = text
        self.actions = actions
        self._inner = InnerText(kit, code=False)
        self._inner.set_text(clean(text))
        self._hits: list[Hit] = []

    def estimate(self, width: int) -> int:
        """One line."""
        del width
        return self.kit.theme.px(self.gap + 26)

    def layout(self, width: int) -> int:
        """Place the text and the buttons behind it."""
        theme = self.kit.theme
        names = action_names()
        self._hits = []
        x = float(width)
        for action in reversed(self.actions):
            hit = button_at(theme, QPointF(0, 0), action, names[action], look=Look.LINK)
            x -= hit.rect.width()
            self._hits.insert(0, hit.moved(x, 0))
        return max(theme.px(26), self._inner.layout(int(x) - theme.px(24)) + theme.px(6))

    def paint(self, canvas: Canvas, width: int) -> None:
        """Draw the line."""
        theme = canvas.theme
        canvas.icon(0, theme.px(5), "info", "muted", 16)
        self._inner.paint(canvas, QPointF(theme.px(24), theme.px(4)), width, color="muted")
        for hit in self._hits:
            canvas.button(hit)

    def hits(self) -> list[Hit]:
        """Return the buttons."""
        return self._hits

    def spoken(self) -> str:
        """Return the text."""
        return self.text
