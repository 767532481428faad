"""Choosing a model: what was found, grouped by server, with the facts that are known."""
