"""One response as parts: every dialect hands its pieces to a `PartsBuilder`, so that all yield the same events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal
from uuid import uuid4

from portal_desktop.messages import (
    JsonObject,
    PartDelta,
    PartEnd,
    PartShut,
    PartStart,
    StreamEvent,
    Text,
    Thinking,
    ToolCall,
)
from portal_desktop.providers.wire import clean

OPENING = {"<think>": "</think>", "<thinking>": "</thinking>", "<reasoning>": "</reasoning>"}
CLOSING = "</think>"
"""The tag that alone, without its opening, still ends reasoning: templates put the opening into the prompt."""

BLOCK = 512
"""Pieces joined at a time."""

KEPT = 256 * 1024
"""Characters of one part kept beside its deltas; a longer text is neither searched for calls nor for a lone tag."""

_LONGEST_OPENING = max(len(tag) for tag in OPENING)


def new_call_id() -> str:
    """Return an id for a call whose server gave it none."""
    return f"call_{uuid4().hex}"


class _Said:
    """Text that grows by small pieces, joined in blocks.

    Beyond `KEPT` characters it is dropped: whoever reads the stream has the deltas, and reading must not cost the
    length of the answer.
    """

    __slots__ = ("_blocks", "_length", "_pieces", "dropped")

    def __init__(self, text: str = "") -> None:
        self._blocks = [text]
        self._pieces: list[str] = []
        self._length = len(text)
        self.dropped = False

    def add(self, piece: str) -> None:
        if self.dropped:
            return
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length > KEPT:
            self.dropped = True
            self._blocks.clear()
            self._pieces.clear()
        elif len(self._pieces) == BLOCK:
            self._blocks.append("".join(self._pieces))
            self._pieces.clear()

    def text(self) -> str:
        return "".join([*self._blocks, *self._pieces])


class _Call:
    __slots__ = ("id", "index", "name")

    def __init__(self, index: int, call_id: str, name: str) -> None:
        self.index = index
        self.id = call_id
        self.name = name


class PartsBuilder:
    """Gives parts their indexes, splits think tags off the text, and remembers what was said.

    Reasoning is recognised by its tag at the beginning of a text, or by a lone closing tag: then the text so far is
    declared to have been thinking by its `PartEnd`. What might be the beginning of a tag is held back.
    """

    def __init__(self, new_id: Callable[[], str] = new_call_id) -> None:
        self._new_id = new_id
        self._next = 0
        self._open: Literal["", "text", "thinking"] = ""
        self._index = 0
        self._said = _Said()
        self._held = ""
        self._closing = ""
        self._fresh = True
        self._lone_closing_counts = True
        self._calls: list[_Call] = []
        self.has_text = False
        self.has_thinking = False
        self.call_count = 0

    @property
    def ended_thinking(self) -> bool:
        """Whether nothing was said but thoughts."""
        return self.has_thinking and not self.has_text and not self.call_count

    def text(self, delta: str) -> list[StreamEvent]:
        """Take in more of the answer."""
        if not delta:
            return []
        delta = clean(delta)
        if self._closing:
            return self._tagged(delta)
        if self._fresh:
            return self._beginning(delta)
        if self._lone_closing_counts and (self._held or "<" in delta):
            return self._maybe_closing(delta)
        return self._say("text", delta)

    def thinking(self, delta: str) -> list[StreamEvent]:
        """Take in more reasoning that came in a field of its own."""
        if not delta:
            return []
        self._lone_closing_counts = False
        events = self._flush() if self._held else []
        events += self._say("thinking", clean(delta))
        self._fresh = True
        return events

    def start_call(self, name: str, call_id: str = "") -> tuple[int, list[StreamEvent]]:
        """Open a call; returns its handle and the events. An empty id is replaced by one of ours."""
        events = self._flush() + self._close()
        self._fresh = True
        self._lone_closing_counts = False
        call = _Call(self._take_index(), call_id or self._new_id(), clean(name))
        self._calls.append(call)
        self.call_count += 1
        return len(self._calls) - 1, [*events, PartStart(call.index, "tool_call", call.id, call.name)]

    def call_delta(self, handle: int, fragment: str) -> list[StreamEvent]:
        """Show more of a call's arguments."""
        return [PartDelta(self._calls[handle].index, clean(fragment))] if fragment else []

    def end_call(
        self, handle: int, arguments: JsonObject, *, name: str = "", problem: str = "", raw: str = ""
    ) -> list[StreamEvent]:
        """Complete a call; a name given now overrules the one it was opened with."""
        call = self._calls[handle]
        return [PartEnd(call.index, ToolCall(call.id, clean(name) or call.name, arguments, problem, clean(raw)))]

    def call(
        self, name: str, arguments: JsonObject, *, call_id: str = "", problem: str = "", raw: str = ""
    ) -> list[StreamEvent]:
        """Take in a call that came whole."""
        handle, events = self.start_call(name, call_id)
        return events + self.end_call(handle, arguments, problem=problem, raw=raw)

    @property
    def open_text(self) -> str:
        """The text being said, what is held back included; empty while anything else is open."""
        return self._said.text() + self._held if self._open == "text" else ""

    def replace_text(self, text: str) -> None:
        """Let the open text end as this one: its `PartEnd` overrules what was shown."""
        self._held = ""
        self._said = _Said(text)

    def finish(self) -> list[StreamEvent]:
        """Close what is open; a think tag that was never closed stays thinking."""
        return self._flush() + self._close()

    def _take_index(self) -> int:
        self._next += 1
        return self._next - 1

    def _say(self, kind: Literal["text", "thinking"], delta: str) -> list[StreamEvent]:
        if self._open == kind:
            self._said.add(delta)
            return [PartDelta(self._index, delta)]
        events = self._close()
        self._open = kind
        self._index = self._take_index()
        self._said.add(delta)
        if kind == "text":
            self._fresh = False
            self.has_text = True
        else:
            self.has_thinking = True
        return [*events, PartStart(self._index, kind), PartDelta(self._index, delta)]

    def _close(self, as_kind: Literal["", "text", "thinking"] = "") -> list[StreamEvent]:
        kind, self._open = as_kind or self._open, ""
        if not kind:
            return []
        if self._said.dropped:
            self._said = _Said()
            return [PartShut(self._index, kind)]
        said, self._said = self._said.text(), _Said()
        part = Text(said) if kind == "text" else Thinking(said.strip("\r\n"))
        return [PartEnd(self._index, part)]

    def _beginning(self, delta: str) -> list[StreamEvent]:
        """Look for an opening tag where a text begins; white space before it is held back."""
        held = self._held + delta
        start = held.lstrip()
        for tag, closing in OPENING.items():
            if start.startswith(tag):
                self._held = ""
                self._closing = closing
                self._lone_closing_counts = False
                return self._tagged(start[len(tag) :])
        if len(start) < _LONGEST_OPENING and any(tag.startswith(start) for tag in OPENING):
            self._held = held
            return []
        self._held = ""
        self._fresh = False
        text = start if self.has_thinking and not self.has_text else held
        if self._lone_closing_counts and "<" in text:
            return self._maybe_closing(text)
        return self._say("text", text)

    def _tagged(self, delta: str) -> list[StreamEvent]:
        """Take in reasoning between its tags."""
        thought, found, rest = self._until(self._held + delta, self._closing)
        if self._open != "thinking":
            thought = thought.lstrip()
        events = self._say("thinking", thought) if thought else []
        if not found:
            return events
        self._closing = ""
        self._fresh = True
        self.has_thinking = True
        return events + self._close() + (self._beginning(rest) if rest else [])

    def _maybe_closing(self, delta: str) -> list[StreamEvent]:
        """Look for a closing tag without its opening, outside of code."""
        before, found, rest = self._until(self._held + delta, CLOSING)
        if found and (self._said.dropped or self._is_code(before)):
            self._lone_closing_counts = False
            return self._say("text", before + CLOSING + rest)
        events = self._say("text", before) if before else []
        if not found:
            return events
        self._lone_closing_counts = False
        self._fresh = self.has_thinking = True
        self.has_text = False
        return events + self._close("thinking" if self._open else "") + (self._beginning(rest) if rest else [])

    def _until(self, text: str, tag: str) -> tuple[str, bool, str]:
        """Return what stands before a tag, whether it is there, and what follows; holds back half a tag."""
        before, found, rest = text.partition(tag)
        self._held = ""
        if found:
            return before, True, rest
        at = text.rfind("<")
        if at >= 0 and tag.startswith(text[at:]):
            self._held = text[at:]
            return text[:at], False, ""
        return text, False, ""

    def _is_code(self, before: str) -> bool:
        said = self._said.text() + before
        return said.endswith("`") or said.count("```") % 2 == 1

    def _flush(self) -> list[StreamEvent]:
        held, self._held = self._held, ""
        if self._closing:
            return self._say("thinking", held) if held else []
        return self._say("text", held) if held.strip() else []
