"""A small convenience over onnx.helper: nodes are appended, initialisers are named by themselves."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Net:
    """Collects nodes and initialisers of one graph from `images` to its outputs."""

    def __init__(self, seed: int, opset: int = 17):
        self.random = np.random.default_rng(seed)
        self.opset = opset
        self.nodes = []
        self.initialisers = []

    @staticmethod
    def tensor(values, dtype=np.float32) -> TensorProto:
        return numpy_helper.from_array(np.asarray(values, dtype))

    def constant(self, values, dtype=np.float32) -> str:
        name = f"k{len(self.initialisers)}"
        self.initialisers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def weights(self, *shape, scale: float | None = None) -> str:
        """Seeded weights whose default scale keeps activations near unit size."""
        spread = scale if scale is not None else 1.4 / np.sqrt(np.prod(shape[1:]))
        return self.constant(self.random.normal(0, spread, shape))

    def add(self, op: str, *inputs: str, out: str | None = None, **attributes) -> str:
        out = out or f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(op, list(inputs), [out], name=f"{op.lower()}_{out}", **attributes)
        )
        return out

    def conv(self, x: str, channels_in: int, channels_out: int, kernel: int, group: int = 1, **attributes) -> str:
        weight = self.weights(channels_out, channels_in // group, kernel, kernel)
        bias = self.weights(channels_out, scale=0.1)
        return self.add("Conv", x, weight, bias, kernel_shape=[kernel, kernel], group=group, **attributes)

    def save(self, path: Path, input_shape, outputs: dict, domains=(), check: bool = True) -> Path:
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, input_shape)],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
            self.initialisers,
        )
        opsets = [helper.make_opsetid("", self.opset)] + [helper.make_opsetid(d, 1) for d in domains]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        if check:
            onnx.checker.check_model(model)
        onnx.save(model, path)
        return path
