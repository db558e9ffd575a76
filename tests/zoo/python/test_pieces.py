"""Weights, batch-norm statistics, preprocessing, parity and publication, each by itself."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import tiny_backbones
import torch
from caft_export import batchnorm, golden, images, models, publish, timm_models, weights
from caft_export.catalogue import entry_from_json
from caft_export.errors import ExportError
from caft_export.onnx_export import INPUT, OUTPUT, FeatureExtractor, assert_eval, export_onnx
from caft_export.parity import OnnxRunner, check_parity
from caft_export.preprocessing import Preprocessing
from PIL import Image
from safetensors.torch import save_file
from support import entry_json
from torchvision import models as torchvision_models
from torchvision import transforms

HALVES = (0.5, 0.5, 0.5)


def specification(
    mode: str, size: int, resize: int, filter_name: str = "bilinear"
) -> Preprocessing:
    return Preprocessing(mode, resize, size, size, filter_name, HALVES, HALVES)


class Scratch(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="caft-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)


class StateDicts(Scratch):
    def setUp(self) -> None:
        super().setUp()
        self.network, self.classifier = models.build_entry(
            entry_from_json(entry_json("resnet18")), 224, seed=1
        )
        torch.manual_seed(2)
        self.state = torchvision_models.resnet18(weights=None).state_dict()

    def load(self, file: Path) -> None:
        weights.load_into(self.network, weights.read_state_dict(file), self.classifier, file.name)

    def test_the_classifier_may_be_there_or_not(self) -> None:
        bare = {n: v for n, v in self.state.items() if not n.startswith("fc.")}
        ten = {**bare, "fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}
        wrapped = {"state_dict": {f"module.{n}": v for n, v in self.state.items()}, "epoch": 3}
        for state in (self.state, bare, ten, wrapped):
            file = self.folder / "weights.pth"
            torch.save(state, file)
            torch.nn.init.zeros_(self.network.conv1.weight)
            self.load(file)
            self.assertTrue(torch.equal(self.network.conv1.weight, self.state["conv1.weight"]))
        save_file(self.state, self.folder / "weights.safetensors")
        torch.nn.init.zeros_(self.network.conv1.weight)
        self.load(self.folder / "weights.safetensors")
        self.assertTrue(torch.equal(self.network.conv1.weight, self.state["conv1.weight"]))

    def test_wrong_state_dicts_are_refused(self) -> None:
        missing = {n: v for n, v in self.state.items() if n != "layer3.0.conv1.weight"}
        for state, complaint in (
            (missing, "lacks layer3.0.conv1.weight"),
            ({**self.state, "odd.weight": torch.zeros(1)}, "unknown odd.weight"),
            ({**self.state, "conv1.weight": torch.zeros(64, 1, 7, 7)}, "conv1.weight"),
            (torchvision_models.resnet34(weights=None).state_dict(), "unknown"),
            ({"epoch": 3}, "more than tensors"),
            ([1, 2], "no state dict"),
        ):
            with self.subTest(complaint=complaint):
                file = self.folder / "weights.pth"
                torch.save(state, file)
                with self.assertRaisesRegex(ExportError, complaint):
                    self.load(file)

    def test_files_that_hold_code_or_garbage_are_refused(self) -> None:
        marker = self.folder / "ran"

        class Hostile:
            def __reduce__(self) -> tuple:
                return (Path.touch, (marker,))

        torch.save({"weight": Hostile()}, self.folder / "hostile.pth")
        (self.folder / "garbage.pth").write_bytes(b"garbage" * 100)
        (self.folder / "garbage.safetensors").write_bytes(b"\xff" * 100)
        for name in ("hostile.pth", "garbage.pth", "garbage.safetensors", "absent.pth"):
            with self.subTest(name=name), self.assertRaisesRegex(ExportError, name):
                weights.read_state_dict(self.folder / name)
        self.assertFalse(marker.exists(), "code in a weights file ran")

    def test_default_weights_are_taken_from_the_cache(self) -> None:
        with mock.patch.object(torch.hub, "get_dir", return_value=str(self.folder)):
            file = self.folder / "checkpoints" / "resnet18-f37072fd.pth"
            file.parent.mkdir()
            torch.save(self.state, file)
            entry = entry_from_json(entry_json("resnet18"))
            self.assertEqual(weights.default_weights_file(entry), file)


class TimmStateDicts(unittest.TestCase):
    def setUp(self) -> None:
        self.entry = entry_from_json(entry_json("vit_small_patch14_dinov2"))
        self.network, _ = models.build_entry(self.entry, 224, seed=1)

    def test_a_checkpoint_of_another_image_size_is_resampled(self) -> None:
        theirs, _ = models.build_entry(self.entry, 518, seed=2)  # what its makers publish
        state = theirs.state_dict()
        timm_models.load(self.entry, self.network, state, "weights.safetensors")
        own = self.network.state_dict()
        self.assertEqual(own["pos_embed"].shape, (1, 1 + 16 * 16, 384))
        name = "blocks.11.mlp.fc1.weight"
        self.assertTrue(torch.equal(own[name], state[name]))

    def test_wrong_checkpoints_are_refused(self) -> None:
        state = self.network.state_dict()
        missing = {n: v for n, v in state.items() if n != "blocks.3.attn.qkv.weight"}
        narrow = {**state, "blocks.3.attn.qkv.weight": torch.zeros(3, 384)}
        for wrong in (missing, narrow):
            with self.assertRaisesRegex(ExportError, "blocks.3.attn.qkv.weight"):
                timm_models.load(self.entry, self.network, wrong, "weights.safetensors")


class BatchNorm(Scratch):
    def test_a_random_resnet_keeps_what_it_sees_in_bf16(self) -> None:
        entry = entry_from_json(entry_json("resnet50"))
        network, _ = models.build_entry(entry, 224, seed=0)
        spec = entry.preprocessing
        batchnorm.reestimate(network, images.calibration_files(None, 32, seed=0), spec)
        shown = torch.from_numpy(spec.normalize(golden.golden_images(224, 224, seed=0)))
        with torch.no_grad():
            exact = network(shown)
            with torch.autocast("cpu", torch.bfloat16):
                rounded = network(shown).float()
        mean = exact.mean(0)
        cosines = torch.nn.functional.cosine_similarity(rounded - mean, exact - mean)
        self.assertGreater(cosines.min().item(), 0.998)

    def test_statistics_are_those_of_the_images(self) -> None:
        random = np.random.default_rng(0)
        for index in range(20):
            pixels = random.integers(0, 256, (40, 50, 3), np.uint8)
            Image.fromarray(pixels).save(self.folder / f"{index}.png")
        files = images.calibration_files(self.folder, 16, seed=0)
        self.assertEqual(len(files), 16)
        torch.manual_seed(0)
        network = tiny_backbones.convolutional().train()
        dropped = []
        network[-2].register_forward_hook(lambda _, x, y: dropped.append(not torch.equal(x[0], y)))
        spec = specification("short_side", 32, 36)
        batchnorm.reestimate(network, files, spec)
        assert_eval(network)
        self.assertEqual(dropped, [False], "dropout was on")
        self.assertEqual([m.momentum for m in network if hasattr(m, "momentum")], [0.1] * 3)
        shown = np.concatenate([np.stack([images.load_image(f, spec) for f in files]),
                                golden.golden_images(32, 32, seed=1)])  # fmt: skip
        with torch.no_grad():
            first = network[0](torch.from_numpy(spec.normalize(shown)))
        torch.testing.assert_close(
            network[1].running_mean, first.mean((0, 2, 3)), rtol=1e-3, atol=1e-4
        )
        torch.testing.assert_close(
            network[1].running_var, first.var((0, 2, 3)), rtol=1e-3, atol=1e-4
        )


class Images(Scratch):
    def test_preprocessing_equals_torchvision(self) -> None:
        random = np.random.default_rng(0)
        names = {
            "bilinear": transforms.InterpolationMode.BILINEAR,
            "bicubic": transforms.InterpolationMode.BICUBIC,
        }
        for height, width in ((300, 300), (31, 97), (120, 57), (10, 400)):
            file = self.folder / "image.png"
            Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).save(file)
            for name, mode in names.items():
                for kind, resize in (("short_side", 73), ("short_side", 50), ("exact", 73)):
                    theirs = transforms.Compose([
                        transforms.Resize((64, 64) if kind == "exact" else resize, mode),
                        transforms.CenterCrop(64),
                    ])(Image.open(file))  # fmt: skip
                    ours = images.load_image(file, specification(kind, 64, resize, name))
                    np.testing.assert_array_equal(ours, np.asarray(theirs))

    def test_bad_images_are_named(self) -> None:
        file = self.folder / "bad.png"
        file.write_bytes(b"\x89PNG\r\n\x1a\n garbage")
        with self.assertRaisesRegex(ExportError, "bad.png"):
            images.load_image(file, specification("exact", 8, 8))

    def test_golden_images_differ_and_have_colour(self) -> None:
        pixels = golden.golden_images(48, 64).astype(float)
        self.assertEqual(pixels.shape, (8, 48, 64, 3))
        np.testing.assert_array_equal(golden.golden_images(48, 64), pixels)
        for i in range(8):
            for j in range(i):
                self.assertGreater(np.abs(pixels[i] - pixels[j]).mean(), 10)
            for a, b in ((0, 1), (1, 2), (0, 2)):
                self.assertGreater(np.abs(pixels[i, ..., a] - pixels[i, ..., b]).mean(), 5)

    def test_useless_features_are_refused(self) -> None:
        good = np.random.default_rng(0).normal(size=(8, 16))
        golden.check_features(good, "net")
        for bad, complaint in (
            (np.where(good > 1, np.nan, good), "finite"),
            (good * 1e-13, "vanish"),
            (np.ones((8, 16)) + good * 1e-4, "alike"),
        ):
            with self.subTest(complaint=complaint), self.assertRaisesRegex(ExportError, complaint):
                golden.check_features(bad, "net")


class Parity(Scratch):
    def test_another_function_is_refused(self) -> None:
        torch.manual_seed(0)
        network = FeatureExtractor(tiny_backbones.convolutional())
        spec = specification("exact", 32, 32)
        file = self.folder / "net.onnx"
        export_onnx(network, spec, 17, file)
        inputs = spec.normalize(golden.golden_images(32, 32))
        run = OnnxRunner(file, INPUT, OUTPUT)
        expected = network.features(torch.from_numpy(inputs)).numpy()
        self.assertGreater(check_parity(run, inputs, expected)["min_cosine"], 0.99999)
        moved = expected.copy()
        moved[5] += 0.02 * golden.rms(expected)
        for wrong in (moved, expected[::-1].copy(), expected[:, :-1], expected * np.float32(1.01)):
            with self.assertRaises(ExportError):
                check_parity(run, inputs, wrong)


class Publication(Scratch):
    def test_appears_whole_or_not_at_all(self) -> None:
        out = self.folder / "out"
        with self.assertRaises(KeyError), publish.published_folder(out, force=False, ours="a") as f:
            (f / "a").write_text("half")
            raise KeyError
        self.assertEqual(list(self.folder.iterdir()), [])
        for text in ("first", "second"):
            with publish.published_folder(out, force=text == "second", ours="a") as f:
                (f / "a").write_text(text)
            self.assertEqual((out / "a").read_text(), text)
            self.assertEqual(list(self.folder.iterdir()), [out])

    def test_replaces_without_renameat2_too(self) -> None:
        out = self.folder / "out"
        with mock.patch.object(publish, "_renameat2", return_value=False):
            for text in ("first", "second"):
                with publish.published_folder(out, force=True, ours="a") as f:
                    (f / "a").write_text(text)
                self.assertEqual((out / "a").read_text(), text)
                self.assertEqual(list(self.folder.iterdir()), [out])

    def test_folders_of_others_are_not_replaced(self) -> None:
        out = self.folder / "photos"
        out.mkdir()
        (out / "holiday.jpg").write_text("mine")
        for force in (False, True):
            with (
                self.assertRaises(ExportError),
                publish.published_folder(out, force=force, ours="card.json"),
            ):
                self.fail("work began although the folder cannot be published")
        self.assertEqual([f.name for f in out.iterdir()], ["holiday.jpg"])


if __name__ == "__main__":
    unittest.main()
