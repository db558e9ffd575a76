"""caft's preprocessing specification, as `include/caft/image/preprocess.hpp` writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from caft_export.checks import choice_field, int_field, only_keys, triple_field
from caft_export.errors import ExportError

RESIZE_MODES = ("short_side", "exact")
INTERPOLATIONS = ("bilinear", "bicubic")
MAX_SIZE = 4096
_KEYS = (
    "resize_mode", "resize", "height", "width", "interpolation", "antialias", "mean", "std",
    "color", "exif_orientation",
)  # fmt: skip


@dataclass(frozen=True)
class Preprocessing:
    """Resize (antialiased), centre crop, scale to [0, 1], normalise. Sizes in pixels, RGB order."""

    resize_mode: str
    resize: int
    height: int
    width: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    exif_orientation: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "resize_mode": self.resize_mode,
            "resize": self.resize,
            "height": self.height,
            "width": self.width,
            "interpolation": self.interpolation,
            "antialias": True,
            "mean": list(self.mean),
            "std": list(self.std),
            "color": "RGB",
            "exif_orientation": self.exif_orientation,
        }

    def normalize(self, images: np.ndarray) -> np.ndarray:
        """u8 [N, H, W, 3] to f32 [N, 3, H, W]: (x / 255 - mean) / std."""
        scaled = images.astype(np.float32) / np.float32(255)
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        return np.ascontiguousarray(((scaled - mean) / std).transpose(0, 3, 1, 2))


def preprocessing_from_json(row: Mapping[str, Any], where: str) -> Preprocessing:
    """Every field is required, but those with one legal value, and exif_orientation."""
    only_keys(row, _KEYS, where)
    if row.get("antialias", True) is not True:
        raise ExportError(f"{where}: field 'antialias' must be true, caft always antialiases")
    if row.get("color", "RGB") != "RGB":
        raise ExportError(f"{where}: field 'color' must be RGB, caft knows no other order")
    exif = row.get("exif_orientation", False)
    if not isinstance(exif, bool):
        raise ExportError(f"{where}: field 'exif_orientation' must be true or false")
    return Preprocessing(
        resize_mode=choice_field(row, "resize_mode", where, RESIZE_MODES),
        resize=int_field(row, "resize", where, 1, MAX_SIZE),
        height=int_field(row, "height", where, 1, MAX_SIZE),
        width=int_field(row, "width", where, 1, MAX_SIZE),
        interpolation=choice_field(row, "interpolation", where, INTERPOLATIONS),
        mean=triple_field(row, "mean", where, positive=False),
        std=triple_field(row, "std", where, positive=True),
        exif_orientation=exif,
    )
