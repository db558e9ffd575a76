"""Renders docs/benchmarks.md from the figures that run.py gathered."""


def measured(part: dict) -> str:
    return f"Measured {part['measured']['date']} at commit {part['measured']['commit']}."


def pipeline(part: dict) -> list[str]:
    lines = [
        "## Folder of JPEGs to cached features",
        "500x375 colour JPEGs, quality 90, to features in the cache; images a second, medians of alternating rounds. The "
        "peer is what `pip install torch torchvision` gives: ImageFolder, a DataLoader with the worker count that was "
        "fastest, the torchvision model; *tuned* adds channels-last and bf16 autocast. Random weights on both sides.",
        "",
        "| backbone | caft | PyTorch | PyTorch tuned | ratio | ratio tuned |",
        "|---|---|---|---|---|---|",
    ]
    rows = {name: row for name, row in part.items() if name != "measured"}
    for name, row in rows.items():
        lines.append(
            f"| {name} | {row['caft']:.1f} | {row['f32']:.1f} | {row['tuned']:.1f} |"
            f" {row['caft'] / row['f32']:.1f}x | {row['caft'] / row['tuned']:.1f}x |"
        )
    lines += [
        "",
        "What the pipeline makes of its parts: decoding and resizing alone, the engine alone, and the share of the rate "
        "that the two costs, added, allow.",
        "",
        "| backbone | decode and resize | engine | pipeline of what they allow |",
        "|---|---|---|---|",
    ]
    lines += [f"| {n} | {r['decode']:.0f} | {r['engine']:.1f} | {r['of_bound']:.2f} |" for n, r in rows.items()]
    return [*lines, "", measured(part), ""]


def engine(part: dict) -> list[str]:
    lines = [
        "## Engine alone",
        "Batch 16, images a second, against OpenVINO's own benchmark_app in turns (throughput hint).",
        "",
        "| backbone | caft | benchmark_app | ratio |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {n} | {r['caft']:.1f} | {r['benchmark_app']:.1f} | {r['ratio']:.2f} |"
        for n, r in part.items()
        if n != "measured"
    ]
    return [*lines, "", measured(part), ""]


def head(part: dict, whole: dict) -> list[str]:
    lines = [
        "## Head",
        "Linear 1280 to 101, 9,144 samples, batch 64, AdamW: milliseconds an epoch, in turns with PyTorch (the faster of "
        "its default and fused AdamW).",
        "",
        "| caft | PyTorch | ratio |",
        "|---|---|---|",
        f"| {part['caft']:.1f} | {part['torch']:.1f} | {part['ratio']:.2f}x |",
    ]
    if "pipeline" in whole:
        rate = whole["pipeline"]["resnet50"]["f32"]
        epoch = 9144 / rate * 1000
        lines += [
            "",
            f"An epoch of 9,144 images through a frozen ResNet-50 in PyTorch fp32 takes {epoch / 1000:.0f} s at the "
            f"{rate:.1f} images/s above; an epoch from the cache is {epoch / part['caft']:,.0f} times faster.",
        ]
    return [*lines, "", measured(part), ""]


def lab(part: dict) -> list[str]:
    heads, path = part["heads"], part["path"]
    lines = [
        "## Many heads at once",
        f"Eight linear heads 2048 to 101 by AdamW, one epoch of 9,144 rows, batch 64, fp32; PyTorch trains one after the "
        f"other, with two threads and with one. Then 45 L2 strengths (3,000 x 768, ten classes), warm from each to the "
        f"next, against scikit-learn's LogisticRegression (L-BFGS, tol 1e-4, warm start, or cold as its default is); the objectives differ by at most "
        f"{path['gap']:.1e} (caft's is that much above, or below where negative). Medians of {part['rounds']} alternating "
        f"rounds, of wall time and of processor time; the ratios are of processor time, which other users of the machine "
        f"disturb least.",
        "",
        "| job | who | seconds | processor seconds | ratio |",
        "|---|---|---|---|---|",
    ]
    for job, runs in (("heads", heads), ("path", path)):
        for who, run in runs.items():
            if who == "gap":
                continue
            ratio = run["cpu_seconds"] / runs["caft"]["cpu_seconds"]
            lines.append(f"| {job} | {who} | {run['seconds']:.2f} | {run['cpu_seconds']:.2f} | {ratio:.1f}x |")
    audit = part["audit"]
    lines += [
        "",
        f"An audit of 100,000 x 768 features in ten classes took {audit['seconds']:.0f} s: {audit['seconds_labels']:.0f} s "
        f"for out-of-fold predictions and label errors, {audit['seconds_neighbors']:.0f} s for exact neighbours, duplicates "
        "and outliers.",
    ]
    return [*lines, "", measured(part), ""]


def start(part: dict) -> list[str]:
    lines = ["## Start-up", "", "| command | ms, median of 21 |", "|---|---|"]
    lines += [f"| `caft {n}` | {ms:.1f} |" for n, ms in part.items() if n != "measured"]
    return [*lines, "", measured(part), ""]


def memory(part: dict) -> list[str]:
    lines = [
        "## Memory",
        f"Peak resident memory. Caching ResNet-50 features: {part['caching_mib']:.0f} MiB. Training a linear head on "
        f"{part['rows']:,} synthetic rows of 2,048 fp16 in 100 classes (the rows alone are {part['cache_mib']:.0f} MiB): "
        "one epoch of AdamW, or L-BFGS to convergence for one lambda, twice: to judge the lambda and for the final fit. "
        "*Unsplit* rows bring no validation split, so that L-BFGS holds some out by itself.",
        "",
        "| optimiser | peak MiB | above the rows | seconds |",
        "|---|---|---|---|",
    ]
    titles = {"adamw": "adamw", "lbfgs": "lbfgs", "lbfgs unsplit": "lbfgs, unsplit"}
    lines += [
        f"| {title} | {part[o]['peak_mib']:.0f} | {part[o]['peak_mib'] - part['cache_mib']:.0f} | {part[o]['seconds']:.0f} |"
        for o, title in titles.items()
        if o in part
    ]
    return [*lines, "", measured(part), ""]


def render(results: dict, machine: dict, kernel: str) -> str:
    lines = [
        "# Benchmarks",
        "",
        f"`make bench` on {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']:.0f} GiB,"
        f" {machine['os']}, Linux {kernel}. Only ratios within one run carry over to another machine.",
        "",
    ]
    if "pipeline" in results:
        lines += pipeline(results["pipeline"])
    if "engine" in results:
        lines += engine(results["engine"])
    if "head" in results:
        lines += head(results["head"], results)
    if "lab" in results:
        lines += lab(results["lab"])
    if "start" in results:
        lines += start(results["start"])
    if "memory" in results:
        lines += memory(results["memory"])
    return "\n".join(lines)
