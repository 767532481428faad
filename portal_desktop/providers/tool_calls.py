"""Tool calls out of what servers really send: pieces without an index, ids that change, arguments that are no JSON."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from portal_desktop.messages import JsonObject, StreamEvent, ToolSpec
from portal_desktop.providers.parts import PartsBuilder
from portal_desktop.providers.wire import Malformed, as_dict, as_text, clean, parse_json

LONGEST_ARGUMENTS = 4 * 1024 * 1024
"""Characters of one call's arguments."""

LONGEST_REPAIR = 64 * 1024
"""Characters up to which other notations than JSON are tried."""

CUT_OFF = "the answer ended inside the arguments"

_WRITTEN = re.compile(
    r"<tool_call>\s*(?P<tag>\{.*?\})\s*(?:</tool_call>|\Z)"
    r"|\[TOOL_REQUEST\]\s*(?P<request>\{.*?\})\s*(?:\[END_TOOL_REQUEST\]|\Z)"
    r"|\A\s*```(?:json)?\s*(?P<fence>\{.*\})\s*```\s*\Z",
    re.DOTALL,
)
_FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)


@dataclass(slots=True)
class _Call:
    index: int | None
    id: str
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    handle: int | None = None
    given: object = None

    @property
    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def is_whole(self) -> bool:
        """Whether the arguments so far are a JSON object."""
        if self.given is not None:
            return True
        text = self.text.strip()
        return text.endswith("}") and not parse_arguments(text)[1]


class CallAssembler:
    """Puts OpenAI-style call deltas together.

    Which call a delta belongs to is decided by its id first, its index second, and otherwise by what is open. A call
    is shown as soon as its name is sure: when its arguments begin, or the next thing does.
    """

    def __init__(self, parts: PartsBuilder, offered: Collection[str] = ()) -> None:
        self._parts = parts
        self._offered = offered
        self._calls: list[_Call] = []
        self._hidden = 0

    @property
    def count(self) -> int:
        """How many calls there are."""
        return len(self._calls)

    def feed(self, delta: Mapping[str, object]) -> list[StreamEvent]:
        """Take in one element of a delta's `tool_calls`."""
        function = as_dict(delta.get("function")) or as_dict(delta.get("custom"))
        name = as_text(function.get("name"))
        arguments = function.get("arguments", function.get("input"))
        index = delta.get("index")
        call, events = self._find(index if isinstance(index, int) else None, as_text(delta.get("id")), name, arguments)
        if name:
            _add_name(call, name)
        if isinstance(arguments, str):
            if arguments:
                events += self._add_text(call, arguments)
        elif arguments is not None:
            call.given = arguments
        return events

    def show(self) -> list[StreamEvent]:
        """Show the calls that are still hidden, because something else begins."""
        if not self._hidden:
            return []
        events: list[StreamEvent] = []
        for call in self._calls:
            events += self._show(call)
        return events

    def finish(self, *, cut: bool = False) -> list[StreamEvent]:
        """Complete every call; with `cut` the last one may have lost its end."""
        events = self.show()
        for call in self._calls:
            assert call.handle is not None
            arguments, problem = _arguments_of(call)
            if cut and call is self._calls[-1] and (problem or not call.is_whole()):
                arguments, problem = {}, CUT_OFF
            raw = call.text if problem else ""
            name = offered_name(call.name, self._offered)
            events += self._parts.end_call(call.handle, arguments, name=name, problem=problem, raw=raw[:2000])
        return events

    def _find(self, index: int | None, call_id: str, name: str, arguments: object) -> tuple[_Call, list[StreamEvent]]:
        last = self._calls[-1] if self._calls else None
        if call_id:
            known = next((call for call in self._calls if call.id == call_id), None)
            same = self._at(index)
            if known is None and same is not None and not same.id:
                same.id = call_id
                known = same
            return (known, []) if known is not None else self._open(index, call_id)
        if index is not None and (same := self._at(index)) is not None:
            return self._open(index, "") if _begins_anew(same, name, arguments) else (same, [])
        if last is None or (name and not (index is None and last.name == name and not last.is_whole())):
            return self._open(index, "")
        return last, []

    def _at(self, index: int | None) -> _Call | None:
        return None if index is None else next((call for call in reversed(self._calls) if call.index == index), None)

    def _open(self, index: int | None, call_id: str) -> tuple[_Call, list[StreamEvent]]:
        events = self.show()
        call = _Call(index, call_id)
        self._calls.append(call)
        self._hidden += 1
        return call, events

    def _add_text(self, call: _Call, text: str) -> list[StreamEvent]:
        call.size += len(text)
        if call.size > LONGEST_ARGUMENTS:
            return []
        call.pieces.append(text)
        events = self._show(call)
        assert call.handle is not None
        return events + self._parts.call_delta(call.handle, text)

    def _show(self, call: _Call) -> list[StreamEvent]:
        if call.handle is not None:
            return []
        call.handle, events = self._parts.start_call(offered_name(call.name, self._offered), call.id)
        self._hidden -= 1
        return events


