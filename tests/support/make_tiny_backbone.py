"""Writes a tiny convolutional backbone and its card, for tests that need one in milliseconds.

usage: make_tiny_backbone.py FOLDER [SEED]     writes FOLDER/tiny.onnx and FOLDER/tiny-card.json
images [N, 3, 32, 32] -> Conv 3x3/2 -> Relu -> Conv 3x3/2 -> Relu -> GlobalAveragePool -> Flatten -> features [N, 24]
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def main() -> None:
    folder = Path(sys.argv[1])
    random = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        "w1": random.normal(0, 0.3, (12, 3, 3, 3)),
        "b1": random.normal(0, 0.1, 12),
        "w2": random.normal(0, 0.2, (24, 12, 3, 3)),
        "b2": random.normal(0, 0.1, 24),
    }
    conv = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["images", "w1", "b1"], ["c1"], **conv),
            helper.make_node("Relu", ["c1"], ["r1"]),
            helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], **conv),
            helper.make_node("Relu", ["c2"], ["r2"]),
            helper.make_node("GlobalAveragePool", ["r2"], ["p"]),
            helper.make_node("Flatten", ["p"], ["features"], axis=1),
        ],
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 24])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, folder / "tiny.onnx")
    card = {
        "family": "Tiny",
        "license": "Apache-2.0",
        "preprocessing": {
            "resize_mode": "short_side",
            "resize": 36,
            "height": 32,
            "width": 32,
            "interpolation": "bilinear",
            "antialias": True,
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "color": "RGB",
            "exif_orientation": False,
        },
    }
    (folder / "tiny-card.json").write_text(json.dumps(card))


main()
