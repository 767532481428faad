"""The one translation function. English texts are the keys; Qt holds the translators, so nothing is global here."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

CONTEXT = "portal"


def tr(text: str, /, **values: object) -> str:
    """Return the text in the user's language, its ``{placeholders}`` filled after the translation."""
    translated = QCoreApplication.translate(CONTEXT, text)
    return translated.format(**values) if values else translated


def plural(one: str, many: str, count: int, /, **values: object) -> str:
    """Return the form for a count; ``{count}`` is filled in. Languages with more forms translate `many` by number."""
    source = one if count == 1 else many
    return QCoreApplication.translate(CONTEXT, source, "", count).format(count=count, **values)
