"""The golden sample: seeded images and the features that every engine must reproduce."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save

from caft_export.errors import ExportError

COUNT = 8
FILE_NAME = "golden.safetensors"


def golden_images(height: int, width: int, seed: int = 0) -> np.ndarray:
    """u8 [8, height, width, 3]: colour gradients, coloured blobs and some noise.

    Smooth structure survives a backbone's pooling where plain noise averages out, so the rows'
    features differ; every channel has its own gradient, so a swapped channel order is noticed.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[0 : 1 : complex(0, height), 0 : 1 : complex(0, width)].astype(np.float32)
    images = np.empty((COUNT, height, width, 3), np.uint8)
    for image in images:
        angle = random.uniform(0, 2 * np.pi, 3)
        canvas = (
            random.uniform(40, 180, 3)
            + random.uniform(30, 90, 3) * (x[..., None] - 0.5) * np.cos(angle)
            + random.uniform(30, 90, 3) * (y[..., None] - 0.5) * np.sin(angle)
        )
        for _ in range(6):
            centre_y, centre_x = random.uniform(0, 1, 2)
            radius = random.uniform(0.04, 0.25)
            squared = (y - centre_y) ** 2 + (x - centre_x) ** 2
            canvas += np.exp(-squared / (2 * radius**2))[..., None] * random.uniform(-130, 130, 3)
        canvas += random.normal(0, 8, canvas.shape)
        image[:] = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
    return images


def check_features(features: np.ndarray, where: str) -> None:
    """Refuses features that cannot serve: not finite, vanishing, or alike for every image."""
    if not np.isfinite(features).all():
        raise ExportError(f"{where}: the features hold values that are not finite")
    scale = rms(features)
    if scale < 1e-6:
        raise ExportError(f"{where}: the features vanish (root mean square {scale:.1e})")
    spread = rms(features - features.mean(axis=0))
    if spread < 0.01 * scale:
        raise ExportError(
            f"{where}: the features are alike for every image "
            f"(their differences are {spread / scale:.1e} of their size)"
        )


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def save_golden(folder: Path, images: np.ndarray, features: np.ndarray) -> Path:
    """Writes images u8 [8, H, W, 3] and features f32 [8, D]."""
    file = folder / FILE_NAME
    tensors = {"images": np.ascontiguousarray(images), "features": np.ascontiguousarray(features)}
    file.write_bytes(save(tensors))
    return file