def _begins_anew(call: _Call, name: str, arguments: object) -> bool:
    """Whether a delta at a known index without an id is the next call: some servers number all of them 0."""
    starts = isinstance(arguments, dict) or (isinstance(arguments, str) and arguments.lstrip().startswith("{"))
    return bool(name) and starts and call.is_whole()


def _add_name(call: _Call, name: str) -> None:
    if call.handle is not None or name == call.name:
        return
    call.name = name if name.startswith(call.name) else call.name + name


def _arguments_of(call: _Call) -> tuple[JsonObject, str]:
    if call.size > LONGEST_ARGUMENTS:
        return {}, f"the arguments are longer than {LONGEST_ARGUMENTS} characters"
    if call.given is not None and not call.text:
        if isinstance(call.given, dict):
            return _cleaned(call.given), ""
        return {}, f"the arguments are a {type(call.given).__name__}, not a JSON object"
    return parse_arguments(call.text)


def parse_arguments(text: str) -> tuple[JsonObject, str]:
    """Return the arguments, or none and what is wrong with them, worded for the model.

    Mended are only slips with one possible meaning: a code fence, text after the object, the object said twice, JSON
    inside a JSON string, Python's quotes.
    """
    stripped = text.strip()
    if not stripped or stripped in {"null", '""'}:
        return {}, ""
    problem = ""
    for candidate in (stripped, _first_object(stripped)):
        try:
            value = parse_json(candidate) if candidate else None
            if isinstance(value, str):
                value = parse_json(value)
        except Malformed as error:
            problem = problem or f"the arguments are not valid JSON ({error})"
            continue
        if isinstance(value, dict):
            return (_cleaned(value) if "\\u" in stripped or "\x00" in stripped else value), ""
        if candidate:
            return {}, f"the arguments are a {type(value).__name__}, not a JSON object"
    return _python_dict(stripped, problem)


def _first_object(text: str) -> str:
    """Return the one object a text holds apart from a fence or a remark; empty when there may be two meanings."""
    if fenced := _FENCE.match(text):
        text = fenced[1]
    if not text.startswith("{"):
        return ""
    try:
        _, end = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return ""
    first, rest = text[:end], text[end:].strip()
    return first if not rest or rest == first or "{" not in rest else ""


def _python_dict(text: str, problem: str) -> tuple[JsonObject, str]:
    if len(text) > LONGEST_REPAIR or "'" not in text:
        return {}, problem
    try:
        value = ast.literal_eval(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return {}, problem
    return (value, "") if isinstance(value, dict) and all(isinstance(key, str) for key in value) else ({}, problem)


def _cleaned(value: Mapping[str, object]) -> JsonObject:
    return {clean(key): _clean_value(item) for key, item in value.items()}


def _clean_value(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return _cleaned(value)
    return [_clean_value(item) for item in value] if isinstance(value, list) else value


def offered_name(name: str, offered: Collection[str]) -> str:
    """Return the offered name a model meant (`functions.` before it, other capitals), or its own word."""
    if not offered or name in offered:
        return name
    bare = name.removeprefix("functions.").removeprefix("tools.").strip()
    if bare in offered:
        return bare
    alike = [known for known in offered if known.lower() == bare.lower()]
    return alike[0] if len(alike) == 1 else name


def rescue_calls(text: str, tools: Sequence[ToolSpec]) -> tuple[str, list[tuple[str, JsonObject]]]:
    """Return the text without the calls a model wrote into it, and those calls; only ones naming an offered tool."""
    names = {tool.name for tool in tools}
    found: list[tuple[str, JsonObject]] = []

    def take(match: re.Match[str]) -> str:
        try:
            written = as_dict(parse_json(match["tag"] or match["request"] or match["fence"]))
        except Malformed:
            return match[0]
        name = offered_name(as_text(written.get("name")), names)
        given = written.get("arguments", written.get("parameters", {}))
        arguments, problem = parse_arguments(given) if isinstance(given, str) else (as_dict(given), "")
        if name not in names or problem:
            return match[0]
        found.append((name, arguments))
        return ""

    left = _WRITTEN.sub(take, text) if names else text
    return (left.strip() if found else text), found


def rescue(parts: PartsBuilder, tools: Sequence[ToolSpec]) -> list[StreamEvent]:
    """Turn calls written as text at the end of a response into calls; call it before `PartsBuilder.finish`."""
    if not tools or parts.call_count:
        return []
    left, calls = rescue_calls(parts.open_text, tools)
    if not calls:
        return []
    parts.replace_text(left)
    return [event for name, arguments in calls for event in parts.call(name, arguments)]
