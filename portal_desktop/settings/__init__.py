"""Every setting of the product, declared once: window, command line, documentation and tests come from here.

Use: ``from portal_desktop.settings import Settings, declared`` and ``settings.get(declared.MAX_ROUNDS)``.

The names are looked up when they are first asked for: the first picture of the window needs the environment only, and
the declarations cost a tenth of the time to it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_HOMES = {
    "BY_ID": "declared",
    "SETTINGS": "declared",
    "AdminFileWatcher": "watch",
    "Environment": "environment",
    "Origin": "setting",
    "Scope": "setting",
    "Setting": "setting",
    "Settings": "values",
    "SettingsStore": "values",
}


def __getattr__(name: str) -> object:
    """Import the module that has the name."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"portal_desktop.settings.{_HOMES[name]}"), name)
