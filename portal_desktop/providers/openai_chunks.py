"""One response in OpenAI's chat format, from bytes to events, with the habits of the servers that imitate it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from portal_desktop.errors import PortalError, ProviderError
from portal_desktop.messages import (
    Finish,
    FinishReason,
    Phase,
    Progress,
    StreamError,
    StreamEvent,
    ToolSpec,
    Usage,
    UsageReport,
)
from portal_desktop.providers.base import Endpoint
from portal_desktop.providers.errors import error_from_event, provider_error, read_refusal
from portal_desktop.providers.parts import PartsBuilder, new_call_id
from portal_desktop.providers.tool_calls import CallAssembler, rescue
from portal_desktop.providers.wire import (
    Events,
    Malformed,
    ServerEvent,
    Tolerance,
    as_count,
    as_dict,
    as_dicts,
    as_text,
    clean,
    parse_json,
    parse_object,
    usage_from_openai,
)

REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
NO_REASON = "The server did not say why it stopped."
ONLY_THOUGHT = "The model ended while thinking and gave no answer."
SHOWN = 200


class ChatChunks:
    """Takes bytes in and gives events out; `finished` is set with the last one.

    `heard` tells whether the last `feed` completed a line, `begun` whether anything of the answer has come.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model: str,
        tools: Sequence[ToolSpec] = (),
        warnings: Sequence[str] = (),
        new_id: Callable[[], str] = new_call_id,
    ) -> None:
        self._endpoint = endpoint
        self._asked = self._model = model
        self._tools = tools
        self._warnings = list(warnings)
        self._events = Events()
        self._parts = PartsBuilder(new_id)
        self._calls = CallAssembler(self._parts, [tool.name for tool in tools])
        self._tolerance = Tolerance()
        self._usage: Usage | None = None
        self._reason = ""
        self._refused = False
        self._understood = False
        self._start = b""
        self.begun = False
        self.finished = False

    @property
    def heard(self) -> bool:
        """Whether the last bytes completed a line."""
        return self._events.heard

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Take in bytes of an event stream."""
        if not self._understood and len(self._start) < SHOWN:
            self._start += data[:SHOWN]
        out: list[StreamEvent] = []
        for event in self._events.feed(data):
            if self.finished:
                return out
            self._take(event, out)
        if self._events.overflow and not self.finished:
            out += self.fail(self._error("line_too_long"))
        return out

    def end(self) -> list[StreamEvent]:
        """The stream is over; what was left unsaid decides whether that is an end or a cut."""
        out: list[StreamEvent] = []
        for event in self._events.end():
            if not self.finished:
                self._take(event, out, last=True)
        if self.finished:
            return out
        if self._reason:
            return out + self._finish()
        if not self._understood:
            shown = " ".join(clean(self._start.decode("utf-8", "replace")).split())[:SHOWN]
            name = "not_a_model_server" if shown else "empty_answer"
            return out + self.fail(self._error(name, f"HTTP 200: {shown}" if shown else ""))
        return out + self.fail(self._error("cut_off" if self.begun else "empty_answer"))

    def fail(self, error: PortalError) -> list[StreamEvent]:
        """The stream broke; after its finish reason nothing is lost and it counts as an end."""
        if self.finished:
            return []
        if self._reason and error.name in {"connection_lost", "timeout"}:
            return self._finish()
        self.finished = True
        return [*self._calls.show(), *self._parts.finish(), StreamError(error)]

    def whole(self, body: bytes) -> list[StreamEvent]:
        """Take in a response that came as one JSON object."""
        out: list[StreamEvent] = []
        try:
            value = parse_object(body)
        except Malformed as problem:
            name = "malformed" if body.strip() else "empty_answer"
            return self.fail(self._error(name, f"HTTP 200: {problem}" if body.strip() else ""))
        self._chunk(value, out)
        if self.finished:
            return out
        return out + (self._finish() if self._understood else self.fail(self._error("not_a_model_server")))

    def _take(self, event: ServerEvent, out: list[StreamEvent], *, last: bool = False) -> None:
        data = event.data
        if event.event == "error":
            out += self.fail(error_from_event(_error_in(data), self._endpoint, self._asked))
            return
        if data[:1] != b"{" and self._is_mark(data, out):
            return
        try:
            value = parse_object(data)
        except Malformed as problem:
            if not last and not self._tolerance.note(event.offset, problem):
                out += self.fail(self._error("malformed", "; ".join(self._tolerance.places)))
            return
        self._chunk(value, out)

    def _is_mark(self, data: bytes, out: list[StreamEvent]) -> bool:
        mark = data.strip()
        if mark == b"[DONE]":
            if self._reason or self.begun:
                out += self._finish()
            else:
                out += self.fail(self._error("empty_answer"))
            return True
        return not mark

    def _chunk(self, value: dict[str, Any], out: list[StreamEvent]) -> None:
        choices = value.get("choices")
        if not self.begun:
            self._preamble(value, out)
        if choices and isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict) and not choice.get("index"):
                    self._choice(choice, out)
        if "error" in value and (error := value["error"]):
            self._understood = True
            out += self.fail(error_from_event(error, self._endpoint, self._asked))
        elif "usage" in value or "timings" in value:
            usage = usage_from_openai(value.get("usage"), value.get("timings"))
            self._usage = usage or self._usage
            self._understood = self._understood or usage is not None

    def _preamble(self, value: dict[str, Any], out: list[StreamEvent]) -> None:
        self._understood = self._understood or "choices" in value
        self._model = as_text(value.get("model")) or self._model
        if progress := as_dict(value.get("prompt_progress")):
            out.append(_reading(progress))

    def _choice(self, choice: Mapping[str, object], out: list[StreamEvent]) -> None:
        delta = choice.get("delta")
        if delta is None and not self.begun:
            delta = choice.get("message")
        if isinstance(delta, dict):
            before = len(out)
            self._delta(delta, out)
            if len(out) != before:
                self.begun = True
        reason = choice.get("finish_reason")
        if reason and isinstance(reason, str):
            self._reason = reason
            if reason == "error":
                out += self.fail(self._error("server_error_event"))

    def _delta(self, delta: dict[str, Any], out: list[StreamEvent]) -> None:
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if thought is None and "reasoning_details" in delta:
            thought = "".join(
                as_text(d.get("text")) or as_text(d.get("summary")) for d in as_dicts(delta["reasoning_details"])
            )
        if thought and isinstance(thought, str):
            out += self._calls.show()
            out += self._parts.thinking(thought)
        content = delta.get("content")
        if content:
            if self._calls.count:
                out += self._calls.show()
            if isinstance(content, str):
                out += self._parts.text(content)
            else:
                self._content_parts(content, out)
        if calls := delta.get("tool_calls"):
            for call in as_dicts(calls):
                self.begun = True
                out += self._calls.feed(call)
        if "refusal" in delta and isinstance(delta["refusal"], str) and delta["refusal"]:
            self._refused = True
            out += self._parts.text(delta["refusal"])
        if "function_call" in delta and isinstance(delta["function_call"], dict):
            self.begun = True
            out += self._calls.feed({"index": 0, "function": delta["function_call"]})

    def _content_parts(self, content: object, out: list[StreamEvent]) -> None:
        for part in as_dicts(content):
            if part.get("type") == "thinking":
                thought = part.get("thinking")
                text = (
                    thought if isinstance(thought, str) else "".join(as_text(t.get("text")) for t in as_dicts(thought))
                )
                out += self._parts.thinking(text)
            else:
                out += self._parts.text(as_text(part.get("text")))

    def _finish(self) -> list[StreamEvent]:
        self.finished = True
        reason = REASONS.get(self._reason, FinishReason.UNKNOWN) if self._reason else FinishReason.STOP
        if not self._reason:
            self._warnings.append(NO_REASON)
        elif reason is FinishReason.UNKNOWN:
            self._warnings.append(f"The server stopped for a reason unknown here: {clean(self._reason)[:80]}.")
        events = self._calls.finish(cut=reason is FinishReason.LENGTH) + rescue(self._parts, self._tools)
        events = [*events, *self._parts.finish()]
        if self._parts.call_count and reason in {FinishReason.STOP, FinishReason.UNKNOWN}:
            reason = FinishReason.TOOL_CALLS
        elif reason is FinishReason.TOOL_CALLS and not self._parts.call_count:
            reason = FinishReason.STOP
        if self._refused:
            reason = FinishReason.CONTENT_FILTER
        if self._parts.ended_thinking:
            self._warnings.append(ONLY_THOUGHT)
        if self._tolerance.warning:
            self._warnings.append(f"{self._endpoint.name}: {self._tolerance.warning}.")
        usage = [UsageReport(self._usage)] if self._usage is not None else []
        return [*events, *usage, Finish(reason, clean(self._model), self._usage, " ".join(self._warnings))]

    def _error(self, name: str, technical: str = "") -> ProviderError:
        return provider_error(name, self._endpoint, self._asked, technical=technical)


def _error_in(data: bytes) -> object:
    """Return what an event named error carries: an object, a string, or words that are no JSON."""
    try:
        value = parse_json(data)
    except Malformed:
        return read_refusal(data).message
    return as_dict(value).get("error") or value


def _reading(progress: Mapping[str, object]) -> Progress:
    total, done = as_count(progress.get("total")), as_count(progress.get("processed"))
    return Progress(Phase.READING, fraction=min(1.0, done / total) if total and done is not None else None)
