"""The settings window: what is changed there holds at once and after a restart."""

from __future__ import annotations

import asyncio

import pytest
from PySide6.QtWidgets import QCheckBox, QComboBox, QSpinBox

from portal_desktop.settings import declared
from portal_desktop.ui.settings.pages import pages
from portal_desktop.ui.settings.panel import SettingsPanel
from portal_desktop.ui.settings.servers import slug
from tests.support.desk import Windows, until

pytestmark = [pytest.mark.gui, pytest.mark.qt_log_ignore("This plugin does not support")]


async def opened(windows: Windows) -> SettingsPanel:
    windows.rooms.open_settings()
    await asyncio.sleep(0)
    panel = windows.rooms._settings
    assert panel is not None
    return panel


async def test_every_field_sets_its_setting(windows: Windows) -> None:
    panel = await opened(windows)
    settings = windows.core.settings
    for page in pages():
        panel.show_page(page.id)
        await asyncio.sleep(0)
    for setting_id, card in panel.fields.items():
        before = settings.get(card.setting)
        control = card.control
        if isinstance(control, QCheckBox):
            control.toggle()
        elif isinstance(control, QComboBox):
            control.setCurrentIndex((control.currentIndex() + 1) % control.count())
        else:
            assert isinstance(control, QSpinBox)
            control.setValue(control.value() + 1)
        await until(lambda card=card, before=before: settings.get(card.setting) != before)
        assert control.accessibleName(), setting_id


async def test_change_made_elsewhere_shows_in_the_field(windows: Windows) -> None:
    panel = await opened(windows)
    panel.show_page("privacy")
    box = panel.fields["privacy.local_only"].control
    assert isinstance(box, QCheckBox)
    await windows.core.settings.set(declared.LOCAL_ONLY, value=True)
    assert box.isChecked()
    await until(windows.window.rail._lock.isChecked)


async def test_server_added_is_listed_tested_and_removed(windows: Windows) -> None:
    panel = await opened(windows)
    form = panel.servers.form
    form.unfold()
    form.name.setText("My server")
    form.address.setText("127.0.0.1:9")
    form.add.click()
    await until(lambda: "my-server" in panel.servers.cards)
    card = panel.servers.cards["my-server"]
    await until(lambda: "not running" in panel.servers.cards["my-server"].fact.text())
    assert card.endpoint.base_url.startswith("http://127.0.0.1:9")
    panel.servers.cards["my-server"].remove.click()
    await until(lambda: "my-server" not in panel.servers.cards)


async def test_bad_address_is_told_and_the_form_keeps_its_words(windows: Windows) -> None:
    panel = await opened(windows)
    form = panel.servers.form
    form.unfold()
    form.address.setText("ftp://nowhere")
    form.add.click()
    window = windows.rooms.windows()[0]
    await until(window.error_card.isVisible)
    assert form.address.text() == "ftp://nowhere"


def test_pages_fields_are_declared_once() -> None:
    ids = [setting.id for page in pages() for setting in page.fields]
    assert len(ids) == len(set(ids))


def test_slug_is_unique_and_plain() -> None:
    assert slug("My Server!", set()) == "my-server"
    assert slug("My Server!", {"my-server"}) == "my-server-2"
    assert slug("…", set()) == "server"
