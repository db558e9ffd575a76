"""`caft_export add`: ONNX files that users bring, good and hostile."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import unittest
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from caft_export.add import add
from caft_export.errors import ExportError
from onnx import TensorProto, helper, numpy_helper
from support import ExporterTest

PREPROCESSING = {
    "resize_mode": "short_side", "resize": 20, "height": 16, "width": 16,
    "interpolation": "bilinear", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
}  # fmt: skip


def make_model(
    batch: int | str = "n",
    size: int | str = 16,
    channels: int = 3,
    kind: int = TensorProto.FLOAT,
    flatten: bool = True,
    outputs: int = 1,
    reshape_to: int | None = None,
) -> onnx.ModelProto:
    """Convolution, ReLU, global pooling: 6 features. `reshape_to` freezes a batch in the graph."""
    random = np.random.default_rng(0)
    weight = numpy_helper.from_array(
        random.normal(size=(6, channels, 3, 3)).astype(np.float32), "weight"
    )
    bias = numpy_helper.from_array(random.normal(size=6).astype(np.float32), "bias")
    nodes = [helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
             helper.make_node("Conv", ["floats", "weight", "bias"], ["map"]),
             helper.make_node("Relu", ["map"], ["active"]),
             helper.make_node("GlobalAveragePool", ["active"], ["pooled"])]  # fmt: skip
    initializers, last = [weight, bias], "pooled"
    if flatten:
        nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
        last = "flat"
    if reshape_to is not None:
        shape = numpy_helper.from_array(np.array([reshape_to, -1], np.int64), "shape")
        initializers.append(shape)
        nodes.append(helper.make_node("Reshape", ["flat", "shape"], ["frozen"]))
        last = "frozen"
    nodes.append(helper.make_node("Identity", [last], ["embedding"]))
    values = [
        helper.make_tensor_value_info(
            "embedding", TensorProto.FLOAT, ["n", 6] if flatten else ["n", 6, 1, 1]
        )
    ]
    if outputs == 2:
        values.append(helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", 6, 14, 14]))
    pixels = helper.make_tensor_value_info("pixels", kind, [batch, channels, size, size])
    graph = helper.make_graph(nodes, "net", [pixels], values, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class Add(ExporterTest):
    def setUp(self) -> None:
        super().setUp()
        self.source = self.folder / "mine" / "My Net.onnx"
        self.source.parent.mkdir()
        self.card = self.folder / "card.json"
        self.write_card()

    def write_card(self, **fields: Any) -> None:
        self.card.write_text(json.dumps({"preprocessing": PREPROCESSING, **fields}))

    def write_model(self, model: onnx.ModelProto, location: str | None = None) -> None:
        """With `location`, the weights go to external data under that name."""
        if location is not None:
            for tensor in model.graph.initializer:
                if tensor.name == "weight":
                    data = tensor.raw_data
                    tensor.ClearField("raw_data")
                    tensor.data_location = TensorProto.EXTERNAL
                    tensor.external_data.add(key="location", value=location)
                    tensor.external_data.add(key="length", value=str(len(data)))
                    target = self.source.parent / location
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(data)
        self.source.write_bytes(model.SerializeToString())

    def add(self, **changes: Any) -> dict[str, Any]:
        arguments = {"onnx": self.source, "card": self.card, "name": "net", "out": self.out,
                     "force": False, **changes}  # fmt: skip
        with contextlib.redirect_stderr(io.StringIO()):
            return add(argparse.Namespace(**arguments))

    def refuse(self, complaint: str, **changes: Any) -> None:
        with self.assertRaisesRegex(ExportError, complaint):
            self.add(**changes)
        self.assert_nothing_left()

    def test_as_a_program(self) -> None:
        self.write_model(make_model())
        card = self.succeed(
            "add", self.source, "--card", self.card, "--name", "net", "--out", self.out
        )
        self.assertEqual(json.loads((self.out / "card.json").read_text()), card)
        self.assertEqual((card["name"], card["onnx"]), ("net", "net.onnx"))
        self.assertEqual((card["input"], card["output"]), ("pixels", "embedding"))
        self.assertEqual((card["feature_dim"], card["params"]), (6, 6 * 27 + 6))
        self.assertEqual(card["weights"], "My Net.onnx")
        self.assertEqual((card["family"], card["license"]), ("custom", "not stated"))
        other = self.folder / "x"
        error = self.fail_with(
            1, "add", self.card, "--card", self.card, "--name", "x", "--out", other
        )
        self.assertIn("is not an ONNX model", error)

    def test_external_data_comes_along(self) -> None:
        self.write_model(make_model(), "parts/weights.bin")
        self.write_card(name="from-card", family="Mine", license="MIT")
        card = self.add(name=None)
        self.assertEqual(card["external_data"], ["parts/weights.bin"])
        self.assertEqual(
            (card["name"], card["family"], card["license"]), ("from-card", "Mine", "MIT")
        )
        self.assertEqual(
            (self.out / "parts/weights.bin").read_bytes(),
            (self.source.parent / "parts/weights.bin").read_bytes(),
        )

    def test_external_data_elsewhere_is_refused(self) -> None:
        outside = self.folder / "secret.bin"
        for location in ("../secret.bin", str(outside), "a/../../secret.bin"):
            with self.subTest(location=location):
                self.write_model(make_model(), location)
                self.refuse("inside its own folder")
        self.write_model(make_model(), "link.bin")
        data = self.source.parent / "link.bin"
        data.rename(outside)
        data.symlink_to(outside)
        self.refuse("symbolic link")
        data.unlink()
        self.refuse("is not in")
        self.write_model(make_model(), "card.json")
        self.refuse("caft writes itself")

    def test_models_of_another_shape_are_refused(self) -> None:
        for complaint, options in (
            ("fixed batch of 4", {"batch": 4}),
            (r"\[N, 3, H, W\]", {"channels": 1}),
            ("not float32", {"kind": TensorProto.UINT8}),
            ("rank 4", {"flatten": False}),
            ("2 outputs", {"outputs": 2}),
            ("height of 24", {"size": 24}),
            ("batch of", {"reshape_to": 1}),
        ):
            with self.subTest(complaint=complaint):
                self.write_model(make_model(**options))
                self.refuse(complaint)
        self.write_model(make_model(size="side"))
        self.assertEqual(self.add()["feature_dim"], 6, "a free size takes the card's")

    def test_files_that_are_no_models_are_refused(self) -> None:
        for content in (b"", b"\x00" * 100, b"not a model", make_model().SerializeToString()[:-40]):
            with self.subTest(content=content[:12]):
                self.source.write_bytes(content)
                self.refuse("ONNX")
        self.source.unlink()
        self.refuse("no regular file")

    def test_cards_are_checked(self) -> None:
        self.write_model(make_model())
        self.refuse("not valid JSON", card=Path(__file__))
        for change, complaint in (
            ({"preprocessing": None}, "preprocessing"),
            ({"preprocessing": {**PREPROCESSING, "color": "BGR"}}, "color"),
            ({"preprocessing": {**PREPROCESSING, "std": [1, 0, 1]}}, "std"),
            ({"preprocessing": {**PREPROCESSING, "heigth": 3}}, "heigth"),
            ({"license": "a\nb"}, "license"),
        ):
            with self.subTest(complaint=complaint):
                self.write_card(**change)
                self.refuse(complaint)
        self.write_card()
        self.refuse("name", name="../net")
        self.refuse("name", name="Net")


if __name__ == "__main__":
    unittest.main()
