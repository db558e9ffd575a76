"""Cuts ONNX files with split_model and holds fronts and tails against onnx.checker and onnxruntime.

usage: split_check.py SPLIT_MODEL WORK_FOLDER
"""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "zoo" / "python"))
from net_builder import Net  # noqa: E402
from support import SOURCE, entry_json  # noqa: E402

PROGRAM, WORK = Path(), Path()


def cuts_of(model: Path) -> list[dict]:
    return json.loads(subprocess.run([PROGRAM, model], check=True, capture_output=True, text=True).stdout)


def split(model: Path, cut: str) -> tuple[Path, Path]:
    front, tail = WORK / f"{model.stem}-front.onnx", WORK / f"{model.stem}-tail.onnx"
    subprocess.run([PROGRAM, model, cut, front, tail], check=True)
    for part in (front, tail):
        onnx.checker.check_model(onnx.load(part), full_check=True)
    return front, tail


def run(model: Path, values: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: values})[0]


def images(size: int, rows: int = 3) -> np.ndarray:
    return np.random.default_rng(7).normal(0, 1, (rows, 3, size, size)).astype(np.float32)


def separates(model: onnx.ModelProto, tensor: str) -> bool:
    """Whether no path leads from images to features once `tensor` is taken out; shapes carry nothing."""
    reached = {"images"}
    for node in model.graph.node:
        if node.op_type != "Shape" and reached.intersection(node.input):
            reached.update(set(node.output) - {tensor})
    return "features" not in reached


def residual(net: Net, x: str, channels: int) -> str:
    y = net.add("Relu", net.conv(x, channels, channels, 3, pads=[1, 1, 1, 1]))
    return net.add("Add", net.conv(y, channels, channels, 3, pads=[1, 1, 1, 1]), x)


def squeeze_excite(net: Net, x: str, channels: int) -> str:
    gate = net.add("GlobalAveragePool", x)
    gate = net.add("Relu", net.conv(gate, channels, 2, 1))
    return net.add("Mul", x, net.add("HardSigmoid", net.conv(gate, 2, channels, 1)))


def branching_net() -> Path:
    """Residual, squeeze-and-excite, a batch size read off the images and used at the very end."""
    net = Net(seed=21)
    batch = net.add("Gather", net.add("Shape", "images"), net.constant([0], np.int64), axis=0)
    x = net.add("Relu", net.conv("images", 3, 8, 3, strides=[2, 2], pads=[1, 1, 1, 1]))
    x = squeeze_excite(net, residual(net, x, 8), 8)
    x = net.add("MaxPool", net.conv(x, 8, 12, 1), kernel_shape=[2, 2], strides=[2, 2])
    x = net.add("GlobalAveragePool", residual(net, x, 12))
    shape = net.add("Concat", batch, net.constant([-1], np.int64), axis=0)
    net.add("Gemm", net.add("Reshape", x, shape), net.weights(12, 10), net.weights(10, scale=0.1), out="features")
    return net.save(WORK / "branching.onnx", ["N", 3, 32, 32], {"features": ["N", 10]})


