"""`caft_export export`, run as a program."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
import unittest
from pathlib import Path

import numpy as np
import onnxruntime
from caft_export.preprocessing import preprocessing_from_json
from safetensors.numpy import load_file
from support import MODULES, SOURCE, ExporterTest, entry_json

TINY = ("--name", "tiny", "--image-size", 32)


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class Exported(ExporterTest):
    def check_folder(self, card: dict, folder: Path) -> None:
        """Card, hashes and golden sample agree, and ONNX Runtime reproduces the features."""
        self.assertEqual(json.loads((folder / "card.json").read_text()), card)
        onnx, golden = folder / card["onnx"], folder / card["golden"]
        self.assertEqual(
            sorted(f.name for f in folder.iterdir()), sorted(["card.json", onnx.name, golden.name])
        )
        self.assertEqual(sha256(onnx), card["onnx_sha256"])
        self.assertEqual(sha256(golden), card["golden_sha256"])
        tensors = load_file(golden)
        images = preprocessing_from_json(card["preprocessing"], "card").normalize(tensors["images"])
        session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
        self.assertEqual(session.get_inputs()[0].shape[1:], list(images.shape[1:]))
        self.assertIsInstance(session.get_inputs()[0].shape[0], str, "the batch is not dynamic")
        for batch in (1, 2, 8):
            features = session.run([card["output"]], {card["input"]: images[:batch]})[0]
            self.assertEqual(features.shape, (batch, card["feature_dim"]))
            np.testing.assert_allclose(features, tensors["features"][:batch], rtol=0, atol=2e-3)

    def test_random_resnet18(self) -> None:
        arguments = ("export", "--entry-json", entry_json("resnet18"), "--out", self.out)
        card = self.succeed(*arguments, "--weights", "random", "--seed", 3, "--image-size", 64)
        self.check_folder(card, self.out)
        self.assertEqual(card["weights"], "random seed 3")
        self.assertEqual((card["feature_dim"], card["params"]), (512, 11176512))
        spec = card["preprocessing"]
        self.assertEqual((spec["height"], spec["resize"]), (64, 73), "the crop's share is kept")

        self.assertIn("--force", self.fail_with(1, *arguments, "--weights", "random"))
        self.assertEqual(json.loads((self.out / "card.json").read_text()), card, "left as it was")

        again = self.succeed(
            *arguments,
            "--weights",
            "random",
            "--seed",
            3,
            "--image-size",
            64,
            "--force",
            "--simplify",
        )
        self.check_folder(again, self.out)
        self.assertEqual(again["weights_sha256"], card["weights_sha256"], "a seed reproduces")
        self.assertEqual(again["golden_sha256"], card["golden_sha256"])
        self.assertEqual([f.name for f in self.out.parent.iterdir()], ["net"])

    def test_random_weights_of_other_families(self) -> None:
        for name, dim in (("mobilenet_v3_small", 576), ("vit_small_patch14_dinov2", 384)):
            with self.subTest(name=name):
                out = self.out.with_name(name)
                card = self.succeed(
                    "export", "--entry-json", entry_json(name), "--out", out,
                    "--weights", "random", "--image-size", 56,
                )  # fmt: skip
                self.check_folder(card, out)
                self.assertEqual(card["feature_dim"], dim)
                self.assertGreaterEqual(card["parity"]["min_cosine"], 0.9999)

    def test_efficientnet_lite0_with_its_real_weights(self) -> None:
        card = self.succeed(
            "export", "--entry-json", entry_json("efficientnet_lite0"), "--out", self.out
        )
        self.check_folder(card, self.out)
        self.assertEqual(card["weights"], "default")
        self.assertTrue(card["weights_sha256"].startswith("57934424"), "its file is named so")
        golden = load_file(self.out / "golden.safetensors")
        spec = preprocessing_from_json(card["preprocessing"], "card")
        swapped = spec.normalize(golden["images"][..., ::-1])
        session = onnxruntime.InferenceSession(str(self.out / card["onnx"]))
        features = session.run(None, {"images": swapped})[0]
        mean = golden["features"].mean(0)
        for a, b in zip(features - mean, golden["features"] - mean, strict=True):
            cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            self.assertLess(cosine, 0.99, "swapped colour channels would go unnoticed")

    def test_weights_of_timm_that_cannot_be_had(self) -> None:
        error = self.fail_with(
            1, "export", "--entry-json", entry_json("convnext_tiny"), "--out", self.out,
            HF_HUB_OFFLINE="1", HF_HOME=str(self.folder / "hub"),
        )  # fmt: skip
        self.assertIn("timm/convnext_tiny.fb_in22k_ft_in1k", error)
        self.assertIn("--weights model.safetensors", error)
        self.assert_nothing_left()

    def test_modules_of_the_users_own(self) -> None:
        module = f"{MODULES}:transformer"
        card = self.succeed("export", "--module", module, *TINY, "--out", self.out)
        self.check_folder(card, self.out)
        self.assertEqual((card["name"], card["feature_dim"]), ("tiny", 24))
        module = f"{MODULES}:noisy"
        out = self.out.with_name("other")
        card = self.succeed(
            "export", "--module", module, *TINY, "--weights", "random", "--resize-mode", "exact",
            "--interpolation", "bicubic", "--mean", "0,0.5,1", "--std", "1,0.5,1", "--out", out,
        )  # fmt: skip
        self.check_folder(card, out)
        self.assertEqual(card["preprocessing"]["mean"], [0.0, 0.5, 1.0])
        self.assertEqual(card["preprocessing"]["resize_mode"], "exact")


class Refused(ExporterTest):
    def test_wrong_usage(self) -> None:
        module = f"{MODULES}:convolutional"
        for arguments in (
            (),
            ("fly",),
            ("export", "--out", self.out),
            ("export", "--entry-json", entry_json("resnet18")),
            ("export", "--module", module, "--out", self.out),
            ("export", "--module", "no-colon", *TINY, "--out", self.out),
            ("export", "--module", module, *TINY, "--out", self.out, "--std", "0,1,1"),
            ("export", "--module", module, "--name", "x", "--image-size", "-1", "--out", self.out),
            ("elpv", "--out", self.out, "--test-fraction", "1.5"),
        ):
            with self.subTest(arguments=arguments):
                self.fail_inside(2, *arguments)
        self.assert_nothing_left()
        self.fail_with(2, "export", "--out", self.out)  # and as a program

    def test_modules_that_cannot_serve(self) -> None:
        for factory, complaint in (
            ("frozen_batch", "not the same function"),
            ("always_training", "training mode"),
            ("constant", "alike"),
            ("feature_map", "[N, D]"),
            ("raises", "RuntimeError: two lines"),
            ("not_a_module", "int"),
            ("absent", "absent"),
        ):
            with self.subTest(factory=factory):
                error = self.fail_inside(
                    1, "export", "--module", f"{MODULES}:{factory}", *TINY, "--out", self.out
                )
                self.assertIn(complaint, error)
                self.assert_nothing_left()

    def test_default_weights_without_a_network(self) -> None:
        closed = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy")}
        hub = self.folder / "hub-cache"
        error = self.fail_with(
            1, "export", "--entry-json", entry_json("resnet18"), "--out", self.out,
            TORCH_HOME=str(hub), no_proxy="", **closed,
        )  # fmt: skip
        self.assertIn("--weights resnet18-f37072fd.pth", error)
        self.assertIn(str(hub / "hub" / "checkpoints" / "resnet18-f37072fd.pth"), error)
        self.assert_nothing_left()

    def test_killed_export_leaves_nothing(self) -> None:
        arguments = ("export", "--entry-json", entry_json("resnet50"), "--weights", "random")
        process = subprocess.Popen(
            self.command(*arguments, "--out", self.out),
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(SOURCE / "python")},
        )
        deadline = time.monotonic() + 120
        while not self.out.parent.is_dir() or not any(self.out.parent.iterdir()):
            self.assertLess(time.monotonic(), deadline, "no temporary folder appeared")
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate()
        self.assertNotEqual(process.returncode, 0)
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
