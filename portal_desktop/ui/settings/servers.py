"""Model servers as cards: a state dot, a line of fact and advice, at most two buttons; and a form for more."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from portal_desktop.credentials import Credentials, Secret
from portal_desktop.providers.base import Endpoint, ProviderKind
from portal_desktop.providers.catalogue import Catalogue, Listing
from portal_desktop.providers.registry import Providers
from portal_desktop.ui.controls import Dot, icon_button, named, push_button
from portal_desktop.ui.dialogs import plain_label
from portal_desktop.ui.i18n import plural, tr
from portal_desktop.ui.look import Look
from portal_desktop.ui.picker.model import FoundModels
from portal_desktop.ui.settings.cards import FoldingCard
from portal_desktop.ui.spawn import Spawn

KINDS = (
    (ProviderKind.OPENAI, "OpenAI-compatible"),
    (ProviderKind.OLLAMA, "Ollama"),
    (ProviderKind.LMSTUDIO, "LM Studio"),
)


def slug(name: str, taken: set[str]) -> str:
    """Return an id for a server's name that no other server has."""
    base = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:48] or "server"
    number, wanted = 2, base
    while wanted in taken:
        wanted, number = f"{base}-{number}", number + 1
    return wanted


class ServerCard(FoldingCard):
    """One server as it was last heard."""

    def __init__(self, look: Look, endpoint: Endpoint, listing: Listing | None) -> None:
        super().__init__()
        self.endpoint = endpoint
        name = endpoint.name
        self.test = push_button(tr("Test"), lambda: None, name=tr("Test {name}", name=name))
        self.remove = push_button(tr("Remove"), lambda: None, name=tr("Remove {name}", name=name))
        heard = listing is not None and listing.error is None
        dot = Dot(look, "accent" if heard else "warn" if listing and listing.error else "muted", hollow=listing is None)
        found = plain_label(tr("found by itself") if endpoint.discovered else "")
        found.setProperty("chip", "ok")
        self.fact = plain_label(self._fact(listing), role="muted", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(plain_label(name, role="strong"))
        words.addWidget(self.fact)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(dot)
        head.addLayout(words, 1)
        tail = QWidget()
        row = QHBoxLayout(tail)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for widget in (found, self.test, self.remove):
            row.addWidget(widget)
        self.remove.setVisible(not endpoint.discovered and endpoint.kind is not ProviderKind.ENGINE)
        found.setVisible(endpoint.discovered)
        self.fill_row(head, tail)

    def _fact(self, listing: Listing | None) -> str:
        address = self.endpoint.base_url.partition("://")[2]
        if listing is None:
            return tr("{address} · not asked yet", address=address)
        if listing.error is not None:
            return f"{address} · {listing.error.title}. {listing.error.advice}"
        models = plural("{count} model", "{count} models", len(listing.models))
        if self.endpoint.kind is ProviderKind.ENGINE:
            return tr("{models} · put GGUF files into the models folder", models=models)
        return f"{address} · {models}"


class AddServer(QFrame):
    """The form for another server. Its key goes to the keyring, never into the settings."""

    submitted = Signal(dict, str)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setProperty("frame", "card")
        self.kind = QComboBox()
        self.kind.addItems([title for _, title in KINDS])
        named(self.kind, tr("Kind of server"))
        self.name = QLineEdit()
        named(self.name, tr("Name of the server"))
        self.address = QLineEdit()
        self.address.setPlaceholderText("http://127.0.0.1:8080")
        named(self.address, tr("Address of the server"))
        self.key = QLineEdit()
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.key.setPlaceholderText(tr("only where the server wants one"))
        named(self.key, tr("Key of the server"))
        self._form = QWidget()
        form = QFormLayout(self._form)
        form.setContentsMargins(0, 4, 0, 0)
        form.setSpacing(8)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for text, field in (
            (tr("Kind"), self.kind),
            (tr("Name"), self.name),
            (tr("Address"), self.address),
            (tr("Key"), self.key),
        ):
            form.addRow(plain_label(text, role="muted"), field)
        self.add = push_button(tr("Add and test"), self._submit, kind="primary")
        cancel = push_button(tr("Cancel"), self.fold)
        buttons = QHBoxLayout()
        buttons.addWidget(self.add)
        buttons.addWidget(cancel)
        buttons.addStretch(1)
        form.addRow(buttons)
        self.opener = push_button(tr("Add a server"), self.unfold, kind="row")
        plus = icon_button(look, "plus", tr("Add a server"), self.unfold)
        plus.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        top = QHBoxLayout()
        top.setSpacing(2)
        top.addWidget(plus)
        top.addWidget(self.opener, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 16, 8)
        column.addLayout(top)
        column.addWidget(self._form)
        self.address.returnPressed.connect(self._submit)
        self.fold()

    def unfold(self) -> None:
        """Open the form."""
        self._form.show()
        self.name.setFocus()

    def fold(self) -> None:
        """Close and empty the form."""
        for field in (self.name, self.address, self.key):
            field.clear()
        self._form.hide()

    def _submit(self) -> None:
        kind = KINDS[self.kind.currentIndex()][0]
        name = self.name.text().strip() or self.address.text().strip()
        entry = {"kind": kind.value, "name": name, "base_url": self.address.text().strip()}
        self.submitted.emit(entry, self.key.text())


class Servers(QWidget):
    """All servers. What a test says stands in the card."""

    def __init__(
        self,
        look: Look,
        *,
        providers: Providers,
        catalogue: Catalogue,
        credentials: Credentials,
        found: FoundModels,
        spawn: Spawn,
    ) -> None:
        super().__init__()
        self._look = look
        self._providers = providers
        self._catalogue = catalogue
        self._credentials = credentials
        self._found = found
        self._spawn = spawn
        self.cards: dict[str, ServerCard] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(10)
        self.form = AddServer(look)
        self.form.submitted.connect(self._submitted)
        self._column.addWidget(self.form)
        found.changed.connect(self.fill)
        self.fill()

    def fill(self) -> None:
        """Show every server there is now."""
        for card in self.cards.values():
            card.setParent(None)
            card.deleteLater()
        listings = {listing.endpoint: listing for listing in self._found.listings()}
        self.cards = {}
        for endpoint in self._providers.endpoints():
            listing = listings.get(endpoint.id)
            card = ServerCard(self._look, endpoint, listing)
            card.test.clicked.connect(self._doing(self._test, endpoint))
            card.remove.clicked.connect(self._doing(self._remove, endpoint))
            self.cards[endpoint.id] = card
            self._column.insertWidget(len(self.cards) - 1, card)

    def _doing(self, run: Callable[[Endpoint], None], endpoint: Endpoint) -> Callable[[], None]:
        return lambda: run(endpoint)

    def _test(self, endpoint: Endpoint) -> None:
        self.cards[endpoint.id].fact.setText(tr("Asking {name}…", name=endpoint.name))
        self._catalogue.invalidate(endpoint.id)
        self._spawn.start(self._ask(), "test a server")

    async def _ask(self) -> None:
        await self._catalogue.models()
        self.fill()

    def _remove(self, endpoint: Endpoint) -> None:
        self._spawn.start(self._forget(endpoint), "remove a server")

    async def _forget(self, endpoint: Endpoint) -> None:
        await self._providers.remove(endpoint.id)
        if endpoint.credential:
            await self._credentials.delete(endpoint.credential)
        await self._ask()

    def _submitted(self, entry: dict[str, str], key: str) -> None:
        self._spawn.start(self._add(entry, key), "add a server")

    async def _add(self, entry: dict[str, str], key: str) -> None:
        taken = {endpoint.id for endpoint in self._providers.endpoints()}
        entry = {**entry, "id": slug(entry["name"], taken), "credential": ""}
        if key:
            entry["credential"] = f"endpoint-{entry['id']}"
        endpoint = await self._providers.add(entry)
        if key:
            await self._credentials.set(endpoint.credential, Secret(key))
        self.form.fold()
        await self._ask()
