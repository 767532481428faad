"""Keeps the sidebar's lines true: reads the list when something happened, searches while the user types."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from portal_desktop.chat.history import Conversation, History
from portal_desktop.chat.live import LiveChats
from portal_desktop.clock import Clock
from portal_desktop.events import (
    AnswerFinished,
    Bus,
    ConversationChanged,
    ConversationsChanged,
    MessageAdded,
    Subscription,
    TurnStarted,
)
from portal_desktop.ui.chat.questions import Questions
from portal_desktop.ui.chat.sidebar.model import Kind, Mark, SidebarModel, chat_lines, hit_lines
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.spawn import Spawn

PAGE = 200
RELOAD_MS = 40
SEARCH_MS = 120


class SidebarFeed(QObject):
    """Fills a `SidebarModel`. Reloads that fall together are one read of the list."""

    loaded = Signal()

    def __init__(
        self,
        *,
        history: History,
        live: LiveChats,
        questions: Questions,
        bus: Bus,
        clock: Clock,
        spawn: Spawn,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.model = SidebarModel(self)
        self._history = history
        self._live = live
        self._questions = questions
        self._clock = clock
        self._spawn = spawn
        self._conversations: list[Conversation] = []
        self._current: int | None = None
        self._words = ""
        self._limit = PAGE
        self._reload_timer = self._timer(RELOAD_MS, "read the list of chats")
        self._search_timer = self._timer(SEARCH_MS, "search the chats")
        kinds = (ConversationChanged, ConversationsChanged, MessageAdded, TurnStarted, AnswerFinished)
        self._subscriptions: list[Subscription[Any]] = [bus.subscribe(kind, self._happened) for kind in kinds]
        questions.changed.connect(lambda _id: self._show())
        self.model.renamed.connect(lambda chat, title: spawn.start(history.rename(chat, title), "rename a chat"))

    def _timer(self, interval: int, name: str) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(lambda: self._spawn.start(self.reload(), name))
        return timer

    @property
    def empty(self) -> bool:
        """Whether there is no conversation at all."""
        return not self._conversations

    def running(self) -> list[str]:
        """Return the titles of the chats in which an answer is being written."""
        busy = (Mark.RUNNING, Mark.WAITING)
        return [each.title or tr("New chat") for each in self._conversations if self._mark(each) in busy]

    def title(self, conversation_id: int) -> str:
        """Return a conversation's title, "" when it is not in the list."""
        return next((each.title for each in self._conversations if each.id == conversation_id), "")

    def set_current(self, conversation_id: int | None) -> None:
        """Mark the conversation that is open."""
        self._current = conversation_id
        self._show()

    def search(self, words: str) -> None:
        """Show what is found instead of the list; "" shows the list again."""
        self._words = words.strip()
        self._search_timer.start()

    def neighbour(self, step: int) -> int | None:
        """Return the conversation above (-1) or below (+1) the open one in the list."""
        chats = [line.conversation for line in self.model.lines() if line.kind is Kind.CHAT]
        if not chats:
            return None
        if self._current not in chats:
            return chats[0]
        return chats[max(0, min(len(chats) - 1, chats.index(self._current) + step))]

    def more(self) -> None:
        """Read a longer list; the user has come to its end."""
        if len(self._conversations) >= self._limit:
            self._limit += PAGE
            self._reload_timer.start()

    async def reload(self) -> None:
        """Read the list, or search, now."""
        words = self._words
        if words:
            hits = await self._history.search(words)
            if words == self._words:
                self.model.replace(hit_lines(hits))
        else:
            pinned = await self._history.pinned()
            known = {each.id for each in pinned}
            newest = await self._history.list(limit=self._limit)
            self._conversations = [*pinned, *(each for each in newest if each.id not in known)]
            self._show()
        self.loaded.emit()

    def close(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            subscription.close()
        self._reload_timer.stop()
        self._search_timer.stop()

    def _happened(self, _event: object) -> None:
        if not self._reload_timer.isActive():
            self._reload_timer.start()

    def _show(self) -> None:
        if not self._words:
            lines = chat_lines(self._conversations, now=self._clock.now(), current=self._current, mark=self._mark)
            self.model.replace(lines)

    def _mark(self, conversation: Conversation) -> Mark:
        if self._questions.waits(conversation.id):
            return Mark.WAITING
        turn = self._live.turn(conversation.id)
        if turn is not None and turn.finished is None:
            return Mark.RUNNING
        return Mark.UNREAD if conversation.unread and conversation.id != self._current else Mark.NONE
