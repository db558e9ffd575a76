"""Rewrites ONNX files with rewrite_model and holds the results against onnx.checker and onnxruntime.

usage: rewrite_check.py REWRITE_MODEL CONFORMANCE_NETS WORK_FOLDER
"""

import os
import subprocess
import sys
import unittest
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
from net_builder import Net  # noqa: E402

PROGRAM, NETS, WORK = Path(), Path(), Path()
MEAN = np.float32([0.485, 0.456, 0.406])
STD = np.float32([0.229, 0.224, 0.225])


def rewrite(source: Path, *changes: str) -> onnx.ModelProto:
    """The rewritten model, checked with strict type and shape inference."""
    target = WORK / f"{source.stem}-{'-'.join(changes)}.onnx"
    subprocess.run([PROGRAM, source, target, *changes], check=True)
    model = onnx.load(target)
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model: onnx.ModelProto | Path, images: np.ndarray) -> list[np.ndarray]:
    """Outputs without fusions: onnxruntime's may keep f32 between operators."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    data = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images})


def images(rows: int = 9, size: int = 32) -> np.ndarray:
    return np.random.default_rng(7).normal(0, 1, (rows, 3, size, size)).astype(np.float32)


def least_cosine(expected: np.ndarray, actual: np.ndarray) -> float:
    mean = expected.mean(0)
    a, b = actual.astype(np.float64) - mean, expected.astype(np.float64) - mean
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def float_types(model: onnx.ModelProto) -> Counter:
    return Counter(t.data_type for t in model.graph.initializer if t.data_type in (1, 10))


def casts(model: onnx.ModelProto) -> int:
    return sum(node.op_type == "Cast" for node in model.graph.node)


class Half(unittest.TestCase):
    def check(self, source: Path, x: np.ndarray | None = None, least: float = 0.999) -> onnx.ModelProto:
        x = images() if x is None else x
        before = run(source, x)
        model = rewrite(source, "half")
        after = run(model, x)
        for expected, actual in zip(before, after, strict=True):
            self.assertEqual(actual.dtype, np.float32)
            self.assertGreater(least_cosine(expected, actual), least, source.stem)
            self.assertGreater(np.abs(expected - actual).max(), 0, "nothing was rounded to f16")
        names = [[v.name for v in part] for part in (model.graph.input, model.graph.output)]
        original = onnx.load(source)
        self.assertEqual(names, [[v.name for v in part] for part in (original.graph.input, original.graph.output)])
        self.assertEqual(model.graph.input[0].type.tensor_type.elem_type, TensorProto.FLOAT)
        return model

    def test_conformance_nets(self) -> None:
        for name in ("conv", "operators", "baked"):
            self.check(NETS / f"{name}.onnx")

    def test_convolutions_have_no_casts_around_them(self) -> None:
        model = self.check(NETS / "conv.onnx")
        self.assertEqual(casts(model), 3)  # after the images, before each output
        self.assertNotIn(TensorProto.FLOAT, float_types(model))

    def test_quantized_net_takes_half_scales(self) -> None:
        model = self.check(NETS / "quantized.onnx", least=0.99)
        self.assertGreaterEqual(model.opset_import[0].version, 19)
        self.assertEqual(casts(model), 2)
        for node in model.graph.node:
            if node.op_type == "Conv":  # a DequantizeLinear stands right before, as int8 kernels want
                makers = {o: n.op_type for n in model.graph.node for o in n.output}
                self.assertEqual(makers[node.input[0]], "DequantizeLinear")

    def test_twice_is_once(self) -> None:
        once = rewrite(NETS / "conv.onnx", "half")
        path = WORK / "once.onnx"
        onnx.save(once, path)
        self.assertEqual(rewrite(path, "half").SerializeToString(), once.SerializeToString())

    def test_written_out_layer_norm_is_one_f32_island(self) -> None:
        for form in ("pow", "mul", "rms"):
            net = Net(seed=8)
            x = net.add("Flatten", net.conv("images", 3, 4, 8, strides=[8, 8]))
            x = net.add("Mul", x, net.constant(400.0))  # squares pass 65504
            d = x if form == "rms" else net.add("Sub", x, net.add("ReduceMean", x, axes=[-1], keepdims=1))
            square = net.add("Mul", d, d) if form == "mul" else net.add("Pow", d, net.constant(2.0))
            root = net.add("Sqrt", net.add("Add", net.add("ReduceMean", square, axes=[-1]), net.constant(1e-12)))
            y = net.add("Mul", net.add("Div", d, root), net.weights(64, scale=1.0))
            net.add("MatMul", y, net.weights(64, 10), out="features")
            path = net.save(WORK / f"norm_{form}.onnx", ["N", 3, 32, 32], {"features": ["N", 10]})
            self.assertEqual(casts(self.check(path)), 4, form)  # images, in, out, features

    def test_layer_norm_and_softmax_stay_fused_in_half(self) -> None:
        net = Net(seed=9)
        x = net.conv("images", 3, 16, 8, strides=[8, 8])
        x = net.add("Transpose", net.add("Reshape", x, net.constant([0, 16, 16], np.int64)), perm=[0, 2, 1])
        x = net.add("LayerNormalization", x, net.weights(16, scale=1.0), net.weights(16, scale=0.1))
        q, k = (net.add("MatMul", x, net.weights(16, 16)) for _ in range(2))
        # Attention's scale computed from a shape, as PyTorch traces it.
        size = net.add("Cast", net.add("Gather", net.add("Shape", q), net.constant(-1, np.int64)), to=TensorProto.FLOAT)
        q = net.add("Div", q, net.add("Sqrt", size))
        scores = net.add("MatMul", q, net.add("Transpose", k, perm=[0, 2, 1]))
        x = net.add("MatMul", net.add("Softmax", scores, axis=-1), x)
        net.add("Flatten", net.add("Mul", x, net.add("Sigmoid", x)), out="features")
        path = net.save(WORK / "attention.onnx", ["N", 3, 32, 32], {"features": ["N", 256]})
        model = self.check(path)
        makers = {o: n for n in model.graph.node for o in n.output}
        for node in model.graph.node:
            if node.op_type in ("LayerNormalization", "Softmax"):
                self.assertNotEqual(makers[node.input[0]].op_type, "Cast")
        root = next(n for n in model.graph.node if n.op_type == "Sqrt")
        self.assertEqual(next(n for n in model.graph.node if root.output[0] in n.input).op_type, "Cast")

    def test_constants_beyond_the_range(self) -> None:
        net = Net(seed=10)
        x = net.conv("images", 3, 4, 8, strides=[8, 8])
        x = net.add("Clip", x, net.constant(0.0), net.constant(np.finfo(np.float32).max))  # an open end
        x = net.add("Mul", net.add("Div", x, net.constant(1e6)), net.constant(1e6))  # kept in f32
        x = net.add("Add", x, net.constant(0.5))
        net.add("Flatten", net.add("GlobalAveragePool", x), out="features")
        path = net.save(WORK / "range.onnx", ["N", 3, 32, 32], {"features": ["N", 4]})
        model = self.check(path)
        kinds = Counter(t.data_type for t in model.graph.initializer)
        self.assertEqual(kinds[TensorProto.FLOAT], 2)
        for tensor in model.graph.initializer:
            self.assertTrue(np.isfinite(numpy_helper.to_array(tensor)).all(), tensor.name)

    def test_shapes_scales_constants_and_shared_weights(self) -> None:
        net = Net(seed=11, opset=18)
        x = net.conv("images", 3, 6, 4, strides=[4, 4])
        x = net.add("Resize", x, "", net.constant([1, 1, 2, 2]), mode="linear", coordinate_transformation_mode="half_pixel")
        shared = net.add("Identity", net.weights(1, 6, 1, 1, scale=1.0))
        x = net.add("Mul", x, shared)
        x = net.add("Sub", x, net.add("Pow", shared, net.constant(2.0)))  # the same constant in f32
        x = net.add("Add", x, net.add("Constant", value_float=0.25))
        fill = net.add("ConstantOfShape", net.constant([1, 6, 1, 1], np.int64), value=net.tensor([0.5]))
        x = net.add("Mul", x, fill)
        net.nodes.append(helper.make_node("Split", [x], ["left", "right"], axis=1, num_outputs=2))
        x = net.add("Concat", "right", "left", axis=1)
        mask = net.add("Greater", x, net.constant(0.0))
        x = net.add("Where", mask, x, net.constant(-0.1))
        x = net.add("ReduceMean", x, net.constant([2, 3], np.int64), keepdims=0)
        net.add("Mul", x, net.add("Cast", net.add("Greater", x, net.constant(-9.0)), to=TensorProto.FLOAT), out="features")
        path = net.save(WORK / "mixed.onnx", ["N", 3, 32, 32], {"features": ["N", 6]})
        self.check(path)

    def test_a_quantized_graph_is_raised_to_opset_19(self) -> None:
        net = Net(seed=12, opset=13)
        pair = [net.constant(1 / 32), net.constant(0, np.int8)]
        x = net.add("DequantizeLinear", net.add("QuantizeLinear", "images", *pair), *pair)
        # An int32 bias, whose scale is below what f16 holds.
        bias = net.add("DequantizeLinear", net.constant([40000, -90000, 3], np.int32), net.constant(3e-7))
        x = net.add("Conv", x, net.weights(3, 3, 8, 8), bias, strides=[8, 8])
        net.nodes.append(helper.make_node("Split", [x], ["a", "b", "c"], axis=1))
        x = net.add("Concat", "b", "c", "a", axis=1)
        net.add("ReduceMax", x, axes=[2, 3], keepdims=0, out="features")
        path = net.save(WORK / "raised.onnx", ["N", 3, 32, 32], {"features": ["N", 3]})
        model = self.check(path)
        self.assertEqual(model.opset_import[0].version, 19)
        self.assertEqual(sum(n.op_type == "DequantizeLinear" for n in model.graph.node), 1)

    def test_control_flow_is_refused_by_name(self) -> None:
        net = Net(seed=13)
        then, other = (
            helper.make_graph(
                [helper.make_node("Constant", [], ["c"], value=net.tensor([v]))],
                "branch",
                [],
                [helper.make_tensor_value_info("c", TensorProto.FLOAT, [1])],
            )
            for v in (1, 2)
        )
        condition = net.add("Greater", net.add("Size", "images"), net.constant(9, np.int64))
        x = net.add("If", condition, then_branch=then, else_branch=other)
        net.add("Flatten", net.add("Mul", "images", x), out="features")
        path = net.save(WORK / "if.onnx", ["N", 3, 32, 32], {"features": ["N", 3072]})
        failed = subprocess.run([PROGRAM, path, WORK / "refused.onnx", "half"], capture_output=True, text=True)
        self.assertEqual(failed.returncode, 1)
        self.assertRegex(failed.stderr, r"node 'if_.*' \(If\) .*f16: .*")
        rewrite(path, "normalize")  # types are left alone


class Normalization(unittest.TestCase):
    def test_equals_the_net_fed_with_normalised_floats(self) -> None:
        pixels = np.random.default_rng(3).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
        x = np.ascontiguousarray(((pixels / np.float32(255) - MEAN) / STD).transpose(0, 3, 1, 2), np.float32)
        for name in ("conv", "operators", "quantized"):
            model = rewrite(NETS / f"{name}.onnx", "normalize")
            expected, actual = run(NETS / f"{name}.onnx", x)[0], run(model, pixels)[0]
            tolerance = 2e-2 if name == "quantized" else 1e-5  # a pixel may fall to the next step
            np.testing.assert_allclose(actual, expected, atol=tolerance * np.abs(expected).max())
            users = [n.op_type for n in model.graph.node if "images" in n.input]
            self.assertEqual(users, ["Cast"], "TensorRT takes u8 into a Cast only")
            half = rewrite(NETS / f"{name}.onnx", "normalize", "half")
            least = 0.99 if name == "quantized" else 0.999
            self.assertGreater(least_cosine(expected, run(half, pixels)[0]), least)
            kinds = [n.op_type for n in half.graph.node[:5]]
            self.assertEqual(kinds[:3], ["Cast", "Sub", "Div"])  # in f32
            self.assertEqual(half.graph.node[0].attribute[0].i, TensorProto.FLOAT)

    def test_goes_with_another_size(self) -> None:
        model = rewrite(NETS / "conv.onnx", "normalize", "half", "48x40")
        shape = [d.dim_value or d.dim_param for d in model.graph.input[0].type.tensor_type.shape.dim]
        self.assertEqual(shape, ["N", 48, 40, 3])
        pixels = np.random.default_rng(3).integers(0, 256, (2, 48, 40, 3), dtype=np.uint8)
        self.assertEqual(run(model, pixels)[0].shape, (2, 10))


class Exported(unittest.TestCase):
    """Backbones of the store, where there are some."""

    def test_half_features_point_the_same_way(self) -> None:
        home = Path(os.environ.get("CAFT_HOME") or Path.home() / ".cache" / "caft")
        files = [home / "zoo" / name / f"{name}.onnx" for name in ("efficientnet_lite0", "resnet18")]
        files = [file for file in files if file.exists()]
        if not files:
            self.skipTest(f"no exported backbone in {home}")
        for file in files:
            golden = np.random.default_rng(5).normal(0, 1, (4, 3, 224, 224)).astype(np.float32)
            after = run(rewrite(file, "half"), golden)[0]
            self.assertGreater(least_cosine(run(file, golden)[0], after), 0.98)  # noise is harsher than images


if __name__ == "__main__":
    PROGRAM, NETS, WORK = (Path(argument) for argument in sys.argv[1:4])
    WORK.mkdir(parents=True, exist_ok=True)
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
