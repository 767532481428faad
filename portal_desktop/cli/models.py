"""`portal models`: what is really there."""

from __future__ import annotations

import argparse

from portal_desktop.cli.choose import Chooser
from portal_desktop.cli.exits import Exit, exit_for
from portal_desktop.cli.output import Output
from portal_desktop.errors import ProviderError
from portal_desktop.providers.base import ModelFacts
from portal_desktop.providers.catalogue import Catalogue


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser.add_argument("--json", action="store_true", help="an array of models")


async def run(arguments: argparse.Namespace, output: Output, *, catalogue: Catalogue, chooser: Chooser) -> Exit:
    """List the models of every server that answers; a server that does not is named with its reason."""
    await chooser.look()
    listings = await catalogue.listings()
    models = [facts for listing in listings for facts in listing.models]
    if arguments.json:
        output.document([_fields(facts) for facts in models])
    else:
        output.table([_row(facts) for facts in models])
    for listing in listings:
        if listing.error is not None:
            output.aside(f"{listing.endpoint}: {listing.error.title}. {listing.error.advice}")
    failed = next((listing.error for listing in listings if listing.error is not None), None)
    if models:
        return Exit.COMPLETE
    if failed is not None:
        return exit_for(failed)
    if not chooser.has_servers():
        output.error(ProviderError("no_server"))
        return Exit.NOT_REACHABLE
    output.aside("No server has a model. Pull one, or put a model file into the models folder.")
    return Exit.COMPLETE


def _fields(facts: ModelFacts) -> dict[str, object]:
    return {
        "id": facts.full_id,
        "endpoint": facts.endpoint,
        "model": facts.id,
        "context_length": facts.context_length,
        "tools": facts.tools,
        "vision": facts.vision,
        "thinking": facts.thinking,
        "embedding": facts.embedding,
        "loaded": facts.loaded,
        "size_bytes": facts.size_bytes,
        "parameters": facts.parameters,
        "quantization": facts.quantization,
    }


def _row(facts: ModelFacts) -> list[str]:
    abilities = [
        word for word, has in (("tools", facts.tools), ("vision", facts.vision), ("thinking", facts.thinking)) if has
    ]
    size = f"{facts.size_bytes / 1e9:.1f} GB" if facts.size_bytes else ""
    context = f"{facts.context_length:,} tokens" if facts.context_length else ""
    return [facts.full_id, facts.parameters, facts.quantization, size, context, ", ".join(abilities)]
