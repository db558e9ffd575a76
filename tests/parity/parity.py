"""Proves that caft's features are PyTorch's, from the image file on.

usage: parity.py CAFT NAME… [--images N] [--table FILE.md]

For each backbone: exports it with `caft zoo export` (EfficientNet-Lite0 with its real weights, the others seeded), caches
photographs with `caft cache` in fp32 and in bf16, and compares the cached rows with the same network in PyTorch fed by
PIL and torchvision transforms. Cosines are taken after subtracting the set's mean feature. Fails unless

- fp32: cosine at least 0.9999 a sample, greatest difference within 1e-3 of the feature scale (its largest magnitude);
- bf16, where the CPU has it: cosine at least 0.99 a sample (PyTorch's own bf16 autocast is shown beside it: bf16 costs
  some networks more than others, whoever computes it);
- swapped colour channels would be noticed: on tinted photographs every cosine is then below 0.99, and without the swap
  at least 0.9999.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import load_file
from torchvision import transforms

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
from caft_export import batchnorm, models, weights  # noqa: E402
from caft_export.catalogue import Entry, entry_from_json  # noqa: E402
from caft_export.images import calibration_files, elpv_data_folder  # noqa: E402


HEADING = """# Parity with PyTorch

`make parity` exports every backbone, caches {images} ELPV photographs through the real binary and compares each cached row
with the same network in PyTorch fp32, fed by PIL and torchvision transforms: decoding, preprocessing and engine together.
Cosines are taken after subtracting the set's mean feature; the worst of the photographs is shown. The last column is the
best cosine that tinted photographs reach when their red and blue are swapped.

{machine}

"""


def machine() -> str:
    """Where and by what the table was measured."""
    doctor = caft("doctor")
    engine = next(f["detail"] for f in doctor["findings"] if f["what"] == "engine openvino")
    root = Path(__file__).resolve().parents[2]
    git = ["git", "-C", str(root), "log", "-1", "--format=%h"]
    commit = subprocess.run(git, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return (
        f"Measured {time.strftime('%Y-%m-%d')} by `make parity` at commit {commit} on {doctor['cpu']}, {doctor['cores']} cores, "
        f"{doctor['os']}: {engine}; PyTorch {torch.__version__}."
    )


def bf16_verdict(results: list[dict]) -> str:
    """Says which backbones lose more than a hundredth to bf16, and what PyTorch's own bf16 loses there."""
    measured = [r for r in results if r["bf16"] is not None]
    if not measured:
        return "This CPU has no bf16, so those columns are empty."
    low = [r for r in measured if r["bf16"] < 0.99]
    if not low:
        return "In bf16 every photograph of every backbone reaches 0.99."
    names = "; ".join(
        f"{r['name']} (worst {r['bf16']:.4f}, median {r['bf16_median']:.4f}; PyTorch's autocast {r['autocast']:.4f})" for r in low
    )
    return f"In bf16 these miss 0.99 on their worst photograph: {names}. `--precision fp32` is exact."


