"""Checks of JSON from outside: one error line that names the place and the field."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from caft_export.errors import ExportError

NAME_RULE = "small letters, digits, '_', '.' and '-', not starting with a dot, at most 64"


def check_name(name: str, where: str) -> str:
    if not re.fullmatch(r"(?!\.)[a-z0-9_.-]{1,64}", name):
        raise ExportError(f"{where}: the name {name!r} is not made of {NAME_RULE}")
    return name


def parse_object(text: str, where: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        value = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{where} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ExportError(f"{where} holds no JSON object")
    return value


def read_object(file: Path, limit: int = 1 << 20) -> dict[str, Any]:
    """A JSON object from a file of at most `limit` bytes."""
    try:
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise ExportError(f"{file} is larger than {limit} bytes")
        return parse_object(data.decode("utf-8"), str(file))
    except UnicodeDecodeError:
        raise ExportError(f"{file} is not UTF-8") from None
    except OSError as error:
        raise ExportError(f"cannot read {file}: {error.strerror}") from None


def only_keys(row: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in row:
        if key not in known:
            raise ExportError(f"{where}: unknown field {key!r}")


def text_field(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > 500:
        raise ExportError(f"{where}: field {key!r} must be a line of text")
    return value


def int_field(row: Mapping[str, Any], key: str, where: str, low: int, high: int) -> int:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ExportError(f"{where}: field {key!r} must be a whole number from {low} to {high}")
    return value


def choice_field(row: Mapping[str, Any], key: str, where: str, choices: tuple[str, ...]) -> str:
    value = row.get(key)
    if value not in choices:
        raise ExportError(f"{where}: field {key!r} must be one of {', '.join(choices)}")
    return str(value)


def triple_field(
    row: Mapping[str, Any], key: str, where: str, *, positive: bool
) -> tuple[float, float, float]:
    """Three finite numbers, one a channel; `positive` for divisors."""
    value = row.get(key)
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise ExportError(f"{where}: field {key!r} must hold three numbers")
    for number in value:
        good = isinstance(number, (int, float)) and not isinstance(number, bool)
        if not good or not math.isfinite(number) or abs(number) > 1000:
            raise ExportError(f"{where}: field {key!r} must hold three numbers within ±1000")
        if positive and number < 1e-6:
            raise ExportError(f"{where}: field {key!r} must hold numbers above zero")
    return float(value[0]), float(value[1]), float(value[2])