class Cuts(unittest.TestCase):
    def test_are_exactly_the_separators(self) -> None:
        path = branching_net()
        model = onnx.load(path)
        expected = [
            node.output[0]
            for node in model.graph.node
            if node.output[0] != "features" and separates(model, node.output[0])
        ]
        found = cuts_of(path)
        self.assertEqual([cut["tensor"] for cut in found], expected)
        operators = {n.output[0]: n.op_type for n in model.graph.node}
        self.assertEqual([operators[t] for t in expected].count("Add"), 2)
        self.assertEqual([operators[t] for t in expected].count("Mul"), 1)

    def test_costs_are_counted_by_hand(self) -> None:
        found = cuts_of(branching_net())
        stem = found[0]
        self.assertEqual(stem["shape"], [8, 16, 16])
        self.assertEqual(stem["cached_bytes"], 2 * 8 * 16 * 16)
        first = 8 * 16 * 16 * 3 * 9
        blocks = 2 * 8 * 16 * 16 * 8 * 9 + 2 * 8 * 2  # residual, squeeze and excite
        rest = 12 * 16 * 16 * 8 + 2 * 12 * 8 * 8 * 12 * 9 + 12 * 10
        self.assertEqual(stem["macs_before"], first)
        self.assertEqual(stem["macs_after"], blocks + rest)
        pooled = next(cut for cut in found if cut["shape"] == [12, 1, 1])
        self.assertEqual(pooled["macs_after"], 12 * 10)
        self.assertEqual(pooled["parameters_after"], 12 * 10 + 10)

    def test_front_then_tail_is_the_whole_at_every_cut(self) -> None:
        path = branching_net()
        x = images(32)
        whole = run(path, x)
        for cut in cuts_of(path):
            front, tail = split(path, cut["tensor"])
            middle = run(front, x)
            self.assertEqual(list(middle.shape), [len(x), *cut["shape"]], cut["name"])
            np.testing.assert_array_equal(run(tail, middle), whole, cut["name"])
            self.assertEqual(onnx.load(tail).graph.output[0].name, "features")

    def test_halves_share_no_layer_and_lose_no_weight(self) -> None:
        path = branching_net()
        whole = onnx.load(path).graph
        floats = {t.name for t in whole.initializer if t.data_type == onnx.TensorProto.FLOAT}
        cut = cuts_of(path)[4]
        parts = [onnx.load(part).graph for part in split(path, cut["tensor"])]
        names = [{t.name for t in part.initializer if t.name in floats} for part in parts]
        self.assertEqual(names[0] | names[1], floats)
        self.assertFalse(names[0] & names[1])
        self.assertEqual(sum(sum(n.op_type == "Conv" for n in part.node) for part in parts), 8)
        self.assertEqual(
            sum(int(np.prod(t.dims)) for t in parts[1].initializer if t.name in floats), cut["parameters_after"]
        )

    def test_external_data_are_taken_in(self) -> None:
        path = branching_net()
        outside = WORK / "outside.onnx"
        (WORK / "outside_weights.bin").unlink(missing_ok=True)
        onnx.save(onnx.load(path), outside, save_as_external_data=True, location="outside_weights.bin", size_threshold=0)
        whole = run(path, images(32))
        for part, cut in [(split(outside, c["tensor"]), c) for c in cuts_of(outside)[2:3]]:
            np.testing.assert_array_equal(run(part[1], run(part[0], images(32))), whole, cut["name"])
            for file in part:
                self.assertFalse(any(t.external_data for t in onnx.load(file, load_external_data=False).graph.initializer))

    def test_what_is_no_cut_is_refused(self) -> None:
        path = branching_net()
        inside = next(n.output[0] for n in onnx.load(path).graph.node if n.op_type == "HardSigmoid")
        for name in (inside, "features", "nothing"):
            failed = subprocess.run(
                [PROGRAM, path, name, WORK / "a.onnx", WORK / "b.onnx"], capture_output=True, text=True
            )
            self.assertEqual(failed.returncode, 1)
            self.assertIn(f"no cut called {name}", failed.stderr)


class Exported(unittest.TestCase):
    """Backbones as `caft zoo export` writes them."""

    @staticmethod
    def export(name: str) -> Path:
        """Kept between runs: its folder is the test's own, and random weights serve."""
        folder = WORK / "store" / name
        if not (folder / f"{name}.onnx").exists():
            command = [sys.executable, "-m", "caft_export", "export", "--entry-json", entry_json(name)]
            command += ["--name", name, "--weights", "random", "--image-size", "64", "--out", str(folder)]
            environment = {**os.environ, "PYTHONPATH": str(SOURCE / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
            subprocess.run(command, check=True, capture_output=True, env=environment)
        return folder / f"{name}.onnx"

    def check(self, path: Path, names: list[str]) -> dict[str, dict]:
        cuts = {cut["name"]: cut for cut in cuts_of(path)}
        x = images(64, rows=2)
        whole = run(path, x)
        for name in names:
            front, tail = split(path, name)
            np.testing.assert_array_equal(run(tail, run(front, x)), whole, name)
        return cuts

    def test_resnet18(self) -> None:
        cuts = self.check(self.export("resnet18"), ["maxpool", "layer2", "layer3"])
        layer3 = cuts["layer3"]
        self.assertEqual(layer3["shape"], [256, 4, 4])
        self.assertIn("layer3.1", layer3["aliases"])
        # layer4: four 3x3 convolutions and the shortcut, weights and folded batch norm's biases.
        weights = 256 * 512 * 9 + 3 * 512 * 512 * 9 + 256 * 512
        self.assertEqual(layer3["parameters_after"], weights + 5 * 512)
        self.assertEqual(layer3["macs_after"], 4 * weights)
        for name in ("relu", "layer1", "layer1.0", "layer2.0", "layer4.0"):
            self.assertIn(name, cuts)
        self.assertNotIn("layer1.0.conv1", cuts)  # beside it runs the shortcut

    def test_efficientnet_lite0(self) -> None:
        # Its padding and its last Reshape compute shapes, from the images on.
        cuts = self.check(self.export("efficientnet_lite0"), ["blocks.2", "blocks.10", "avg_pooling"])
        self.assertEqual(cuts["blocks.10"]["shape"], [112, 4, 4])
        self.assertGreater(cuts["blocks.10"]["macs_after"], 0)
        self.assertNotIn("blocks.10.project_conv", cuts)


if __name__ == "__main__":
    PROGRAM, WORK = Path(sys.argv[1]), Path(sys.argv[2])
    WORK.mkdir(parents=True, exist_ok=True)
    unittest.main(argv=sys.argv[:1])
