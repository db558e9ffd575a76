"""Runs the GPU benchmarks and writes docs/gpu_results.json and docs/gpu_results.md.

usage: gpu_suite.py CAFT_BUILD_FOLDER --photos DIR --jpegs DIR [--backbones NAME,…] [--out DIR] [--seconds S] [--jobs N]

Needs a GPU, TensorRT and, for the peer, PyTorch with CUDA. --photos: real images, for validation and for the
statistics of random weights; --jpegs: what bench/make_jpegs.py wrote. Each backbone is exported (random weights, but
EfficientNet-Lite0's real ones when the store has them), built in FP16, validated against ONNX Runtime in FP32 on the
photographs, N at once; then each is measured with the machine to itself: alone, against a bare TensorRT loop, and end
to end from the folder of JPEGs to the cache. What is done is written at once, so that an interrupted run keeps its lines.
"""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("resnet50", "resnet18", "efficientnet_lite0", "mobilenet_v3_large", "vgg16_bn", "efficientnet_b0", "vit_b_16")


def run_json(*command: object) -> dict:
    print("+", " ".join(str(c) for c in command), file=sys.stderr, flush=True)
    result = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True)
    if result.returncode != 0 and not result.stdout.strip():
        raise RuntimeError(f"exit code {result.returncode}")
    return json.loads(result.stdout)


def commit() -> str:
    if "CAFT_COMMIT" in os.environ:  # a copy of the tree without its history
        return os.environ["CAFT_COMMIT"]
    return subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


class Suite:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.caft = Path(args.build) / "bin" / "caft"
        self.home = Path(os.environ.setdefault("CAFT_HOME", str(ROOT / "build" / "gpu-home")))
        self.options = ["--backend", "tensorrt", "--precision", "fp16", "--batch", args.batch]

    def export(self, name: str) -> None:
        if (self.home / "zoo" / name / "card.json").exists():
            return
        run_json(self.caft, "zoo", "export", name, "--weights", "random", "--calibration-images", self.args.photos,
                 "--json")

    def prepare(self, name: str) -> dict:
        """Exported, built, validated."""
        self.export(name)
        built = run_json(self.caft, "build", name, *self.options, "--json")
        valid = run_json(self.caft, "validate", name, *self.options, "--images", self.args.photos, "--against",
                         "onnxruntime", "--limit", self.args.photo_limit, "--json")
        return {
            "backbone": name,
            "precision": "fp16",
            "batch": self.args.batch,
            "golden_cosine": built["golden_cosine"],
            "build_seconds": built["build_seconds"],
            "plan": built["plan"],
            "plan_bytes": built["bytes"],
            "context_bytes": built["device_memory"],
            "tensorrt": built["tensorrt"],
            "gpu": built["gpu"],
            "validated_on": valid["images"],
            **{key: valid[key] for key in ("cosine_min", "cosine_mean", "top1_agreement", "max_abs", "mean_abs", "nan",
                                           "inf", "passed")},
            "commit": commit(),
            "date": datetime.date.today().isoformat(),
        }

    def measure(self, result: dict) -> dict:
        name, batch = result["backbone"], self.args.batch
        bench = run_json(self.caft, "bench", name, *self.options, "--sweep", f"1,{batch}", "--seconds",
                         self.args.seconds, "--json")
        alone = {(line["batch"], line["transfers"]): line for line in bench["sweep"]}
        result["engine_img_s"] = alone[batch, False]["images_per_second"]
        result["engine_with_copies_img_s"] = alone[batch, True]["images_per_second"]
        result["joules_per_image"] = alone[batch, False].get("joules_per_image")
        result["batch_1_latency_ms"] = alone[1, True]["latency_ms"]
        result["bare_img_s"] = run_json(Path(self.args.build) / "bin" / "bare_loop", result["plan"], batch,
                                        self.args.seconds)["images_per_second"]
        result |= self.end_to_end(name)
        result["torch_e2e_img_s"] = run_json(sys.executable, ROOT / "bench/peer_pipeline_gpu.py", self.args.jpegs, name,
                                             "--limit", 6144)["images_per_second"]
        result["plan"] = Path(result["plan"]).name
        return result

    def end_to_end(self, name: str) -> dict:
        """The folder of JPEGs to fp16 features in a new cache; the file cache is warm from making them."""
        folder = self.home / "bench-cache"
        shutil.rmtree(folder, ignore_errors=True)
        cached = run_json(self.caft, "cache", self.args.jpegs, "-b", name, *self.options, "--decode", "gpu", "--cache",
                          folder, "--json")
        shutil.rmtree(folder, ignore_errors=True)
        return {"e2e_img_s": cached["images_per_second"], "e2e_samples": cached["samples"],
                "e2e_worker_seconds": cached["worker_seconds"]}


def table(lines: list[dict]) -> str:
    rows = [
        "| backbone | engine | bare loop | ratio | JPEGs to cache | of engine | PyTorch | ratio | batch 1 p99 | "
        "cosine, worst | top-1 agreement | build |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for line in lines:
        rows.append(
            f"| {line['backbone']} | {line['engine_img_s']:.0f} | {line['bare_img_s']:.0f} | "
            f"{line['engine_img_s'] / line['bare_img_s']:.3f} | {line['e2e_img_s']:.0f} | "
            f"{line['e2e_img_s'] / line['engine_img_s']:.2f} | {line['torch_e2e_img_s']:.0f} | "
            f"{line['e2e_img_s'] / line['torch_e2e_img_s']:.1f} | {line['batch_1_latency_ms']['p99']:.2f} ms | "
            f"{line['cosine_min']:.5f} | {100 * line['top1_agreement']:.2f} % | {line['build_seconds']:.0f} s |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--photos", required=True)
    parser.add_argument("--jpegs", required=True)
    parser.add_argument("--backbones", default=",".join(NAMES))
    parser.add_argument("--out", default=str(ROOT / "docs"))
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--jobs", type=int, default=1, help="backbones that are built and validated at once")
    parser.add_argument("--photo-limit", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=256)
    args = parser.parse_args()
    suite, lines = Suite(args), []

    def guarded(step, what, name: str) -> dict | None:
        start = time.perf_counter()
        try:
            return step(what)
        except (RuntimeError, KeyError, json.JSONDecodeError) as error:
            print(f"error: {name}: {error!r}", file=sys.stderr, flush=True)
            return None
        finally:
            print(f"{name}: {step.__name__} took {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(args.jobs) as pool:
        prepared = list(pool.map(lambda name: guarded(suite.prepare, name, name), args.backbones.split(",")))
    out = Path(args.out)
    (out / "gpu_prepared.json").write_text(json.dumps(prepared, indent=2) + "\n")
    for result in prepared:
        line = guarded(suite.measure, result, result["backbone"]) if result else None
        if line is None:
            continue
        lines.append(line)
        (out / "gpu_results.json").write_text(json.dumps(lines, indent=2) + "\n")
        (out / "gpu_table.md").write_text(table(lines) + "\n")
    (out / "gpu_prepared.json").unlink()
    print(table(lines))


main()
