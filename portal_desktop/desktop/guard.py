"""Says why this interpreter or this Qt cannot run the window, before anything that would crash is imported.

Kept free of newer syntax and of every other module, so that an old interpreter can still read it.
"""

from __future__ import annotations

OLDEST_PYTHON = (3, 11)
CRASHING_QT = "6.12.0"
SAFE_PYTHON_FOR_CRASHING_QT = (3, 12)


def refusal(python: tuple[int, int], pyside: str) -> str:
    """Return one plain sentence for the user, or "" when everything fits.

    PySide6 6.12.0 gives back one reference to None too many on each call, which ends CPython 3.11 after a while.
    """
    if python < OLDEST_PYTHON:
        return f"Portal Desktop needs Python 3.11 or newer; this is Python {python[0]}.{python[1]}."
    if pyside == CRASHING_QT and python < SAFE_PYTHON_FOR_CRASHING_QT:
        return (
            f"PySide6 {CRASHING_QT} crashes Python {python[0]}.{python[1]}; "
            "install PySide6 6.11.3 or use Python 3.12 or newer."
        )
    return ""
