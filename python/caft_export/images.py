"""Real images for re-estimating batch-norm statistics, preprocessed as caft does."""

from __future__ import annotations

import importlib.util
import random
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from caft_export.errors import ExportError
from caft_export.preprocessing import Preprocessing

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


def elpv_data_folder() -> Path | None:
    """The data folder of the elpv_dataset package, found without importing it."""
    spec = importlib.util.find_spec("elpv_dataset")
    if spec is None or not spec.submodule_search_locations:
        return None
    data = Path(spec.submodule_search_locations[0]) / "data"
    return data if (data / "labels.csv").is_file() else None


def calibration_files(folder: Path | None, count: int, seed: int) -> list[Path]:
    """At most `count` image files below `folder`, the same ones for one seed; by default ELPV's."""
    if folder is None:
        data = elpv_data_folder()
        if data is None:
            raise ExportError(
                "random weights need real images for their batch-norm statistics: give "
                "--calibration-images DIR, or install the elpv-dataset package"
            )
        folder = data / "images"
    if not folder.is_dir():
        raise ExportError(f"--calibration-images: {folder} is not a folder")
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
    if len(files) < 2:
        raise ExportError(f"--calibration-images: {folder} holds fewer than two images")
    random.Random(seed).shuffle(files)
    return files[:count]


def load_image(file: Path, spec: Preprocessing) -> np.ndarray:
    """One image as u8 [height, width, 3], resized and cropped as the specification says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as opened:
                image = opened.convert("RGB")
    except (OSError, ValueError, Warning, Image.DecompressionBombError) as error:
        raise ExportError(f"cannot read the image {file}: {error}") from None
    interpolation = _FILTERS[spec.interpolation]
    if spec.resize_mode == "exact":
        return np.asarray(image.resize((spec.width, spec.height), interpolation))
    width, height = image.size
    short, long = min(width, height), max(width, height)
    long = int(spec.resize * long / short)  # truncated, as torchvision's Resize does
    size = (spec.resize, long) if width <= height else (long, spec.resize)
    image = image.resize(size, interpolation)
    left = round((image.width - spec.width) / 2.0)
    top = round((image.height - spec.height) / 2.0)
    # A crop that reaches beyond the image is filled with zeros, as CenterCrop does.
    return np.asarray(image.crop((left, top, left + spec.width, top + spec.height)))
