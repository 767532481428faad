"""Conversations for the faces: what may be read and changed without a turn."""

from __future__ import annotations

from portal_desktop.events import Bus, ConversationChanged
from portal_desktop.messages import Mode, Status
from portal_desktop.storage.conversations import Conversation, Conversations, Cursor, SearchHit, StoredMessage

__all__ = ["Conversation", "Cursor", "History", "SearchHit", "StoredMessage"]

_Conversations = list[Conversation]
_Messages = list[StoredMessage]
_Hits = list[SearchHit]


class History:
    """Every change is stored and then told on the bus, so that all windows agree."""

    def __init__(self, conversations: Conversations, bus: Bus) -> None:
        self._conversations = conversations
        self._bus = bus

    async def create(self, *, title: str = "", model: str = "", mode: Mode = Mode.CHAT) -> Conversation:
        """Make an empty conversation."""
        made = await self._conversations.create(title=title, model=model, mode=mode)
        self._tell(made.id)
        return made

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed or sent: the database was opened for reading only."""
        return self._conversations.read_only

    async def get(self, conversation_id: int) -> Conversation:
        """Return one conversation.

        Raises:
            InvalidInput: there is none.
        """
        return await self._conversations.get(conversation_id)

    async def list(self, *, limit: int = 50, before: Cursor | None = None, deleted: bool = False) -> _Conversations:
        """Return a page, newest first."""
        return await self._conversations.list(limit=limit, before=before, deleted=deleted)

    async def pinned(self) -> _Conversations:
        """Return the pinned ones."""
        return await self._conversations.pinned()

    async def path(
        self, conversation_id: int, *, limit: int | None = None, before_sequence: int | None = None
    ) -> _Messages:
        """Return the newest messages of the shown branch, oldest first, or the page before a sequence number."""
        return await self._conversations.path(conversation_id, limit=limit, before_sequence=before_sequence)

    async def message(self, message_id: int) -> StoredMessage:
        """Return one message."""
        return await self._conversations.message(message_id)

    async def keep(self, message_id: int) -> None:
        """Take an interrupted answer as it is: stopped where it broke off, and nothing more is asked about it.

        Raises:
            InvalidInput: not_found.
        """
        message = await self._conversations.message(message_id)
        if message.status is Status.INTERRUPTED:
            await self._conversations.update_answer(message_id, message.parts, status=Status.STOPPED)
            self._tell(message.conversation_id)

    async def search(self, text: str, limit: int = 50) -> _Hits:
        """Return messages and titles that hold every word."""
        return await self._conversations.search(text, limit)

    async def choose(self, message_id: int) -> None:
        """Show the branch through this message."""
        await self._conversations.choose(message_id)
        self._tell((await self._conversations.message(message_id)).conversation_id)

    async def rename(self, conversation_id: int, title: str) -> None:
        """Give it the user's own title; the app never overwrites it."""
        await self._conversations.rename(conversation_id, title)
        self._tell(conversation_id)

    async def pin(self, conversation_id: int, pinned: bool = True) -> None:
        """Pin or unpin."""
        await self._conversations.pin(conversation_id, pinned)
        self._tell(conversation_id)

    async def set_model(self, conversation_id: int, model: str) -> None:
        """Choose the model for the next turns."""
        await self._conversations.set_model(conversation_id, model)
        self._tell(conversation_id)

    async def set_mode(self, conversation_id: int, mode: Mode) -> None:
        """Choose how far turns may go."""
        await self._conversations.set_mode(conversation_id, mode)
        self._tell(conversation_id)

    async def set_draft(self, conversation_id: int, draft: str) -> None:
        """Keep what stands in the composer where that is possible; nobody needs to be told."""
        if not self.read_only:
            await self._conversations.set_draft(conversation_id, draft)

    async def set_scroll(self, conversation_id: int, scroll: str) -> None:
        """Keep the reader's place where that is possible; nobody needs to be told."""
        if not self.read_only:
            await self._conversations.set_scroll(conversation_id, scroll)

    async def mark_read(self, conversation_id: int) -> None:
        """Take the unread mark away where that is possible."""
        if not self.read_only:
            await self._conversations.mark_read(conversation_id)
            self._tell(conversation_id)

    async def delete(self, conversation_id: int) -> None:
        """Move it to the trash."""
        await self._conversations.delete(conversation_id)
        self._tell(conversation_id)

    async def restore(self, conversation_id: int) -> None:
        """Take it back from the trash."""
        await self._conversations.restore(conversation_id)
        self._tell(conversation_id)

    def _tell(self, conversation_id: int) -> None:
        self._bus.publish(ConversationChanged(conversation_id))
