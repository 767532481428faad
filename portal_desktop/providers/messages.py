"""What goes to a server: the one check of every request, and the one way messages become a dialect's own.

An answer is stored as one message; servers want its rounds apart: what was said with the calls, one message per
result, then what was said next. `wire_rounds` cuts it so, and both dialects are written from those rounds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from portal_desktop.errors import InvalidInput
from portal_desktop.messages import (
    JsonObject,
    Message,
    Part,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolReturn,
    ToolSpec,
    user,
)
from portal_desktop.providers.base import ChatRequest

NOT_RUN = "The tool was not run: the user stopped the answer before it."
"""Stands in for a result that never came; servers refuse a call without one."""

WireRole = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class WireMessage:
    """One message as a server counts them; a tool's has the id and name of the call it answers."""

    role: WireRole
    text: str
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    name: str = ""


def outgoing(history: Sequence[Message], *, system: str = "", prompt: str = "") -> tuple[Message, ...]:
    """Return what to send; the history itself is left as it is.

    The system text goes first unless the history has one there, the prompt last unless it is the newest user text.
    """
    messages = list(history)
    if system and not (messages and messages[0].role is Role.SYSTEM):
        messages.insert(0, Message(Role.SYSTEM, (Text(system),)))
    if prompt:
        asked = next((message for message in reversed(messages) if message.role is Role.USER), None)
        if asked is None or asked.text != prompt:
            messages.append(user(prompt))
    return tuple(messages)


def check_request(request: ChatRequest) -> None:
    """Refuse what no server could use; the same for `complete` and `stream` of every provider.

    Raises:
        InvalidInput: the model, the messages or a needed field is missing, or a tool's result has lost its call.
    """
    if not request.model.strip():
        raise InvalidInput("no_model")
    if not request.messages or not any(_says_something(message) for message in request.messages):
        raise InvalidInput("no_messages")
    for number, message in enumerate(request.messages):
        if not message.parts and message.role is not Role.ASSISTANT:
            raise InvalidInput("invalid_field", field=f"messages[{number}].parts", problem="it is empty")
        if message.role is not Role.ASSISTANT and any(isinstance(p, ToolCall | ToolReturn) for p in message.parts):
            raise InvalidInput("invalid_field", field=f"messages[{number}].parts", problem="only an answer holds calls")
        _check_returns(message)
    for number, tool in enumerate(request.tools):
        _check_tool(number, tool)


def _says_something(message: Message) -> bool:
    return message.role is not Role.SYSTEM and bool(message.parts)


def _check_returns(message: Message) -> None:
    asked: set[str] = set()
    for part in message.parts:
        if isinstance(part, ToolCall):
            asked.add(part.id)
        elif isinstance(part, ToolReturn) and part.call_id not in asked:
            raise InvalidInput("orphan_tool_return", technical=f"{part.name} {part.call_id}")


def _check_tool(number: int, tool: ToolSpec) -> None:
    if not tool.name.strip():
        raise InvalidInput("invalid_field", field=f"tools[{number}].name", problem="it is empty")
    if tool.parameters.get("type") != "object":
        raise InvalidInput("invalid_field", field=f"tools[{number}].parameters", problem="it describes no object")


def wire_rounds(messages: Sequence[Message]) -> list[WireMessage]:
    """Return the messages cut into rounds; notes, failures and attachments stay here.

    Raises:
        InvalidInput: a tool's result has lost its call.
    """
    wired: list[WireMessage] = []
    for message in messages:
        _check_returns(message)
        if message.role is Role.ASSISTANT:
            wired += _rounds(message.parts)
        else:
            wired.append(WireMessage("system" if message.role is Role.SYSTEM else "user", message.text))
    return wired


def _rounds(parts: Sequence[Part]) -> list[WireMessage]:
    wired: list[WireMessage] = []
    asked: list[Part] = []
    returns: dict[str, ToolReturn] = {}
    for part in parts:
        if isinstance(part, ToolReturn):
            returns[part.call_id] = part
        elif isinstance(part, Text | Thinking | ToolCall):
            if returns:
                wired += _round(asked, returns)
                asked, returns = [], {}
            asked.append(part)
    return wired + _round(asked, returns)


def _round(asked: Sequence[Part], returns: Mapping[str, ToolReturn]) -> list[WireMessage]:
    text = "".join(part.text for part in asked if isinstance(part, Text))
    thinking = "".join(part.text for part in asked if isinstance(part, Thinking))
    calls = tuple(part for part in asked if isinstance(part, ToolCall))
    if not text and not calls:
        return []
    answers = [
        WireMessage(
            "tool", returns[call.id].content if call.id in returns else NOT_RUN, call_id=call.id, name=call.name
        )
        for call in calls
    ]
    return [WireMessage("assistant", text, thinking, calls), *answers]


def to_openai(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the messages as OpenAI-compatible servers take them; thoughts are not sent back.

    Raises:
        InvalidInput: a tool's result has lost its call.
    """
    return [_to_openai(wire) for wire in wire_rounds(messages)]


def _to_openai(wire: WireMessage) -> dict[str, Any]:
    if wire.role == "tool":
        return {"role": "tool", "tool_call_id": wire.call_id, "content": wire.text}
    message: dict[str, Any] = {"role": wire.role, "content": wire.text}
    if wire.calls:
        message["tool_calls"] = [_openai_call(call) for call in wire.calls]
    return message


def _openai_call(call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def to_ollama(messages: Sequence[Message], *, thinking: bool = False) -> list[dict[str, Any]]:
    """Return the messages as Ollama's own protocol takes them: arguments are objects, results name their tool.

    `thinking` sends thoughts back, for a model that needs them between its calls.

    Raises:
        InvalidInput: a tool's result has lost its call.
    """
    return [_to_ollama(wire, thinking=thinking) for wire in wire_rounds(messages)]


def _to_ollama(wire: WireMessage, *, thinking: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": wire.role, "content": wire.text}
    if wire.role == "tool":
        message["tool_name"] = wire.name
        message["tool_call_id"] = wire.call_id
    if thinking and wire.thinking:
        message["thinking"] = wire.thinking
    if wire.calls:
        message["tool_calls"] = [
            {"id": call.id, "function": {"name": call.name, "arguments": dict(call.arguments)}} for call in wire.calls
        ]
    return message


def tools_to_wire(tools: Sequence[ToolSpec], schema: Callable[[JsonObject], JsonObject] = dict) -> list[dict[str, Any]]:
    """Return the tools in the shape both dialects share; `schema` adapts each parameter schema."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": schema(tool.parameters)},
        }
        for tool in tools
    ]
