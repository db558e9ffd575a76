"""Is the ONNX file the same function as the PyTorch module?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from caft_export.errors import ExportError, one_line
from caft_export.golden import rms

BATCHES = (1, 3, 5)
MIN_COSINE = 0.9999
MAX_DIFFERENCE = 1e-3  # of the features' root mean square


class OnnxRunner:
    """Runs an ONNX file with ONNX Runtime on the CPU."""

    def __init__(self, file: Path, input_name: str, output_name: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no public base
            raise ExportError(
                f"ONNX Runtime cannot load {file.name}: {one_line(error, 240)}"
            ) from None
        self._input, self._output = input_name, output_name

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """images f32 [N, 3, H, W] to features [N, D]."""
        try:
            (features,) = self._session.run([self._output], {self._input: images})
        except Exception as error:
            raise ExportError(
                f"the ONNX file fails on a batch of {len(images)}: {one_line(error, 240)}"
            ) from None
        if features.ndim != 2 or features.shape[0] != len(images):
            raise ExportError(
                f"the ONNX file gives features of shape {list(features.shape)} "
                f"for a batch of {len(images)}"
            )
        return features


def check_parity(run: OnnxRunner, images: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """Compares at batches of 1, 3 and 5. Returns the worst cosine and difference, or refuses.

    images f32 [8, 3, H, W], expected [8, D]. Cosines are taken after subtracting the expected
    features' mean: what images have in common would hide a difference.
    """
    mean, scale = expected.mean(axis=0), rms(expected)
    worst_cosine, worst_difference = 1.0, 0.0
    for batch in BATCHES:
        for start in range(0, len(images) - batch + 1, batch):
            part = slice(start, start + batch)
            got, want = run(images[part]), expected[part]
            if got.shape != want.shape or not np.isfinite(got).all():
                raise ExportError(
                    f"batch {batch}: the ONNX file's features are not those of PyTorch"
                )
            worst_difference = max(worst_difference, float(np.abs(got - want).max()) / scale)
            centred = (got - mean).astype(np.float64), (want - mean).astype(np.float64)
            for a, b in zip(*centred, strict=True):
                norms = np.linalg.norm(a) * np.linalg.norm(b)
                worst_cosine = min(worst_cosine, float(a @ b / norms) if norms > 0 else 0.0)
    if worst_cosine < MIN_COSINE or worst_difference > MAX_DIFFERENCE:
        raise ExportError(
            f"the ONNX file is not the same function as the PyTorch module: cosine "
            f"{worst_cosine:.6f} (at least {MIN_COSINE}), largest difference "
            f"{worst_difference:.1e} of the features' scale "
            f"(at most {MAX_DIFFERENCE:.0e}); nothing was written"
        )
    return {"min_cosine": worst_cosine, "max_difference": worst_difference}
