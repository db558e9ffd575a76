"""Writes the ONNX files of the conformance tests, and what onnxruntime makes of them.

usage: make_nets.py FOLDER
NAME.onnx beside NAME.safetensors, which holds `images` and one tensor for each output. Hostile and
unsupported files have no results.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from net_builder import Net
from onnx import TensorProto, helper
from safetensors.numpy import save_file

ROWS = 9


def record(path: Path, size=(32, 32), name: str | None = None, rows: int = ROWS, grey: bool = False) -> None:
    """Runs the net on seeded images without graph optimisations, so that Q/DQ is taken literally."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(7).normal(0, 1, (rows, 1 if grey else 3, *size)).astype(np.float32)
    images = np.ascontiguousarray(np.broadcast_to(images, (rows, 3, *size)))
    names = [output.name for output in session.get_outputs()]
    results = dict(zip(names, session.run(names, {"images": images})))
    save_file({"images": images, **results}, path.with_name(f"{name or path.stem}.safetensors"))


def conv_net(folder: Path) -> Path:
    """What ResNet, MobileNet and EfficientNet are made of, in two named outputs."""
    net = Net(seed=1)
    x = net.conv("images", 3, 16, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    statistics = [net.weights(16, scale=0.5), net.weights(16, scale=0.1), net.weights(16, scale=0.1)]
    x = net.add("BatchNormalization", x, *statistics, net.constant(np.linspace(0.5, 2, 16)), epsilon=1e-3)
    x = net.add("Relu", x)
    x = net.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    y = net.conv(x, 16, 16, 3, group=16, pads=[1, 1, 1, 1])
    y = net.add("HardSwish", y)
    gate = net.add("GlobalAveragePool", y)
    gate = net.add("Relu", net.conv(gate, 16, 4, 1))
    gate = net.add("HardSigmoid", net.conv(gate, 4, 16, 1), alpha=1 / 6, beta=0.5)
    y = net.add("Mul", y, gate)
    y = net.conv(y, 16, 16, 1)
    x = net.add("Add", x, y)
    x = net.add("Clip", x, net.constant(0.0), net.constant(6.0))
    x = net.add("ReduceMean", x, axes=[2, 3], keepdims=0)
    net.add("Gemm", x, net.weights(10, 16), net.weights(10, scale=0.1), transB=1, out="features")
    net.add("Softmax", "features", axis=-1, out="probabilities")
    return net.save(folder / "conv.onnx", ["N", 3, 32, 32], {"features": ["N", 10], "probabilities": ["N", 10]})


def exported_pads(net: Net, pads) -> str:
    """PyTorch's pads (last dimension first, begin before end) in ONNX's order, computed in the graph
    the way torch.onnx.export leaves it."""
    zeros = net.add("ConstantOfShape", net.constant([8 - len(pads)], np.int64), value=net.tensor([0], np.int64))
    x = net.add("Concat", net.constant(pads, np.int64), zeros, axis=0)
    x = net.add("Reshape", x, net.constant([-1, 2], np.int64))
    ends = [net.constant([-1], np.int64), net.constant([-(2**63)], np.int64)]
    x = net.add("Slice", x, *ends, net.constant([0], np.int64), net.constant([-1], np.int64))
    x = net.add("Reshape", net.add("Transpose", x, perm=[1, 0]), net.constant([-1], np.int64))
    return net.add("Cast", x, to=TensorProto.INT64)


def operators_net(folder: Path) -> Path:
    """The rarer operators and attributes: Pad, dilation, odd pads, ceil_mode, shape arithmetic."""
    net = Net(seed=2)
    x = net.add("Pad", "images", exported_pads(net, [2, 1, 1, 2]), net.constant(0.5))
    x = net.conv(x, 3, 12, 3, strides=[2, 1], pads=[0, 1, 2, 0])
    swish = net.add("Sigmoid", x)
    x = net.add("Mul", x, swish)
    x = net.conv(x, 12, 18, 3, group=3, dilations=[2, 2], pads=[2, 2, 2, 2])
    x = net.add("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    x = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    z = net.add("AveragePool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    x = net.add("Concat", x, z, axis=1)
    x = net.add("Transpose", x, perm=[0, 2, 3, 1])
    rows = net.add("Gather", net.add("Shape", x), net.constant([0], np.int64), axis=0)
    shape = net.add("Concat", rows, net.constant([-1, 36], np.int64), axis=0)
    x = net.add("Reshape", x, shape)
    x = net.add("MatMul", x, net.weights(36, 20))
    x = net.add("Sub", x, net.weights(20, scale=0.3))
    x = net.add("Div", x, net.constant(np.linspace(0.5, 3, 20)))
    x = net.add("ReduceMean", x, axes=[1], keepdims=1)
    x = net.add("Squeeze", x, net.constant([1], np.int64))
    x = net.add("Unsqueeze", x, net.constant([1], np.int64))
    x = net.add("Identity", net.add("Flatten", x, axis=1))
    net.add("Mul", x, net.constant(2.0), out="features")
    return net.save(folder / "operators.onnx", ["N", 3, 32, 32], {"features": ["N", 20]})


def quantized_net(folder: Path, symmetric: bool) -> Path:
    """Q/DQ as quantizers write it: activations u8 with a zero point, or i8 without (symmetric, what
    TensorRT takes), weights i8 per channel."""
    net = Net(seed=3)

    def activation(x: str, limit: float, zero: int) -> str:
        if symmetric:
            pair = [net.constant(limit / 127), net.constant(0, np.int8)]
        else:
            pair = [net.constant(limit / (255 - zero)), net.constant(zero, np.uint8)]
        return net.add("DequantizeLinear", net.add("QuantizeLinear", x, *pair), *pair)

    def weight(*shape) -> str:
        values = net.random.normal(0, 1.4 / np.sqrt(np.prod(shape[1:])), shape)
        scale = np.abs(values).max(axis=tuple(range(1, len(shape)))) / 127
        steps = np.round(values / scale.reshape(-1, *[1] * (len(shape) - 1)))
        zero = net.constant(np.zeros(shape[0]), np.int8)
        return net.add("DequantizeLinear", net.constant(steps, np.int8), net.constant(scale), zero, axis=0)

    x = activation("images", 4, 128)
    x = net.add("Conv", x, weight(16, 3, 3, 3), net.weights(16, scale=0.1), strides=[2, 2], pads=[1, 1, 1, 1])
    x = activation(net.add("Relu", x), 5, 0)
    x = net.add("Conv", x, weight(24, 16, 3, 3), net.weights(24, scale=0.1), pads=[1, 1, 1, 1])
    x = activation(net.add("Relu", x), 5, 0)
    x = activation(net.add("GlobalAveragePool", x), 2, 0)
    x = net.add("Flatten", x)
    net.add("Gemm", x, weight(10, 24), net.weights(10, scale=0.1), transB=1, out="features")
    name = "symmetric.onnx" if symmetric else "quantized.onnx"
    return net.save(folder / name, ["N", 3, 32, 32], {"features": ["N", 10]})


def large_net(folder: Path) -> Path:
    """A big picture through few channels, its size left open in the file."""
    net = Net(seed=4)
    x = net.add("Relu", net.conv("images", 3, 4, 7, strides=[4, 4], pads=[3, 3, 3, 3]))
    x = net.add("GlobalAveragePool", net.conv(x, 4, 6, 3, strides=[2, 2], pads=[1, 1, 1, 1]))
    net.add("Flatten", x, out="features")
    return net.save(folder / "large.onnx", ["N", 3, "H", "W"], {"features": ["N", 6]})


def baked_net(folder: Path) -> Path:
    """A size baked into a Reshape, as in a vision transformer: another image size would turn pixels
    into rows."""
    net = Net(seed=5)
    x = net.conv("images", 3, 4, 8, strides=[8, 8])
    x = net.add("Reshape", x, net.constant([-1, 4, 16], np.int64))
    x = net.add("Add", x, net.weights(1, 4, 16))
    net.add("ReduceMean", x, axes=[2], keepdims=0, out="features")
    return net.save(folder / "baked.onnx", ["N", 3, 32, 32], {"features": ["N", 4]})


def sharp_net(folder: Path) -> Path:
    """What bf16 cannot hold in its first layer: on grey images its weights cancel but for their last bits."""
    net = Net(seed=8)
    x = net.add("Pad", "images", exported_pads(net, [1, 0, 1, 0]), net.constant(0.0))
    rest = np.linspace(-7, 7, 8) / 2**10
    weights = 256 * np.stack([1 + rest, np.full(8, -0.5), np.full(8, -0.5)], axis=1)
    x = net.add("Conv", x, net.constant(weights.reshape(8, 3, 1, 1)), kernel_shape=[1, 1])
    # A cheap residual block, as MobileNetV3 begins with: its sum must not part the precisions.
    y = net.add("Relu", net.conv(x, 8, 8, 3, group=8, pads=[1, 1, 1, 1]))
    x = net.add("Add", x, net.conv(y, 8, 8, 1))
    x = net.add("Relu", net.conv(x, 8, 64, 3, pads=[1, 1, 1, 1]))
    x = net.add("Relu", net.conv(x, 64, 64, 3, pads=[1, 1, 1, 1]))
    net.add("Flatten", net.add("GlobalAveragePool", x), out="features")
    return net.save(folder / "sharp.onnx", ["N", 3, 32, 32], {"features": ["N", 64]})


def refused_nets(folder: Path, good: Path) -> None:
    """Files that no engine may accept."""
    net = Net(seed=6)
    net.add("Flatten", net.conv("images", 3, 4, 3), out="features")
    net.save(folder / "fixed_batch.onnx", [2, 3, 8, 8], {"features": [2, 144]})

    net = Net(seed=6)
    net.nodes.append(helper.make_node("Sparkle", ["images"], ["features"], name="sparkle_1", domain="acme"))
    net.save(folder / "custom.onnx", ["N", 3, 8, 8], {"features": ["N", 3, 8, 8]}, ["acme"], check=False)

    net = Net(seed=6)
    net.add("Conv", "images", net.weights(4, 5, 3, 3), out="features")
    net.save(folder / "misfit.onnx", ["N", 3, 8, 8], {"features": ["N", 4, 6, 6]}, check=False)

    net = Net(seed=6)
    net.initialisers.append(TensorProto(name="w", data_type=999, dims=[3, 4], raw_data=bytes(48)))
    net.add("Add", "images", "w", out="features")
    net.save(folder / "unknown_type.onnx", ["N", 3, 8, 8], {"features": ["N", 3, 8, 8]}, check=False)

    data = good.read_bytes()
    (folder / "truncated.onnx").write_bytes(data[: len(data) // 2])
    (folder / "text.onnx").write_text("this is not an ONNX model\n")
    (folder / "empty.onnx").write_bytes(b"")


def conv_resized(folder: Path, conv: Path) -> Path:
    """The same net with open sizes, since onnxruntime holds a file to its declared shape."""
    model = onnx.load(conv)
    for axis, name in ((2, "H"), (3, "W")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    path = folder / "conv_open.onnx"
    onnx.save(model, path)
    return path


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    conv = conv_net(folder)
    record(conv)
    record(conv_resized(folder, conv), (48, 40), name="conv_48x40")
    for path in (
        operators_net(folder),
        quantized_net(folder, symmetric=False),
        quantized_net(folder, symmetric=True),
        baked_net(folder),
    ):
        record(path)
    record(sharp_net(folder), grey=True)
    record(large_net(folder), (384, 512), rows=3)
    refused_nets(folder, conv)


if __name__ == "__main__":
    main()
