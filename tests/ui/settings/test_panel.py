"""The settings window: what is changed there holds at once and after a restart."""

from __future__ import annotations

import asyncio

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QAbstractButton, QApplication, QCheckBox, QComboBox, QScrollArea, QSpinBox, QWidget

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


async def test_narrow_window_cuts_no_card_and_scrolls_only_down(windows: Windows) -> None:
    panel = await opened(windows)
    panel.window().resize(480, 700)
    panel.servers.form.unfold()
    for page in pages():
        panel.show_page(page.id)
        await until(lambda: panel.width() == 480)
        QApplication.processEvents()
        area = panel._stack.currentWidget()
        assert isinstance(area, QScrollArea)
        right = area.viewport().mapToGlobal(QPoint(area.viewport().width(), 0)).x()
        shown = [each for each in area.widget().findChildren(QWidget) if each.isVisible()]
        assert len(shown) > 3
        for widget in shown:
            end = widget.mapToGlobal(QPoint(widget.width(), 0)).x()
            assert end <= right, (page.id, widget, widget.accessibleName())
            if isinstance(widget, QAbstractButton | QComboBox):
                assert widget.width() >= widget.minimumSizeHint().width(), widget.accessibleName()
    panel.show_page("tools")
    assert panel.fields["chat.default_mode"].folded
    panel.window().resize(980, 700)
    await until(lambda: not panel.fields["chat.default_mode"].folded)