def caft(*arguments: object) -> dict:
    """Runs the real binary and returns its JSON document."""
    command = [os.environ["CAFT_BINARY"], *map(str, arguments), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def photographs(count: int) -> list[Path]:
    """ELPV's solar cells, evenly spread over the data set."""
    data = elpv_data_folder()
    if data is None:
        sys.exit("error: the elpv-dataset package is not installed")
    files = sorted((data / "images").glob("*.png"))
    return files[:: len(files) // count][:count]


def write_plain(folder: Path, sources: list[Path]) -> list[Path]:
    """Copies in two class folders."""
    written = []
    for i, source in enumerate(sources):
        path = folder / "ab"[i % 2] / source.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
        written.append(path)
    return written


def write_tinted(folder: Path, sources: list[Path]) -> list[Path]:
    """Odd-sized JPEGs, tinted so that red and blue differ strongly: the cells themselves are grey."""
    random = np.random.default_rng(1)
    written = []
    for i, source in enumerate(sources):
        red = random.uniform(0.2, 0.45) + 0.5 * (i % 2)
        tint = np.array([red, random.uniform(0.5, 0.9), 1.15 - red])
        grey = np.asarray(Image.open(source).convert("L").crop((20, 10, 291, 240)), np.float32)
        path = folder / "ab"[i % 2] / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((grey[:, :, None] * tint).clip(0, 255).astype(np.uint8)).save(path, quality=92)
        written.append(path)
    return written


def pytorch_network(entry: Entry, random: bool) -> torch.nn.Module:
    network, classifier = models.build_entry(entry, entry.preprocessing.height, 0)
    if not random:
        file = weights.default_weights_file(entry)
        weights.load_into(network, weights.read_state_dict(file), classifier, file.name)
    elif batchnorm.has_batch_norm(network):
        batchnorm.reestimate(network, calibration_files(None, batchnorm.COUNT, 0), entry.preprocessing)
    return network.eval()


def pytorch_features(
    network: torch.nn.Module, entry: Entry, files: list[Path], swap: bool = False, bf16: bool = False
) -> np.ndarray:
    spec = entry.preprocessing
    assert spec.resize_mode == "short_side"
    mode = {"bilinear": transforms.InterpolationMode.BILINEAR, "bicubic": transforms.InterpolationMode.BICUBIC}
    pipeline = transforms.Compose(
        [
            transforms.Resize(spec.resize, mode[spec.interpolation]),
            transforms.CenterCrop(spec.height),
            transforms.ToTensor(),
            transforms.Normalize(spec.mean, spec.std),
        ]
    )
    rows = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for file in files:
            image = Image.open(file).convert("RGB")
            if swap:
                image = Image.merge("RGB", image.split()[::-1])
            rows.append(network(pipeline(image)[None]).flatten(1).float().numpy()[0])
    return np.stack(rows)


def cached_features(name: str, data: Path, files: list[Path], precision: str, cache: Path) -> np.ndarray:
    document = caft("cache", data, "--backbone", name, "--precision", precision, "--dtype", "fp32", "--cache", cache)
    assert document["computed"] == len(files) and document["precision"] == precision, document
    rows = {}
    for shard in (cache / "shards").glob("*.safetensors"):
        tensors = load_file(shard)
        rows.update({bytes(key): row for key, row in zip(tensors["sample_key"], tensors["features"], strict=True)})
    with sqlite3.connect(cache / "index.sqlite") as index:
        keys = dict(index.execute("SELECT name, key FROM manifest"))
    return np.stack([rows[keys[str(f)]] for f in files])


def cosines(features: np.ndarray, expected: np.ndarray) -> np.ndarray:
    a, b = features - expected.mean(0), expected - expected.mean(0)
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def check(name: str, sources: list[Path], scratch: Path) -> dict:
    real = name == "efficientnet_lite0"
    card = caft("zoo", "export", name, "--weights", "default" if real else "random")
    line = next(line for line in caft("zoo", "list") if line["name"] == name)
    catalogue = Path(__file__).resolve().parents[2] / "src" / "zoo" / "catalogue.json"
    row = next(r for r in json.loads(catalogue.read_text())["backbones"] if r["name"] == name)
    entry = entry_from_json(json.dumps(row))
    assert line["exported"] and line["feature_dim"] == entry.feature_dim
    network = pytorch_network(entry, random=not real)
    data, colour = scratch / "plain", scratch / "tinted"
    files, tinted = write_plain(data, sources), write_tinted(colour, sources)
    expected = pytorch_features(network, entry, files)
    scale = np.abs(expected).max()
    fp32 = cached_features(name, data, files, "fp32", scratch / f"{name}-fp32")
    coloured = cached_features(name, colour, tinted, "fp32", scratch / f"{name}-tinted")
    result = {
        "name": name,
        "weights": card["weights"],
        "fp32": float(cosines(fp32, expected).min()),
        "difference": float(np.abs(fp32 - expected).max() / scale),
        "tinted": float(cosines(coloured, pytorch_features(network, entry, tinted)).min()),
        "swapped": float(cosines(coloured, pytorch_features(network, entry, tinted, swap=True)).max()),
        "bf16": None,
    }
    if "avx512_bf16" in Path("/proc/cpuinfo").read_text():
        bf16 = cached_features(name, data, files, "bf16", scratch / f"{name}-bf16")
        result["bf16"] = float(cosines(bf16, expected).min())
        result["bf16_median"] = float(np.median(cosines(bf16, expected)))
        result["autocast"] = float(cosines(pytorch_features(network, entry, files, bf16=True), expected).min())
    result["ok"] = bool(
        result["fp32"] >= 0.9999
        and result["difference"] <= 1e-3
        and result["tinted"] >= 0.9999
        and result["swapped"] < 0.99
        and (result["bf16"] is None or (result["bf16"] >= 0.99))
    )
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("caft")
    parser.add_argument("names", nargs="+")
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--table", type=Path)
    args = parser.parse_args()
    os.environ["CAFT_BINARY"] = args.caft
    lines = [
        "| backbone | weights | fp32 cosine | fp32 difference / scale | bf16 cosine, worst | median |"
        " PyTorch bf16 autocast, worst | swapped channels |",
        "|---|---|---|---|---|---|---|---|",
    ]
    results, failed = [], []
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["CAFT_HOME"] = f"{scratch}/home"
        sources = photographs(args.images)
        for name in args.names:
            r = check(name, sources, Path(scratch))
            results.append(r)
            bf16 = "- | - | -"
            if r["bf16"] is not None:
                bf16 = f"{r['bf16']:.4f} | {r['bf16_median']:.4f} | {r['autocast']:.4f}"
            lines.append(
                f"| {name} | {r['weights']} | {r['fp32']:.7f} | {r['difference']:.1e} | {bf16} | {r['swapped']:.3f} |"
            )
            print(lines[-1], "ok" if r["ok"] else "FAILED", flush=True)
            if not r["ok"]:
                failed.append(name)
    if args.table:
        heading = HEADING.format(images=args.images, machine=machine())
        args.table.write_text(heading + "\n".join(lines) + f"\n\n{bf16_verdict(results)}\n")
    if failed:
        sys.exit(f"error: {', '.join(failed)} differ from PyTorch")


main()
