"""Every setting of the product, declared once: window, command line, documentation and tests come from here.

Use: ``from portal_desktop.settings import Settings, declared`` and ``settings.get(declared.MAX_ROUNDS)``.
"""

from __future__ import annotations

from portal_desktop.settings.declared import BY_ID, SETTINGS
from portal_desktop.settings.environment import Environment
from portal_desktop.settings.setting import Origin, Scope, Setting
from portal_desktop.settings.values import Settings, SettingsStore
from portal_desktop.settings.watch import AdminFileWatcher

__all__ = [
    "BY_ID",
    "SETTINGS",
    "AdminFileWatcher",
    "Environment",
    "Origin",
    "Scope",
    "Setting",
    "Settings",
    "SettingsStore",
]
