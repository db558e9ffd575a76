"""Progress lines, on stderr: stdout holds the result alone."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    print(f"caft_export: {text}", file=sys.stderr, flush=True)
