"""Runs scripts/demo.sh with the given binary and checks what it promises.

usage: demo_test.py CAFT WORK
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    caft, work = sys.argv[1], Path(sys.argv[2])
    environment = {**os.environ, "CAFT_HOME": str(work / "home")}
    subprocess.run(["rm", "-rf", work / "home" / "caches"], check=True)
    printed = subprocess.run(
        [ROOT / "scripts" / "demo.sh", caft, work], env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    assert "accuracy on the 656 held-out cells" in printed and "report.html" in printed, printed

    cache, train, evaluation = (json.loads((work / f"{n}.json").read_text()) for n in ("cache", "train", "eval"))
    assert cache["samples"] == cache["computed"] == 2624 and cache["failed"] == 0, cache
    assert train["train"]["n"] == 1968, train
    assert train["val"]["accuracy"] >= 0.845, train["val"]  # out of fold
    assert evaluation["n"] == 656 and evaluation["accuracy"] >= 0.83, evaluation["accuracy"]

    def run(*arguments: str) -> dict:
        command = [caft, *arguments, "--json"]
        return json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)

    again = run("cache", str(work / "elpv"), "--squash")
    assert again["computed"] == 0 and again["reused"] == 2624, again
    faults = run("cache", "verify", again["cache"])
    assert faults["faults"] == [] and faults["rows"] >= 2600, faults

    # bf16, where this CPU chose it, costs at most half a point of accuracy.
    run("train", str(work / "elpv"), "--squash", "--precision", "fp32", "--out", str(work / "model-fp32"))
    fp32 = run("eval", str(work / "model-fp32"), str(work / "elpv"))
    assert abs(fp32["accuracy"] - evaluation["accuracy"]) <= 0.005, (fp32["accuracy"], evaluation["accuracy"])

    # The exported file says the same to the last cell that is not close, in ONNX Runtime too.
    exported = run("export", str(work / "model-fp32"), "--out", str(work / "cells.onnx"))
    for replay in exported["replays"]:
        assert replay["images"] == 656 and replay["disagreeing"] == 0, replay
        assert replay["accuracy"] == fp32["accuracy"], (replay, fp32["accuracy"])

    # What predict says is what eval scored.
    predicted = run("predict", str(work / "model"), str(work / "elpv" / "test"))
    right = sum(Path(p["path"]).parent.name == p["top"][0]["class"] for p in predicted)
    assert right == round(evaluation["accuracy"] * 656), (right, evaluation["accuracy"])


main()
