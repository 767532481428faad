"""Turns that run in the core: windows subscribe, closing one changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from portal_desktop.agent.approval import Approve, deny_unattended
from portal_desktop.messages import Mode, Part, PhaseChanged, Source, TurnEvent, TurnFinished
from portal_desktop.providers.base import Patience


class Turn:
    """One running or finished answer."""

    conversation_id: int
    user_message_id: int
    answer_id: int

    @property
    def parts(self) -> tuple[Part, ...]:
        """The answer as far as it has been told."""
        raise NotImplementedError

    @property
    def phase(self) -> PhaseChanged:
        """What it is doing now."""
        raise NotImplementedError

    @property
    def heard(self) -> float:
        """The monotonic second of the last sign of life; for `agent.phases.describe`."""
        raise NotImplementedError

    @property
    def finished(self) -> TurnFinished | None:
        """How it ended; None while it runs."""
        raise NotImplementedError

    def events(self) -> AsyncIterator[TurnEvent]:
        """Yield what has happened so far in as few events as possible, then the rest live; ends after TurnFinished."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop in whatever phase it is; returns when the end has been told (at once)."""
        raise NotImplementedError

    async def wait(self) -> TurnFinished:
        """Wait for the end."""
        raise NotImplementedError


class LiveChats:
    """All turns of this process, at most one per conversation at a time."""

    async def send(
        self,
        conversation_id: int | None,
        text: str,
        *,
        source: Source,
        model: str = "",
        mode: Mode | None = None,
        approve: Approve = deny_unattended,
        patience: Patience | None = None,
        parent_id: int | None = None,
        overrides: Mapping[str, object] | None = None,
    ) -> Turn:
        """Store the message and an empty answer, then start the turn.

        `overrides` are setting ids with values for this message alone.

        Raises:
            InvalidInput: `busy`, `no_messages`, `text_too_long`, `no_model` or `not_found`; nothing was stored.
        """
        raise NotImplementedError

    async def edit(
        self,
        message_id: int,
        text: str,
        *,
        source: Source,
        model: str = "",
        mode: Mode | None = None,
        approve: Approve = deny_unattended,
        patience: Patience | None = None,
    ) -> Turn:
        """Send another wording of a user's message as its sibling."""
        raise NotImplementedError

    async def regenerate(
        self,
        message_id: int,
        *,
        source: Source = Source.WINDOW,
        model: str = "",
        mode: Mode | None = None,
        approve: Approve = deny_unattended,
        patience: Patience | None = None,
    ) -> Turn:
        """Answer again; the new answer is a sibling of the one named (Retry after an error is the same)."""
        raise NotImplementedError

    async def continue_answer(
        self,
        message_id: int,
        *,
        source: Source = Source.WINDOW,
        model: str = "",
        approve: Approve = deny_unattended,
        patience: Patience | None = None,
    ) -> Turn:
        """Go on with an answer that was cut; the text grows in the same row, without the overlap."""
        raise NotImplementedError

    def turn(self, conversation_id: int) -> Turn | None:
        """Return the conversation's running turn, or its last one while it is not saved."""
        raise NotImplementedError

    async def stop(self, conversation_id: int) -> None:
        """Stop the conversation's turn, if one runs."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop every turn and save what has arrived; within 5 s."""
        raise NotImplementedError
