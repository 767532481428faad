"""Questions a turn asks its user: may this call run, keep waiting. They belong to the app, not to a window."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from portal_desktop.agent.approval import ApprovalRequest, Approve, Decision
from portal_desktop.clock import Clock
from portal_desktop.providers.base import Patience
from portal_desktop.ui.i18n import tr


@dataclass(frozen=True, slots=True)
class Asked:
    """An open question about a call; `since` is the monotonic second at which it was asked."""

    request: ApprovalRequest
    since: float
    answer: asyncio.Future[Decision]


class Questions(QObject):
    """Open questions by conversation. Every window that shows the conversation may answer; the first answer holds."""

    changed = Signal(int)

    def __init__(self, clock: Clock, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._clock = clock
        self._asked: dict[int, Asked] = {}
        self._patience: dict[int, asyncio.Future[bool]] = {}
        self._decisions: dict[int, dict[str, str]] = {}
        self._granted: set[tuple[int, str]] = set()

    def asked(self, conversation_id: int) -> Asked | None:
        """Return the conversation's open question."""
        return self._asked.get(conversation_id)

    def waits(self, conversation_id: int) -> bool:
        """Return whether the conversation needs the user, for a call or for patience."""
        return conversation_id in self._asked or conversation_id in self._patience

    def decisions(self, conversation_id: int) -> Mapping[str, str]:
        """Return what was decided in this run of the app, in words by call."""
        return self._decisions.get(conversation_id, {})

    def approve(self, conversation: Callable[[], Awaitable[int]]) -> Approve:
        """Return the function a turn asks by; `conversation` tells which chat it is once that is known."""

        async def ask(request: ApprovalRequest) -> Decision:
            return await self._ask(await conversation(), request)

        return ask

    def patience(self, conversation: Callable[[], Awaitable[int]]) -> Patience:
        """Return the function that asks whether to wait longer for a silent server."""

        async def ask(_waited: float) -> bool:
            return await self._ask_patience(await conversation())

        return ask

    def decide(self, conversation_id: int, call_id: str, decision: Decision, *, for_chat: bool = False) -> None:
        """Answer the question about a call; one that was asked meanwhile about another call is not touched."""
        asked = self._asked.get(conversation_id)
        if asked is None or asked.request.call.id != call_id or asked.answer.done():
            return
        if for_chat and decision is Decision.ALLOW:
            self._granted.add((conversation_id, asked.request.call.name))
        asked.answer.set_result(decision)

    def keep_waiting(self, conversation_id: int) -> None:
        """Answer yes to "keep waiting?"."""
        future = self._patience.get(conversation_id)
        if future is not None and not future.done():
            future.set_result(True)

    async def _ask(self, conversation_id: int, request: ApprovalRequest) -> Decision:
        record = self._decisions.setdefault(conversation_id, {})
        if (conversation_id, request.call.name) in self._granted:
            record[request.call.id] = tr("Allowed in this chat")
            return Decision.ALLOW
        future: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._asked[conversation_id] = Asked(request, self._clock.monotonic(), future)
        self.changed.emit(conversation_id)
        try:
            decision = await future
            record[request.call.id] = self._words(conversation_id, request, decision)
            return decision
        except asyncio.CancelledError:
            record[request.call.id] = tr("Not answered")
            raise
        finally:
            del self._asked[conversation_id]
            self.changed.emit(conversation_id)

    async def _ask_patience(self, conversation_id: int) -> bool:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._patience[conversation_id] = future
        self.changed.emit(conversation_id)
        try:
            return await future
        finally:
            del self._patience[conversation_id]
            self.changed.emit(conversation_id)

    def _words(self, conversation_id: int, request: ApprovalRequest, decision: Decision) -> str:
        if decision is not Decision.ALLOW:
            return tr("Denied")
        granted = (conversation_id, request.call.name) in self._granted
        return tr("Allowed in this chat") if granted else tr("Allowed once")
