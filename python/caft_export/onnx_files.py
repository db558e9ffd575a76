"""What an ONNX file says of itself: external data, inputs, outputs, parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import onnx

from caft_export.errors import ExportError, one_line


def load_structure(file: Path) -> onnx.ModelProto:
    """The model without its external data. Refuses what is not an ONNX model."""
    try:
        model = onnx.load(str(file), load_external_data=False)
    except OSError as error:
        raise ExportError(f"cannot read {file}: {error.strerror}") from None
    except Exception as error:  # protobuf's DecodeError, whose place differs between versions
        raise ExportError(f"{file} is not an ONNX model: {one_line(error, 120)}") from None
    if not model.HasField("graph") or not model.graph.node:
        raise ExportError(f"{file} is not an ONNX model: it has no graph")
    return model


def external_files(file: Path) -> list[str]:
    """Locations of the model's external data, relative to its folder, each once, in order of use.

    Refuses locations outside the folder, links, and files that are not there.
    """
    locations: dict[str, None] = {}
    for tensor in _tensors(load_structure(file)):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        for pair in tensor.external_data:
            if pair.key == "location":
                locations.setdefault(pair.value)
    for location in locations:
        _check_location(file.parent, location)
    return list(locations)


def _check_location(folder: Path, location: str) -> None:
    parts = location.split("/")
    if (
        not location.isprintable()
        or "\\" in location
        or PurePosixPath(location).is_absolute()
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise ExportError(
            f"the ONNX file names external data at {location!r}: only files inside its own folder "
            "are read"
        )
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise ExportError(f"the ONNX file's external data {location!r} is a symbolic link")
    if not path.is_file():
        raise ExportError(f"the ONNX file's external data {location!r} is not in {folder}")


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of the model, wherever ONNX allows one."""
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        yield from _node_tensors(function.node)
        for attribute in function.attribute_proto:
            yield from _attribute_tensors(attribute)


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: object) -> Iterator[onnx.TensorProto]:
    for node in nodes:  # type: ignore[attr-defined]
        for attribute in node.attribute:
            yield from _attribute_tensors(attribute)


def _attribute_tensors(attribute: onnx.AttributeProto) -> Iterator[onnx.TensorProto]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
        yield sparse.values
        yield sparse.indices
    if attribute.HasField("g"):
        yield from _graph_tensors(attribute.g)
    for graph in attribute.graphs:
        yield from _graph_tensors(graph)


def float_parameters(model: onnx.ModelProto) -> int:
    """How many floating-point values the graph's initialisers hold."""
    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    return sum(math.prod(t.dims) for t in model.graph.initializer if t.data_type in kinds)


@dataclass(frozen=True)
class Interface:
    """Names of the one input and output, and the input's size where the graph fixes it."""

    input: str
    output: str
    height: int | None
    width: int | None


def interface_of(model: onnx.ModelProto, where: str) -> Interface:
    """Checks: one input f32 [batch, 3, H, W] with a dynamic batch, one output of rank 2."""
    initializers = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in initializers]
    outputs = list(model.graph.output)
    if len(inputs) != 1:
        raise ExportError(f"{where}: has {len(inputs)} inputs, a backbone has one, the images")
    if len(outputs) != 1:
        raise ExportError(f"{where}: has {len(outputs)} outputs, a backbone has one, the features")
    kind = inputs[0].type.tensor_type
    name = inputs[0].name
    if kind.elem_type != onnx.TensorProto.FLOAT:
        raise ExportError(f"{where}: the input {name!r} is not float32")
    dims = _dims(inputs[0])
    if len(dims) != 4 or dims[1] != 3:
        raise ExportError(f"{where}: the input {name!r} is {dims}, it must be [N, 3, H, W]")
    if dims[0] is not None:
        raise ExportError(
            f"{where}: the input {name!r} has a fixed batch of {dims[0]}: export it with a "
            "dynamic batch dimension"
        )
    out = _dims(outputs[0])
    if out and len(out) != 2:  # an ONNX file may leave the output's shape out
        raise ExportError(f"{where}: the output {outputs[0].name!r} has rank {len(out)}, not 2")
    return Interface(name, outputs[0].name, dims[2], dims[3])


def _dims(value: onnx.ValueInfoProto) -> list[int | None]:
    shape = value.type.tensor_type.shape
    return [d.dim_value if d.HasField("dim_value") else None for d in shape.dim]
