"""Runs the CPU benchmarks against their peers and writes docs/benchmarks.md. Called by `make bench`.

usage: run.py CAFT_BUILD_FOLDER [--only pipeline,engine,head,lab,start,memory] [--rounds N] [--images N] [--rows N]

Rounds alternate caft and peer, so that a machine whose speed drifts slows both; medians are reported. Results of
parts that were not run are kept from build/bench/results.json.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import report

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "bench"
PEER = ROOT / ".venv-peer" / "bin" / "python"
OURS = ROOT / ".venv" / "bin" / "python"
BACKBONES = ("resnet50", "efficientnet_b0")


def run(*command: object, **environment: str) -> str:
    result = subprocess.run(
        [str(c) for c in command], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    return result.stdout


def run_json(*command: object) -> dict:
    return json.loads(run(*command))


def prepare(caft: Path, images: int) -> Path:
    folder = WORK / f"jpegs-{images}"
    if not folder.exists():
        run(OURS, ROOT / "bench" / "make_jpegs.py", folder, images)
    for name in BACKBONES:
        if not (Path(os.environ["CAFT_HOME"]) / "zoo" / name).exists():
            run(caft, "zoo", "export", name, "--weights", "random", "--json")
    return folder


def best_workers(folder: Path, name: str, mode: str) -> int:
    """The DataLoader worker count that is fastest here, from one short run each."""
    rates = {
        workers: run_json(PEER, ROOT / "bench/peer_pipeline.py", folder, name, "--mode", mode, "--workers", workers,
                          "--limit", 96)["images_per_second"]
        for workers in (0, 1, 2)
    }
    return max(rates, key=rates.get)


def pipeline(caft: Path, folder: Path, rounds: int) -> dict:
    results = {}
    for name in BACKBONES:
        workers = {mode: best_workers(folder, name, mode) for mode in ("f32", "tuned")}
        samples: dict[str, list[float]] = {key: [] for key in ("caft", "f32", "tuned", "engine", "decode", "of_bound")}
        for number in range(rounds):
            cache = WORK / f"cache-{name}-{number}"
            subprocess.run(["rm", "-rf", cache], check=True)
            cached = run_json(caft, "cache", folder, "--backbone", name, "--cache", cache, "--json")
            samples["caft"].append(cached["images_per_second"])
            subprocess.run(["rm", "-rf", cache], check=True)
            for mode in ("f32", "tuned"):
                limit = 192 if mode == "f32" else 384
                peer = run_json(PEER, ROOT / "bench/peer_pipeline.py", folder, name, "--mode", mode, "--workers",
                                workers[mode], "--limit", limit)
                samples[mode].append(peer["images_per_second"])
            bench = run_json(caft, "bench", name, "--images", folder, "--seconds", 5, "--json")
            samples["engine"].append(bench["images_per_second"])
            samples["decode"].append(bench["decode_images_per_second"])
            samples["of_bound"].append(bench["pipeline_of_bound"])
        results[name] = {key: statistics.median(values) for key, values in samples.items()}
        results[name]["workers"] = workers
    return results


def benchmark_app(onnx: Path, precision: str) -> float:
    text = run(ROOT / ".venv/bin/benchmark_app", "-m", onnx, "-d", "CPU", "-hint", "throughput", "-t", 8,
               "-data_shape", "[16,3,224,224]", "-shape", "[16,3,224,224]", "-infer_precision", precision)
    line = next(line for line in text.splitlines() if "Throughput:" in line)
    return float(line.split("Throughput:")[1].split()[0])


def engine(caft: Path, rounds: int) -> dict:
    results = {}
    for name in BACKBONES:
        onnx = Path(os.environ["CAFT_HOME"]) / "zoo" / name / f"{name}.onnx"
        for ours, theirs in (("fp32", "f32"), ("bf16", "bf16")):
            pairs = [
                (run_json(caft, "bench", name, "--precision", ours, "--seconds", 8, "--json")["images_per_second"],
                 benchmark_app(onnx, theirs))
                for _ in range(rounds)
            ]
            results[f"{name} {ours}"] = {
                "caft": statistics.median(a for a, _ in pairs),
                "benchmark_app": statistics.median(b for _, b in pairs),
                "ratio": statistics.median(a / b for a, b in pairs),
            }
    return results


def head(build: Path, rounds: int) -> dict:
    pairs = [
        (
            run_json(build / "bin/head_bench", "--json")["epoch_ms"],
            run_json(PEER, ROOT / "bench/peer_head.py")["epoch_ms"],
        )
        for _ in range(rounds)
    ]
    return {"caft": statistics.median(a for a, _ in pairs), "torch": statistics.median(b for _, b in pairs),
            "ratio": statistics.median(b / a for a, b in pairs)}


def lab(build: Path, rounds: int) -> dict:
    """Heads: eight at a time, so that many short rounds alternate; the rates are per head and epoch. On one thread
    PyTorch wastes nothing on waiting: its processor time is what a user who runs two processes at once would pay."""
    features = WORK / "lab_features.f32"
    bench, few = build / "bin/sweep_bench", ("--epochs", 1, "--heads", 8)
    shape = ("--rows", 3000, "--dim", 768, "--classes", 10, "--lambdas", 45)
    heads, path = [], []
    for _ in range(rounds):
        ours = run_json(bench, "heads", features, *few)
        both = run_json(PEER, ROOT / "bench/peer_sweep.py", features, *few)
        one = run_json(PEER, ROOT / "bench/peer_sweep.py", features, *few, "--threads", 1, OMP_NUM_THREADS="1")
        heads.append((ours, both, one))
    for _ in range(rounds):
        ours = run_json(bench, "path", features, *shape)
        theirs = run_json(OURS, ROOT / "bench/peer_path.py", features, *shape)
        cold = run_json(OURS, ROOT / "bench/peer_path.py", features, *shape, "--cold")
        path.append((ours, theirs, cold))
    gap = max(a[1] - b[1] for ours, theirs, _ in path for a, b in zip(ours["path"], theirs["path"]))

    def medians(runs: list[tuple], i: int) -> dict:
        return {key: statistics.median(r[i][key] for r in runs) for key in ("seconds", "cpu_seconds")}

    audit = run_json(bench, "audit", features, "--rows", 100_000, "--dim", 768, "--classes", 10)
    features.unlink()
    return {"heads": {"caft": medians(heads, 0), "torch": medians(heads, 1), "torch, one thread": medians(heads, 2)},
            "path": {"caft": medians(path, 0), "scikit-learn": medians(path, 1),
                     "scikit-learn, cold": medians(path, 2), "gap": gap},
            "audit": audit, "rounds": rounds}


def start(caft: Path) -> dict:
    results = {}
    for arguments in (("--help",), ("zoo", "list")):
        times = []
        for _ in range(21):
            begin = time.perf_counter()
            run(caft, *arguments)
            times.append((time.perf_counter() - begin) * 1000)
        results[" ".join(arguments)] = statistics.median(times)
    return results


def peak_mib(*command: object) -> tuple[float, str]:
    """Peak resident memory of a command, as GNU time would print it, and its output."""
    child = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"error: {' '.join(map(str, command))} failed")
    return usage.ru_maxrss / 1024, output


def memory(caft: Path, build: Path, folder: Path, rows: int) -> dict:
    cache = WORK / f"synthetic-{rows}"
    if not cache.exists():
        run(build / "bin/make_synthetic_cache", rows, 2048, cache)
    subprocess.run(["rm", "-rf", WORK / "cache-memory"], check=True)
    caching, _ = peak_mib(caft, "cache", folder, "--backbone", "resnet50", "--cache", WORK / "cache-memory", "--json")
    result = {"rows": rows, "caching_mib": caching, "cache_mib": rows * 2048 * 2 / 2**20}
    for name in ("adamw", "lbfgs", "lbfgs unsplit"):
        peak, output = peak_mib(build / "bin/train_synthetic", cache, *name.split())
        result[name] = {"peak_mib": peak, **json.loads(output)}
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("--only", default="pipeline,engine,head,lab,start,memory")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=768)
    parser.add_argument("--rows", type=int, default=2_000_000)
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("CAFT_HOME", str(WORK / "home"))
    caft = args.build / "bin" / "caft"
    parts = args.only.split(",")
    stored = WORK / "results.json"
    results = json.loads(stored.read_text()) if stored.exists() else {}
    folder = prepare(caft, args.images)
    jobs = {
        "pipeline": lambda: pipeline(caft, folder, args.rounds),
        "engine": lambda: engine(caft, args.rounds),
        "head": lambda: head(args.build, args.rounds),
        "lab": lambda: lab(args.build, args.rounds),
        "start": lambda: start(caft),
        "memory": lambda: memory(caft, args.build, folder, args.rows),
    }
    for part in parts:
        results[part] = jobs[part]()
        results[part]["measured"] = {
            "date": time.strftime("%Y-%m-%d"),
            "commit": run("git", "-C", ROOT, "rev-parse", "--short", "HEAD").strip(),
        }
        stored.write_text(json.dumps(results, indent=1))
        print(f"{part}: {json.dumps(results[part])}", file=sys.stderr)
    machine = run_json(caft, "doctor", "--json")
    (ROOT / "docs" / "benchmarks.md").write_text(report.render(results, machine, platform.release()))


main()
