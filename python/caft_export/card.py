"""The backbone card, written as `include/caft/zoo/card.hpp` reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caft_export.golden import FILE_NAME as GOLDEN
from caft_export.hashing import sha256_of
from caft_export.onnx_files import external_files
from caft_export.preprocessing import Preprocessing

FORMAT = "caft-card-1"
FILE_NAME = "card.json"


@dataclass
class Card:
    """What a card says beyond what its files say."""

    name: str
    family: str
    source: str
    weights: str
    weights_sha256: str  # empty: the ONNX file holds them, its own hash stands
    preprocessing: Preprocessing
    input: str
    output: str
    feature_dim: int
    params: int
    license: str
    extra: dict[str, Any] = field(default_factory=dict)


def write_card(folder: Path, onnx_name: str, card: Card) -> dict[str, Any]:
    """Hashes the files that lie in `folder` and writes card.json beside them; returns the card."""
    onnx_file = folder / onnx_name
    external = external_files(onnx_file)
    onnx_sha256 = sha256_of([onnx_file, *(folder / name for name in external)])
    document = {
        "format": FORMAT,
        "name": card.name,
        "family": card.family,
        "source": card.source,
        "weights": card.weights,
        "weights_sha256": card.weights_sha256 or onnx_sha256,
        "onnx": onnx_name,
        "external_data": external,
        "onnx_sha256": onnx_sha256,
        "golden": GOLDEN,
        "golden_sha256": sha256_of([folder / GOLDEN]),
        "preprocessing": card.preprocessing.to_json(),
        "input": card.input,
        "output": card.output,
        "feature_dim": card.feature_dim,
        "params": card.params,
        "license": card.license,
        **card.extra,
    }
    (folder / FILE_NAME).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return document
