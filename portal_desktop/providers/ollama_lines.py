"""The bytes of one Ollama chat answer, turned into events."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from portal_desktop.errors import ProviderError
from portal_desktop.messages import Finish, FinishReason, StreamError, StreamEvent, ToolSpec, UsageReport
from portal_desktop.providers.base import Endpoint
from portal_desktop.providers.errors import error_from_event, provider_error
from portal_desktop.providers.parts import PartsBuilder, new_call_id
from portal_desktop.providers.tool_calls import offered_name, parse_arguments, rescue
from portal_desktop.providers.wire import (
    Lines,
    Malformed,
    Tolerance,
    as_dict,
    as_dicts,
    as_text,
    parse_object,
    usage_from_ollama,
)

NOT_OURS = (b"data:", b"event:", b"<")
"""Beginnings of an answer by which another protocol or a web page is known."""

ONLY_THOUGHT = "The model ended while thinking and gave no answer."
ONLY_LOADED = frozenset({"load", "unload"})


class ChatLines:
    """Reads lines until the last one; whatever comes after it is another program's business.

    `finished` is set with the last event, which is `Finish` or `StreamError`; `heard` tells whether the last `feed`
    completed a line.
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
        self._model = model
        self._tools = tools
        self._offered = [tool.name for tool in tools]
        self._warnings = warnings
        self._lines = Lines()
        self._parts = PartsBuilder(new_id)
        self._tolerance = Tolerance()
        self._offset = 0
        self._begun = False
        self.finished = False
        self.heard = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events of the lines that are complete now."""
        lines = self._lines.feed(data)
        self.heard = bool(lines)
        events = self._read(lines)
        if self._lines.overflow and not self.finished:
            events += self.fail(self._error("line_too_long"))
        return events

    def end(self) -> list[StreamEvent]:
        """The server closed the connection: without a last line the answer was cut off."""
        line = self._lines.end()
        events = self._read([line] if line is not None else [])
        if self.finished:
            return events
        if not self._begun:
            return events + self.fail(self._error("empty_answer"))
        return events + self.fail(self._error("cut_off", technical=self._tolerance.warning))

    def fail(self, error: ProviderError) -> list[StreamEvent]:
        """Close the parts that are open and end with an error; what was said stays said."""
        self.finished = True
        return [*self._parts.finish(), StreamError(error)]

    def _read(self, lines: Sequence[bytes]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for line in lines:
            if self.finished:
                break
            if line.strip():
                events += self._line(line)
                self._begun = True
            self._offset += len(line) + 1
        return events

    def _line(self, line: bytes) -> list[StreamEvent]:
        try:
            said = parse_object(line)
            if not said.keys() & {"message", "done", "done_reason", "error", "choices"}:
                raise Malformed("it is no chat line")
        except Malformed as problem:
            if not self._begun and line.lstrip().startswith(NOT_OURS):
                return self.fail(self._not_ollama(line))
            if self._tolerance.note(self._offset, problem):
                return []
            return self.fail(self._error("malformed", technical=self._tolerance.warning))
        if "error" in said:
            return self.fail(error_from_event(said["error"], self._endpoint, self._model))
        if "choices" in said:
            return self.fail(self._not_ollama(line))
        events = self._message(as_dict(said.get("message")))
        reason = as_text(said.get("done_reason"))
        return events + self._finish(said, reason) if said.get("done") is True or reason else events

    def _message(self, message: Mapping[str, object]) -> list[StreamEvent]:
        events = self._parts.thinking(as_text(message.get("thinking")))
        events += self._parts.text(as_text(message.get("content")))
        for entry in as_dicts(message.get("tool_calls")):
            function = as_dict(entry.get("function"))
            given = function.get("arguments")
            written = given if isinstance(given, str) else json.dumps(given)
            arguments, problem = parse_arguments(written)
            events += self._parts.call(
                offered_name(as_text(function.get("name")), self._offered),
                arguments,
                call_id=as_text(entry.get("id")),
                problem=problem,
                raw=written if problem else "",
            )
        return events

    def _finish(self, said: Mapping[str, object], reason: str) -> list[StreamEvent]:
        events = rescue(self._parts, self._tools) + self._parts.finish()
        usage = usage_from_ollama(said)
        if usage is not None:
            events.append(UsageReport(usage))
        self.finished = True
        warnings = list(self._warnings)
        if self._tolerance.warning:
            warnings.append(f"{self._endpoint.name}: {self._tolerance.warning}.")
        if reason in ONLY_LOADED:
            warnings.append(f"{self._endpoint.name} only {reason}ed the model.")
        elif not (self._parts.has_text or self._parts.has_thinking or self._parts.call_count):
            return [*events, StreamError(self._error("empty_answer"))]
        elif self._parts.ended_thinking:
            warnings.append(ONLY_THOUGHT)
        model = as_text(said.get("model")) or self._model
        finish = Finish(self._reason(reason), model, usage, " ".join(warnings))
        return [*events, finish]

    def _reason(self, reason: str) -> FinishReason:
        if self._parts.call_count:
            return FinishReason.TOOL_CALLS
        if reason in {"", "stop", *ONLY_LOADED}:
            return FinishReason.STOP
        return FinishReason.LENGTH if reason == "length" else FinishReason.UNKNOWN

    def _error(self, name: str, *, technical: str = "") -> ProviderError:
        return provider_error(name, self._endpoint, self._model, technical=technical)

    def _not_ollama(self, line: bytes) -> ProviderError:
        return self._error("not_a_model_server", technical=line[:200].decode(errors="replace"))
