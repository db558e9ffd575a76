"""The catalogue against what torchvision and the networks themselves say."""

from __future__ import annotations

import json
import unittest

from caft_export import models, timm_models, weights
from caft_export.catalogue import entry_from_json, read_catalogue
from caft_export.errors import ExportError
from support import CATALOGUE, entry_json
from torchvision import models as torchvision_models


class Catalogue(unittest.TestCase):
    def setUp(self) -> None:
        self.entries = {entry.name: entry for entry in read_catalogue(CATALOGUE)}

    def test_preprocessing_is_that_of_the_default_weights(self) -> None:
        checked = 0
        for entry in self.entries.values():
            if entry.source == "torchvision":
                default = torchvision_models.get_model_weights(entry.name).DEFAULT
                weights.check_preprocessing(entry, default)
                checked += 1
        self.assertGreaterEqual(checked, 22)
        wrong = entry_from_json(entry_json("resnet50", resize=256))
        default = torchvision_models.get_model_weights("resnet50").DEFAULT
        with self.assertRaisesRegex(ExportError, "resize"):
            weights.check_preprocessing(wrong, default)

    def test_entries_of_timm_prescribe_what_its_weights_do(self) -> None:
        import timm

        checked = 0
        for entry in self.entries.values():
            if not entry.source.startswith(timm_models.PREFIX):
                continue
            checked += 1
            ours = entry.preprocessing
            theirs = timm.get_pretrained_cfg(entry.source.removeprefix(timm_models.PREFIX))
            with self.subTest(name=entry.name):
                self.assertIsNotNone(theirs)
                self.assertEqual((theirs.mean, theirs.std), (ours.mean, ours.std))
                self.assertEqual(theirs.interpolation, ours.interpolation)
                if entry.family == "DINOv2":  # evaluated by its makers at 224 of 256 pixels
                    self.assertEqual((ours.height, ours.resize), (224, 256))
                else:
                    self.assertEqual(theirs.input_size[1], ours.height)
                    self.assertEqual(int(ours.height / theirs.crop_pct), ours.resize)
        self.assertEqual(checked, 8)

    def test_parameters_are_those_of_the_frozen_part(self) -> None:
        for name in (
            "efficientnet_lite0", "resnet18", "mobilenet_v3_small", "mobilenet_v2",
            "inception_v3", "densenet121", "convnext_tiny", "swin_tiny_patch4_window7_224",
        ):  # fmt: skip
            with self.subTest(name=name):
                entry = self.entries[name]
                network, _ = models.build_entry(entry, entry.preprocessing.height, 0)
                self.assertEqual(models.count_parameters(network), entry.params)

    def test_rows_are_read_strictly(self) -> None:
        row = json.loads(entry_json("resnet18"))
        self.assertEqual(entry_from_json(json.dumps(row)).to_json(), row)
        for field in row:
            missing = {key: value for key, value in row.items() if key != field}
            with self.subTest(missing=field), self.assertRaisesRegex(ExportError, field):
                entry_from_json(json.dumps(missing))
        for field, value in (
            ("name", "../evil"), ("name", ".hidden"), ("name", "ResNet"), ("feature_dim", 0),
            ("image_size", 1.5), ("params", True), ("mean", [0, 0]), ("std", [0, 1, 1]),
            ("interpolation", "nearest"), ("resize_mode", "fill"), ("unknown", 1),
        ):  # fmt: skip
            with self.subTest(field=field, value=value), self.assertRaises(ExportError):
                entry_from_json(json.dumps({**row, field: value}))
        for text in ("", "[]", "{", '{"name": NaN}', "[" * 100000):
            with self.subTest(text=text[:10]), self.assertRaises(ExportError):
                entry_from_json(text)


if __name__ == "__main__":
    unittest.main()
