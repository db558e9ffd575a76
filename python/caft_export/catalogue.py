"""Catalogue entries: rows of `src/zoo/catalogue.json`, which the C++ library embeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caft_export.checks import (
    check_name,
    choice_field,
    int_field,
    only_keys,
    parse_object,
    read_object,
    text_field,
    triple_field,
)
from caft_export.errors import ExportError
from caft_export.preprocessing import INTERPOLATIONS, MAX_SIZE, RESIZE_MODES, Preprocessing

FORMAT = "caft-catalogue-1"
_KEYS = (
    "name", "family", "feature_dim", "image_size", "params", "mean", "std", "interpolation",
    "resize", "resize_mode", "source", "license",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """What caft knows of a backbone before it is exported."""

    name: str
    family: str
    feature_dim: int
    params: int  # of the frozen part: the network without its classifier
    preprocessing: Preprocessing  # of the default weights
    source: str
    license: str

    def to_json(self) -> dict[str, Any]:
        p = self.preprocessing
        return {
            "name": self.name,
            "family": self.family,
            "feature_dim": self.feature_dim,
            "image_size": p.height,
            "params": self.params,
            "mean": list(p.mean),
            "std": list(p.std),
            "interpolation": p.interpolation,
            "resize": p.resize,
            "resize_mode": p.resize_mode,
            "source": self.source,
            "license": self.license,
        }


def entry_from_row(row: Mapping[str, Any], where: str) -> Entry:
    only_keys(row, _KEYS, where)
    size = int_field(row, "image_size", where, 1, MAX_SIZE)
    return Entry(
        name=check_name(text_field(row, "name", where), where),
        family=text_field(row, "family", where),
        feature_dim=int_field(row, "feature_dim", where, 1, 1 << 24),
        params=int_field(row, "params", where, 1, 1 << 40),
        preprocessing=Preprocessing(
            resize_mode=choice_field(row, "resize_mode", where, RESIZE_MODES),
            resize=int_field(row, "resize", where, 1, MAX_SIZE),
            height=size,
            width=size,
            interpolation=choice_field(row, "interpolation", where, INTERPOLATIONS),
            mean=triple_field(row, "mean", where, positive=False),
            std=triple_field(row, "std", where, positive=True),
        ),
        source=text_field(row, "source", where),
        license=text_field(row, "license", where),
    )


def entry_from_json(text: str) -> Entry:
    """An entry from `--entry-json`."""
    return entry_from_row(parse_object(text, "--entry-json"), "--entry-json")


def read_catalogue(file: Path) -> list[Entry]:
    document = read_object(file)
    if document.get("format") != FORMAT:
        raise ExportError(f"{file}: field 'format' must be {FORMAT}")
    rows = document.get("backbones")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ExportError(f"{file}: field 'backbones' must be a list of objects")
    entries = [entry_from_row(row, f"{file}: backbone {i}") for i, row in enumerate(rows)]
    if len({entry.name for entry in entries}) != len(entries):
        raise ExportError(f"{file}: two backbones have one name")
    return entries
