"""caft export's files, run as a stranger runs them: ONNX Runtime, Pillow and the file's own metadata.

usage: export_test.py CAFT SCRATCH
"""

import json
import sys
import unittest
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

CAFT, WORK = sys.argv[1], Path(sys.argv[2])
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tiny_models import Caft  # noqa: E402

caft = Caft(CAFT, WORK)


def pixels(file: Path, spec: dict) -> np.ndarray:
    """Resize the shorter side, crop the centre, as the metadata say."""
    assert spec["resize_mode"] == "short_side" and spec["interpolation"] == "bilinear"
    image = Image.open(file).convert("RGB")
    width, height = image.size
    if width <= height:
        size = (spec["resize"], int(spec["resize"] * height / width))
    else:
        size = (int(spec["resize"] * width / height), spec["resize"])
    image = image.resize(size, Image.BILINEAR)
    left = round((size[0] - spec["width"]) / 2)
    top = round((size[1] - spec["height"]) / 2)
    return np.asarray(image.crop((left, top, left + spec["width"], top + spec["height"])))


class Plain:
    """A file in ONNX Runtime, with nothing else known of it."""

    def __init__(self, name: str) -> None:
        self.session = onnxruntime.InferenceSession(str(WORK / name), providers=["CPUExecutionProvider"])
        self.about = self.session.get_modelmeta().custom_metadata_map
        self.classes = json.loads(self.about["classes"])
        self.spec = json.loads(self.about["preprocessing"])

    def probabilities(self, file: Path) -> np.ndarray:
        batch = pixels(file, self.spec)[None]
        if self.about["input"].startswith("f32"):
            mean, std = (np.asarray(self.spec[k], np.float32) for k in ("mean", "std"))
            batch = np.ascontiguousarray(((batch / np.float32(255) - mean) / std).transpose(0, 3, 1, 2))
        (input_,) = self.session.get_inputs()
        (rows,) = self.session.run(["probabilities"], {input_.name: batch})
        return rows[0]


class Export(unittest.TestCase):
    def agree(self, name: str, model: str, places: int) -> None:
        plain = Plain(name)
        expected = {p["path"]: p["top"] for p in caft.json("predict", model, str(WORK / "data"))}
        again = {p["path"]: p["top"] for p in caft.json("predict", name, str(WORK / "data"))}
        files = sorted((WORK / "data").rglob("*.png"))
        self.assertEqual(len(files), 48)
        confusion = np.zeros((2, 2), int)
        for file in files:
            row = plain.probabilities(file)
            top = expected[str(file)]
            self.assertEqual(plain.classes[int(row.argmax())], top[0]["class"], file)
            self.assertAlmostEqual(float(row.max()), top[0]["probability"], places=places)
            self.assertEqual(again[str(file)][0]["class"], top[0]["class"])
            confusion[plain.classes.index(file.parent.name)][int(row.argmax())] += 1
        scored = caft.json("eval", model, "data", "--split", "all")
        self.assertEqual(confusion.tolist(), scored["confusion"])

    def test_fp32_agrees_with_eval_to_the_last_prediction(self) -> None:
        for model in ("first", "second"):
            with self.subTest(model=model):
                done = caft.json("export", model)
                self.assertEqual(done["model"], f"{model}/model.onnx")
                for replay in done["replays"]:
                    self.assertEqual(replay["disagreeing"], 0)
                    self.assertGreater(replay["images"], 5)
                    self.assertEqual(replay["accuracy"], done["accuracy"])
                self.agree(f"{model}/model.onnx", model, 4)

    def test_the_file_predicts_as_the_folder_bit_for_bit(self) -> None:
        caft.json("export", "first", "--out", "same.onnx")
        folder = caft.json("predict", "first", str(WORK / "data"))
        self.assertEqual(caft.json("predict", "same.onnx", str(WORK / "data")), folder)

    def test_uint8_and_fp16(self) -> None:
        done = caft.json("export", "second", "--uint8", "--precision", "fp16", "--out", "half.onnx")
        self.assertEqual(done["input"], "u8 [batch, 32, 32, 3] RGB")
        onnx.checker.check_model(str(WORK / "half.onnx"), full_check=True)
        graph = onnx.load(WORK / "half.onnx").graph
        kinds = {t.name: t.data_type for t in graph.initializer}
        self.assertIn(onnx.TensorProto.FLOAT16, kinds.values())
        heads = {kind for name, kind in kinds.items() if name.startswith("head_")}
        self.assertEqual(heads, {onnx.TensorProto.FLOAT})
        self.agree("half.onnx", "second", 2)

    def test_the_same_model_gives_the_same_bytes(self) -> None:
        first = caft.json("export", "first", "--out", "a/one.onnx")
        second = caft.json("export", "first", "--out", "b/two.onnx")
        self.assertEqual(first["sha256"], second["sha256"])

    def test_the_card_says_what_the_model_is(self) -> None:
        caft.json("export", "first", "--out", "carded.onnx")
        card = json.loads((WORK / "carded.card.json").read_text())
        self.assertEqual(card["classes"], ["flat", "noise"])
        self.assertEqual(card["metrics"]["n"], caft.json("eval", "first", "data")["n"])
        self.assertNotIn("path", card["data"])
        text = (WORK / "carded.card.md").read_text()
        for words in ("## Data", "## Metrics", "## Limits", "| flat |", card["sha256"]):
            self.assertIn(words, text)

    def test_what_cannot_be_proved_is_not_written(self) -> None:
        done = caft.run("export", "first", "--data", str(WORK / "none"), "--out", "no.onnx")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--data", done.stderr)
        self.assertFalse((WORK / "no.onnx").exists())

    def test_a_file_of_another_maker_is_refused(self) -> None:
        done = caft.run("predict", "tiny.onnx", "data")
        self.assertEqual(done.returncode, 1)
        self.assertIn("was not made by caft export", done.stderr)


if __name__ == "__main__":
    caft.make_models()
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
