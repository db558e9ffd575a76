"""Errors that reach the user as one line."""

from __future__ import annotations


class ExportError(Exception):
    """The request was understood and failed: exit code 1."""


class UsageError(Exception):
    """The request makes no sense: exit code 2."""


def one_line(error: BaseException, limit: int = 400) -> str:
    """The error's text on one line, cut after `limit` characters: libraries write paragraphs."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"
