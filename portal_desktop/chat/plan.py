"""From settings, conversation and persona to what one turn is asked to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar, cast

from portal_desktop.agent.approval import Approve
from portal_desktop.agent.spec import Limits, TurnSpec
from portal_desktop.errors import InvalidInput
from portal_desktop.messages import Message, Mode, Part, ToolSpec
from portal_desktop.prompts.compose import Composition, Persona, Snapshot, compose, snapshot_texts
from portal_desktop.prompts.library import Library
from portal_desktop.prompts.personas import persona
from portal_desktop.providers.base import Deadlines, ModelFacts, Patience, Reasoning, Sampling
from portal_desktop.settings import BY_ID, Origin, Setting, Settings, declared
from portal_desktop.storage.conversations import Conversation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a face asks for besides the text; empty model and None mode leave it to the conversation and the app."""

    approve: Approve
    patience: Patience | None = None
    model: str = ""
    mode: Mode | None = None
    overrides: Mapping[str, object] | None = None


class Cascade:
    """The settings as they hold for one message: message over conversation over persona over app."""

    def __init__(self, settings: Settings, conversation: Conversation, role: Persona | None, wish: Wish) -> None:
        message = dict(wish.overrides or {})
        if wish.model:
            message[declared.DEFAULT_MODEL.id] = wish.model
        if wish.mode is not None:
            message[declared.DEFAULT_MODE.id] = wish.mode.value
        chat: dict[str, object] = {declared.DEFAULT_MODE.id: conversation.mode.value}
        if conversation.model:
            chat[declared.DEFAULT_MODEL.id] = conversation.model
        preferred = {**(role.values if role else {})}
        if role and role.model:
            preferred[declared.DEFAULT_MODEL.id] = role.model
        self._settings = settings
        self._overrides = ((Origin.MESSAGE, message), (Origin.CONVERSATION, chat), (Origin.PERSONA, preferred))

    def get(self, setting: Setting[T]) -> T:
        """Return the value for this message."""
        return self._settings.effective(setting, self._overrides)[0]

    def why(self, setting: Setting[T]) -> Origin:
        """Return where the value for this message comes from."""
        return self._settings.effective(setting, self._overrides)[1]


class Planner:
    """Makes the specification of a turn. The texts of the library are looked up at every turn, so an edit counts."""

    def __init__(self, library: Library, settings: Settings) -> None:
        self._library = library
        self._settings = settings

    def cascade(self, conversation: Conversation, wish: Wish) -> Cascade:
        """Return the settings that hold for a message of this conversation."""
        return Cascade(self._settings, conversation, self.role(conversation), wish)

    def check(self, wish: Wish) -> None:
        """Refuse values for one message that may not be.

        Raises:
            InvalidInput: there is no setting of that id.
            SettingsError: a value is out of bounds, or the setting cannot be set for one message.
        """
        for name in wish.overrides or {}:
            if name not in BY_ID:
                raise InvalidInput("invalid_field", field=name, problem="there is no such setting")
            self._settings.effective(BY_ID[name], ((Origin.MESSAGE, wish.overrides or {}),))

    def role(self, conversation: Conversation) -> Persona | None:
        """Return the conversation's persona."""
        return persona(conversation.persona, self._library, self._settings)

    def spec(
        self,
        conversation: Conversation,
        wish: Wish,
        *,
        model: str,
        messages: Sequence[Message],
        facts: ModelFacts | None,
        offered: Sequence[ToolSpec],
        today: date,
        resume: tuple[Part, ...] = (),
        turn_id: str = "",
    ) -> TurnSpec:
        """Return what the agent is asked to do."""
        role = self.role(conversation)
        chosen = Cascade(self._settings, conversation, role, wish)
        mode = Mode(chosen.get(declared.DEFAULT_MODE))
        able = facts is None or facts.tools is not False
        allowed = role.tools if role else None
        tools = tuple(tool for tool in offered if allowed is None or tool.name in allowed)
        acting = mode is Mode.ACT and able
        composed = self._compose(chosen, role, tools if acting else (), today, muted=mode is Mode.ACT and not able)
        return TurnSpec(
            model=model,
            messages=tuple(messages),
            system=composed.text,
            manifest=composed.manifest,
            mode=mode,
            tools=acting,
            allowed=allowed,
            sampling=Sampling(
                temperature=chosen.get(declared.TEMPERATURE),
                top_p=chosen.get(declared.TOP_P),
                max_tokens=chosen.get(declared.MAX_TOKENS),
            ),
            reasoning=cast("Reasoning", chosen.get(declared.REASONING)),
            deadlines=self._deadlines(role),
            limits=Limits(
                rounds=chosen.get(declared.MAX_ROUNDS),
                calls=chosen.get(declared.MAX_TOOL_CALLS),
                tool_seconds=chosen.get(declared.MAX_TOOL_SECONDS),
                tokens=chosen.get(declared.MAX_TURN_TOKENS),
            ),
            approve=wish.approve,
            patience=wish.patience,
            resume=resume,
            resume_prompt=self._library.get("continue").text,
            fallback=role.fallback if role else "",
            context_length=context_length(facts),
            conversation_id=conversation.id,
            turn_id=turn_id,
        )

    def _compose(
        self, chosen: Cascade, role: Persona | None, tools: tuple[ToolSpec, ...], today: date, *, muted: bool
    ) -> Composition:
        texts, phrases = snapshot_texts(self._library)
        return compose(
            Snapshot(
                texts=texts,
                phrases=phrases,
                today=today,
                tools=tools,
                persona=role,
                instructions=chosen.get(declared.SYSTEM_PROMPT),
                banners=("tools",) if muted else (),
            )
        )

    def _deadlines(self, role: Persona | None) -> Deadlines:
        first = role.first_token_seconds if role else None
        return Deadlines(
            connect=self._settings.get(declared.CONNECT_SECONDS),
            first_token=first or self._settings.get(declared.FIRST_TOKEN_SECONDS),
            idle=self._settings.get(declared.IDLE_SECONDS),
        )


def context_length(facts: ModelFacts | None) -> int | None:
    """Return the size that counts now: what is loaded, else what the model can; None when nobody has said."""
    return None if facts is None else facts.loaded_context or facts.context_length
