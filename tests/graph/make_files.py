"""Writes ONNX files, good and hostile, for the tests of the ONNX reader.

usage: make_files.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4)


def save(path: Path, initialisers, nodes=None, inputs=None, domains=()) -> None:
    nodes = nodes or [helper.make_node("MatMul", ["images", "w"], ["features"])]
    inputs = inputs or [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3])]
    output = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 4])
    graph = helper.make_graph(nodes, path.stem, inputs, [output], initialisers)
    opsets = [helper.make_opsetid("", 17)] + [helper.make_opsetid(domain, 1) for domain in domains]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def external(location: str, dims=(3, 4), **entries) -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def good_files(folder: Path) -> None:
    weight = numpy_helper.from_array(WEIGHT, "w")
    save(folder / "raw.onnx", [weight])
    save(folder / "typed.onnx", [helper.make_tensor("w", TensorProto.FLOAT, [3, 4], WEIGHT.ravel())])
    # Old exporters list initialisers among the inputs too.
    listed = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("images", ["N", 3]), ("w", [3, 4]))]
    save(folder / "listed.onnx", [weight], inputs=listed)
    (folder / "sub").mkdir(exist_ok=True)
    (folder / "sub" / "w.bin").write_bytes(b"\0" * 16 + WEIGHT.tobytes())
    save(folder / "external.onnx", [external("sub/w.bin", offset=16, length=48)])
    branch = helper.make_graph(
        [helper.make_node("DequantizeLinear", ["q", "s"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [3, 4])],
        [numpy_helper.from_array(WEIGHT.astype(np.int8), "q"), numpy_helper.from_array(np.float32(0.5), "s")],
    )
    nodes = [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(True))),
        helper.make_node("If", ["c"], ["w"], then_branch=branch, else_branch=branch),
        helper.make_node("MatMul", ["images", "w"], ["m"]),
        helper.make_node("Sparkle", ["m"], ["features"], domain="acme"),
    ]
    save(folder / "nested_quantized.onnx", [], nodes, domains=["acme"])


def hostile_files(folder: Path) -> None:
    secret = folder.parent / "outside.bin"
    secret.write_bytes(WEIGHT.tobytes())
    save(folder / "absolute.onnx", [external(str(secret.absolute()))])
    save(folder / "dotdot.onnx", [external("../outside.bin")])
    save(folder / "inner_dotdot.onnx", [external("sub/../../outside.bin")])
    link, folder_link = folder / "link.bin", folder / "linked"
    for path, target in ((link, secret), (folder_link, folder.parent)):
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    save(folder / "symlink.onnx", [external("link.bin")])
    save(folder / "symlinked_folder.onnx", [external("linked/outside.bin")])
    save(folder / "is_folder.onnx", [external("sub")])
    save(folder / "absent.onnx", [external("nowhere.bin")])
    save(folder / "no_location.onnx", [external("")])
    save(folder / "beyond.onnx", [external("sub/w.bin", offset=17)])
    save(folder / "overflow.onnx", [external("sub/w.bin", offset=2**64 - 8, length=48)])
    save(folder / "wrong_length.onnx", [external("sub/w.bin", length=40)])
    save(folder / "bad_number.onnx", [external("sub/w.bin", offset="-16")])
    save(folder / "huge.onnx", [external("sub/w.bin", dims=(2**40, 2**40))])
    save(folder / "negative.onnx", [external("sub/w.bin", dims=(-1, 4))])
    # In a Constant node instead of an initialiser: the same rules.
    escape = external("../outside.bin")
    nodes = [
        helper.make_node("Constant", [], ["w"], value=escape),
        helper.make_node("MatMul", ["images", "w"], ["features"]),
    ]
    save(folder / "constant_escape.onnx", [], nodes)
    save(folder / "short_raw.onnx", [TensorProto(name="w", data_type=1, dims=[3, 4], raw_data=b"\0" * 40)])
    save(folder / "short_typed.onnx", [TensorProto(name="w", data_type=1, dims=[3, 4], float_data=[1.0] * 11)])
    (folder / "no_graph.onnx").write_bytes(onnx.ModelProto(ir_version=8).SerializeToString())


def main() -> None:
    folder = Path(sys.argv[1]) / "files"
    folder.mkdir(parents=True, exist_ok=True)
    good_files(folder)
    hostile_files(folder)


if __name__ == "__main__":
    main()
