"""Conversations as the faces see them: turns that run and write themselves through, and the history."""
