"""One conversation: header, transcript, phase line and composer. In the main window and in windows of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices, QFocusEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from portal_desktop.agent.approval import Decision
from portal_desktop.chat.history import History
from portal_desktop.messages import Mode, Role, Text
from portal_desktop.settings import Settings
from portal_desktop.ui.chat.choice import ModelChoice
from portal_desktop.ui.chat.composer import Composer
from portal_desktop.ui.chat.header import ChatHeader, MenuEntry
from portal_desktop.ui.chat.model import ChatModel
from portal_desktop.ui.chat.phase import PhaseLine
from portal_desktop.ui.chat.welcome import Welcome
from portal_desktop.ui.column import NARROW, Column
from portal_desktop.ui.controls import Toast
from portal_desktop.ui.dialogs import ask
from portal_desktop.ui.i18n import tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.picker.model import FoundModels, facts_text
from portal_desktop.ui.picker.popup import ModelPicker
from portal_desktop.ui.places import Places
from portal_desktop.ui.shortcuts import bind
from portal_desktop.ui.spawn import Spawn
from portal_desktop.ui.transcript.message import Action, TranscriptMessage
from portal_desktop.ui.transcript.view import TranscriptView

NEW_DRAFT = "chat/draft"
THINKING = "chat/thinking"
"""Whether the reader likes reasoning open ("open") or closed, kept with the places."""


class ChatPanel(QWidget):
    """Shows whatever conversation its model has open."""

    conversation_opened = Signal(object)
    own_window_wanted = Signal(int)
    delete_wanted = Signal(int)
    tasks_wanted = Signal()
    sidebar_wanted = Signal()

    def __init__(
        self,
        look: Look,
        view: TranscriptView,
        *,
        model: ChatModel,
        history: History,
        found: FoundModels,
        settings: Settings,
        places: Places,
        spawn: Spawn,
        toast: Toast,
        add_server: Callable[[], object] | None = None,
    ) -> None:
        super().__init__()
        self.setAccessibleName(tr("Chat"))
        self.model = model
        self._history = history
        self._found = found
        self.choice = ModelChoice(found, settings, places)
        self._places = places
        self._spawn = spawn
        self._toast = toast
        self._look = look
        self._edits = 0
        self._shown: int | None = None
        self.header = ChatHeader(look, self._entries)
        self.view = view
        self.welcome = Welcome(look, found, add_server)
        self.phase = PhaseLine(look, model.moments)
        self.composer = Composer(look)
        if history.read_only:
            self.composer.lock(tr("Opened read-only: nothing can be sent"))
        self._add_server = add_server
        self._picker: ModelPicker | None = None
        self._lay_out(look)
        self._connect(look)
        self._unsubscribe = settings.subscribe(lambda _setting: self._show_model())
        self._bind()
        self._show_opened()

    def _lay_out(self, look: Look) -> None:
        self.stack = QStackedWidget()
        self.stack.addWidget(self.welcome)
        self.stack.addWidget(self.view)
        foot = Column(look, overhang=8)
        foot.column.setContentsMargins(0, 6, 0, 10)
        phase = Column(look)
        phase.column.addWidget(self.phase)
        foot.column.addWidget(self.composer)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self.stack, 1)
        column.addWidget(phase)
        column.addWidget(foot)
        self._columns = (phase, foot)
        self.view.verticalScrollBar().rangeChanged.connect(lambda _least, _most: self._align())

    def _connect(self, look: Look) -> None:
        model, view, composer = self.model, self.view, self.composer
        model.opened.connect(self._show_opened)
        model.message_changed.connect(self._message_changed)
        model.removed_from.connect(view.remove_from)
        model.older_loaded.connect(view.prepend)
        model.phase_changed.connect(self._show_phase)
        model.header_changed.connect(self._show_header)
        view.olderWanted.connect(lambda: self._spawn.start(model.load_older(), "load older messages"))
        view.actionTriggered.connect(self._act)
        view.linkActivated.connect(self._open_link)
        view.thinkingToggled.connect(self._thinking_toggled)
        composer.submitted.connect(self._send)
        composer.edited.connect(self._edited)
        composer.recalled.connect(self.edit_last)
        composer.model_wanted.connect(self.choose_model)
        self.welcome.suggested.connect(self._suggested)
        self.phase.stop_wanted.connect(self.stop)
        self.phase.patience_given.connect(model.keep_waiting)
        self.header.renamed.connect(self._rename)
        self.header.mode_chosen.connect(self._mode_chosen)
        self.header.sidebar_wanted.connect(self.sidebar_wanted)
        self._found.changed.connect(self._show_model)
        look.changed.connect(self._draw)

    def _draw(self) -> None:
        self.view.set_theme(self._look.theme)

    def _bind(self) -> None:
        bind(self, "chat.stop", self._escape, inside=True)
        for command, run in {
            "chat.focus_input": self.focus_input,
            "chat.models": self.choose_model,
            "chat.mode": self._switch_mode,
            "chat.thinking": self.composer.switch_thinking,
            "chat.regenerate": self.regenerate,
            "chat.copy_last": self.copy_last,
            "chat.pin": self._pin,
            "chat.delete": self._delete,
            "chat.own_window": self._own_window,
            "approval.allow": lambda: self.model.decide_open(Decision.ALLOW),
            "approval.deny": lambda: self.model.decide_open(Decision.DENY),
        }.items():
            bind(self, command, run)

    @property
    def picker(self) -> ModelPicker:
        """The list of models, made when it is first wanted."""
        if self._picker is None:
            self._picker = ModelPicker(self._look, self._found, self, can_add=self._add_server is not None)
            self._picker.chosen.connect(self._model_chosen)
            if self._add_server is not None:
                self._picker.add_wanted.connect(self._add_server)
        return self._picker

    def focus_input(self) -> None:
        """Put the cursor into the composer."""
        self.composer.field.setFocus()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Hand the focus on to where one writes."""
        super().focusInEvent(event)
        self.focus_input()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let the composer grow to a third of the height."""
        super().resizeEvent(event)
        self.composer.set_ceiling(max(44, self.height() // 3 - 70))
        self.welcome.arrange(self.width())
        self.header.set_narrow(narrow=self.width() < self._look.theme.px(NARROW))

    async def open(self, conversation_id: int | None, message_id: int = 0) -> None:
        """Show a conversation, at a message when one is given."""
        await self.save()
        await self.model.open(conversation_id)
        if message_id and await self.model.load_until(message_id):
            self.view.show_message(message_id)
        self.focus_input()

    async def save(self) -> None:
        """Save the reader's place in the conversation that is shown."""
        if self._shown is not None:
            await self.model.keep_scroll(self._shown, self.view.position())

    async def leave(self) -> None:
        """Save place and draft and stop listening."""
        self._unsubscribe()
        await self.save()
        await self.model.close()

    def add_text(self, text: str) -> None:
        """Put a text behind what is being written."""
        here = self.composer.text
        self.composer.set_text(f"{here.rstrip()}\n\n{text}" if here.strip() else text)
        self.focus_input()

    def effective_model(self) -> str:
        """Return the model the next message goes to."""
        return self.choice.effective(self.model.conversation)

    def choose_model(self) -> None:
        """Open the picker."""
        self.picker.open_above(self.composer.model, self.effective_model())

    def stop(self) -> None:
        """Stop the running answer."""
        self._spawn.start(self.model.stop(), "stop the answer")

    def regenerate(self) -> None:
        """Answer the last message again."""
        last = self.model.last_of(Role.ASSISTANT)
        if last is not None and not self.model.running:
            self._spawn.start(self.model.regenerate(last.id, self.effective_model()), "answer again")

    def copy_last(self) -> None:
        """Put the last answer on the clipboard."""
        last = self.model.last_of(Role.ASSISTANT)
        if last is not None:
            QGuiApplication.clipboard().setText("".join(part.text for part in last.parts if isinstance(part, Text)))
            self._toast.say(tr("The answer is on the clipboard"))

    def edit_last(self) -> None:
        """Put the user's last message back into the composer; sending it makes another branch."""
        last = self.model.last_of(Role.USER)
        if last is not None:
            self._edit(last)

    def _edit(self, message: TranscriptMessage) -> None:
        self._edits = message.id
        self.composer.set_text("".join(part.text for part in message.parts if isinstance(part, Text)))
        self.focus_input()
        self._toast.say(tr("Editing your message. Esc leaves it as it was."))

    def _escape(self) -> None:
        if self._edits:
            self._edits = 0
            self.composer.set_text("")
            self._toast.hide()
        elif self.model.running:
            self.stop()

    def _send(self, text: str) -> None:
        model, edits = self.effective_model(), self._edits
        if not model:
            self.choose_model()
            return
        self._edits = 0
        self.composer.set_busy(busy=True)
        self._spawn.start(self._deliver(text, model, edits), "send")

    async def _deliver(self, text: str, model: str, edits: int) -> None:
        """Send; the text stays in the composer until it is stored."""
        try:
            reasoning = self.composer.reasoning
            await self.model.send(text, model=model, mode=self._mode(), reasoning=reasoning, edits=edits)
        except BaseException:
            self._edits = edits
            self.composer.set_busy(busy=self.model.running)
            raise
        self.choice.used(model)
        self._places.set_text(NEW_DRAFT, "")
        self.composer.set_text("")

    def _mode(self) -> Mode:
        return self.choice.mode(self.model.conversation)

    def _edited(self, text: str) -> None:
        if self.model.conversation_id is None:
            self._places.set_text(NEW_DRAFT, text)
        elif not self._edits:
            self.model.keep_draft(text)

    def _suggested(self, message: str) -> None:
        self.composer.set_text(message)
        self.focus_input()

    def _show_opened(self) -> None:
        conversation = self.model.conversation
        self.choice.picked, self._edits = "", 0
        self._shown = self.model.conversation_id
        messages = self.model.messages()
        self.view.set_thinking_open(is_open=self._places.text(THINKING) == "open")
        self.view.set_messages(messages, conversation.scroll if conversation else "")
        self.composer.set_text(conversation.draft if conversation else self._places.text(NEW_DRAFT))
        self._show_header()
        self._show_phase()
        self._show_page()
        self.conversation_opened.emit(self.model.conversation_id)

    def _show_page(self) -> None:
        self.stack.setCurrentWidget(self.view if self.model.messages() else self.welcome)
        self._align()

    def _align(self) -> None:
        """Keep the composer in line with the text above it, whose scroll bar takes room of its own."""
        bar = self.view.verticalScrollBar()
        scrolls = self.stack.currentWidget() is self.view and bar.maximum() > bar.minimum()
        for column in self._columns:
            column.set_trailing(bar.sizeHint().width() if scrolls else 0)

    def _message_changed(self, message: TranscriptMessage, own: bool) -> None:
        self.view.apply(message, own=own)
        self._show_page()

    def _show_phase(self) -> None:
        self.phase.set_phase(self.model.phase)
        self.composer.set_busy(busy=self.model.running)

    def _show_header(self) -> None:
        conversation = self.model.conversation
        if conversation is not None and self._shown is None:
            self._shown = conversation.id
            self.conversation_opened.emit(conversation.id)
        title = (conversation.title if conversation else "") or tr("New chat")
        self.header.show_title(title, can_rename=conversation is not None)
        self.header.show_mode(self._mode())
        self.header.more.setVisible(conversation is not None)
        self._show_model()

    def _show_model(self) -> None:
        full_id = self.effective_model()
        facts = self._found.facts(full_id)
        self.header.show_endpoint(self._found.endpoint_of(full_id) if full_id else None)
        name = facts.name or facts.id if facts else full_id.partition("/")[2]
        self.composer.set_model(name, facts_text(facts) if facts else "")
        wanted = self.choice.thinking() if self.composer.thinking.isHidden() else self.composer.reasoning
        self.composer.set_thinking(possible=bool(facts and facts.thinking), chosen=wanted)
        self.composer.set_longest(self.choice.longest())
        if self.choice.to_learn(full_id, facts):
            self._spawn.start(self._found.learn(full_id), "ask for the model's facts")

    def _model_chosen(self, full_id: str) -> None:
        self.choice.used(full_id)
        if self.model.conversation_id is None:
            self.choice.picked = full_id
            self._show_model()
        else:
            self._spawn.start(self._history.set_model(self.model.conversation_id, full_id), "set the model")
        self.focus_input()

    def _mode_chosen(self, mode: Mode) -> None:
        if self.model.conversation_id is None:
            self.choice.new_mode = mode
            self.header.show_mode(mode)
        else:
            self._spawn.start(self._history.set_mode(self.model.conversation_id, mode), "set the mode")

    def _switch_mode(self) -> None:
        self._mode_chosen(Mode.CHAT if self._mode() is Mode.ACT else Mode.ACT)

    def _rename(self, title: str) -> None:
        if self.model.conversation_id is not None:
            self._spawn.start(self._history.rename(self.model.conversation_id, title), "rename the chat")

    def _pin(self) -> None:
        if conversation := self.model.conversation:
            self._spawn.start(self._history.pin(conversation.id, not conversation.pinned), "pin the chat")

    def _delete(self) -> None:
        if self.model.conversation_id is not None:
            self.delete_wanted.emit(self.model.conversation_id)

    def _own_window(self) -> None:
        if self.model.conversation_id is not None:
            self.own_window_wanted.emit(self.model.conversation_id)

    def _entries(self) -> Sequence[MenuEntry]:
        conversation = self.model.conversation
        pinned = conversation is not None and conversation.pinned
        return (
            MenuEntry(tr("Rename"), self.header.rename, "chat.rename"),
            MenuEntry(tr("Unpin") if pinned else tr("Pin"), self._pin, "chat.pin"),
            MenuEntry(tr("Open in own window"), self._own_window, "chat.own_window"),
            MenuEntry(),
            MenuEntry(tr("Answer again"), self.regenerate, "chat.regenerate"),
            MenuEntry(tr("Copy the last answer"), self.copy_last, "chat.copy_last"),
            MenuEntry(),
            MenuEntry(tr("Delete"), self._delete, "chat.delete"),
        )

    def _act(self, message_id: int, action: str, argument: str) -> None:
        """Do what was asked for inside the transcript."""
        model, spawn = self.model, self._spawn
        match Action(action):
            case Action.REGENERATE | Action.RETRY:
                spawn.start(model.regenerate(message_id, self.effective_model()), "answer again")
            case Action.CONTINUE:
                spawn.start(model.continue_answer(message_id, self.effective_model()), "continue the answer")
            case Action.KEEP:
                spawn.start(model.keep_answer(message_id), "keep the answer")
            case Action.EDIT:
                if (message := model.message(message_id)) is not None:
                    self._edit(message)
            case Action.SIBLING:
                spawn.start(model.choose_sibling(message_id, -1 if argument == "previous" else 1), "show a branch")
            case Action.ALLOW:
                model.decide(argument, Decision.ALLOW)
            case Action.ALLOW_CHAT:
                model.decide(argument, Decision.ALLOW, for_chat=True)
            case Action.DENY:
                model.decide(argument, Decision.DENY)
            case Action.OPEN_TASKS:
                self.tasks_wanted.emit()
            case Action.UNDO:
                spawn.start(self._undo(message_id, argument), "undo a call")
            case Action.OPEN_ATTACHMENT | Action.LOAD_IMAGE:
                pass

    async def _undo(self, message_id: int, call_id: str) -> None:
        """Take back what the turn of a call changed; all of it is one step, so say how much that was."""
        tasks = await self.model.undo(message_id, call_id)
        if len(tasks) == 1:
            self._toast.say(tr("Undone: “{title}”", title=tasks[0].title))
        elif tasks:
            self._toast.say(tr("All changes of this answer undone: {count} tasks", count=len(tasks)))

    def _thinking_toggled(self, is_open: bool) -> None:
        self._places.set_text(THINKING, "open" if is_open else "closed")
        self.view.set_thinking_open(is_open=is_open)

    def _open_link(self, address: QUrl, warning: str) -> None:
        """Open an address outside; one whose words and target differ is asked about first."""
        if not warning:
            QDesktopServices.openUrl(address)
            return
        self._spawn.start(self._confirm_link(address, warning), "ask about a link")

    async def _confirm_link(self, address: QUrl, warning: str) -> None:
        choice = await ask(self, tr("Open {address}?", address=address.toString()), warning, [tr("Open"), tr("Cancel")])
        if choice == tr("Open"):
            QDesktopServices.openUrl(address)
