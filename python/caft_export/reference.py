"""`caft_export reference`: what ONNX Runtime makes of preprocessed images, in f32, on the CPU."""

from __future__ import annotations

import argparse
import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from caft_export.errors import ExportError, one_line


def reference(arguments: argparse.Namespace) -> dict[str, Any]:
    """Reads `images` u8 [N, H, W, 3] and writes `outputs` f32 [N, …], one batch in memory at a time."""
    try:
        import onnxruntime
    except ImportError:
        # Not an error of ours to print: the caller says it in its one line.
        return {"missing": "onnxruntime"}
    from safetensors import safe_open

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = arguments.threads
    try:
        session = onnxruntime.InferenceSession(
            arguments.onnx, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors share no public base
        raise ExportError(
            f"ONNX Runtime cannot load {arguments.onnx}: {one_line(error, 240)}"
        ) from None
    mean, std = (np.asarray(v, np.float32) for v in (arguments.mean, arguments.std))
    with safe_open(arguments.images, framework="np") as file:
        images = file.get_slice("images")
        count = images.get_shape()[0]
        with _Rows(Path(arguments.out), count) as rows:
            for first in range(0, count, arguments.batch):
                pixels = images[first : min(count, first + arguments.batch)]
                batch = pixels
                if not arguments.uint8:
                    batch = ((pixels / np.float32(255) - mean) / std).transpose(0, 3, 1, 2)
                try:
                    (outputs,) = session.run(
                        [arguments.output], {arguments.input: np.ascontiguousarray(batch)}
                    )
                except Exception as error:
                    raise ExportError(
                        f"ONNX Runtime fails on a batch of {len(batch)}: {one_line(error, 240)}"
                    ) from None
                rows.append(outputs)
    return {"rows": count, "onnxruntime": onnxruntime.__version__}


class _Rows:
    """A safetensors file with one tensor, `outputs`, written row by row."""

    def __init__(self, path: Path, count: int) -> None:
        self._path, self._count, self._written = path, count, 0

    def __enter__(self) -> _Rows:
        self._file = self._path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, rows: np.ndarray) -> None:
        rows = np.ascontiguousarray(rows, np.float32)
        if self._written == 0:
            shape = [self._count, *rows.shape[1:]]
            about = {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * math.prod(shape)]}
            header = json.dumps({"outputs": about}).encode()
            header += b" " * (-len(header) % 8)
            self._file.write(struct.pack("<Q", len(header)) + header)
        self._written += len(rows)
        self._file.write(rows.tobytes())
