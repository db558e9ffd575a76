"""Two classifiers on a tiny backbone, for tests in Python that need one in seconds."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


class Caft:
    """Runs the binary with WORK as its folder and store."""

    def __init__(self, binary: str, work: Path) -> None:
        self.binary, self.work = binary, work
        self.environment = {**os.environ, "CAFT_HOME": str(work / "home")}

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        command = [self.binary, *arguments, "--json"]
        return subprocess.run(command, env=self.environment, cwd=self.work, capture_output=True, text=True)

    def json(self, *arguments: str):
        done = self.run(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        return json.loads(done.stdout)

    def make_models(self) -> None:
        """The data set `data` (classes flat and noise) and the models `first` (linear) and `second` (mlp)."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        subprocess.run([sys.executable, ROOT / "tests/support/make_tiny_backbone.py", self.work], check=True)
        self.json("zoo", "add", "tiny.onnx", "--card", "tiny-card.json")
        random = np.random.default_rng(0)
        for name in ("flat", "noise"):
            folder = self.work / "data" / name
            folder.mkdir(parents=True)
            for i in range(24):
                pixels = random.integers(0, 256, (48, 56, 3)) if name == "noise" else np.full((48, 56, 3), 9 * i + 20)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
        for name, head in (("first", "linear"), ("second", "mlp")):
            self.json("train", "data", "-b", "tiny", "--head", head, "--precision", "fp32", "--out", name)
