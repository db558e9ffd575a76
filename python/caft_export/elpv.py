"""`caft_export elpv`: the ELPV photographs of solar cells as a data set of class folders."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from caft_export.errors import ExportError, UsageError
from caft_export.images import elpv_data_folder
from caft_export.progress import say
from caft_export.publish import published_folder, sync, sync_file_system

README = "README.txt"
_TEXT = """ELPV: photographs of solar cells by electroluminescence

{total} cells of the elpv-dataset, in class folders: "defective" where the experts put the
probability of a defect above 0.5. Test part: {fraction} of each class, seed {seed}.

Licence: CC BY-NC-SA 4.0 (https://creativecommons.org/licenses/by-nc-sa/4.0/): not for commercial
use. Please cite:

S. Deitsch, V. Christlein, S. Berger, C. Buerhop-Lutz, A. Maier, F. Gallwitz, C. Riess: Automatic
classification of defective photovoltaic module cells in electroluminescence images. Solar Energy
185 (2019), 455-468.
"""


def elpv(arguments: argparse.Namespace) -> dict[str, Any]:
    """Lays the data set out; returns the counts. A second run of one split changes nothing."""
    if not 0 < arguments.test_fraction < 1:
        raise UsageError("--test-fraction lies between 0 and 1")
    data = elpv_data_folder()
    if data is None:
        raise ExportError("the ELPV images are in the package elpv-dataset: install it")
    out = Path(os.path.abspath(arguments.out))
    classes = _classes(data / "labels.csv")
    plan = _plan(classes, arguments.test_fraction, arguments.seed)
    total = sum(len(files) for files in classes.values())
    readme = _TEXT.format(total=total, fraction=arguments.test_fraction, seed=arguments.seed)
    if _is_laid_out(out, plan, data, readme):
        say(f"{out} is complete already")
    else:
        with published_folder(out, force=_is_ours(out), ours=README, sync_files=False) as folder:
            copied = False
            for target, name in plan.items():
                place = folder / target
                place.parent.mkdir(parents=True, exist_ok=True)
                copied = not _link(data / name, place) or copied
            (folder / README).write_text(readme, encoding="utf-8")
            sync(folder / README)
            if copied:
                sync_file_system(folder)
        say(f"laid out {total} images in {out}")
    counts: dict[str, dict[str, int]] = {}
    for target in plan:
        part, label, _ = target.split("/")
        counts.setdefault(part, {}).setdefault(label, 0)
        counts[part][label] += 1
    return {"out": str(out), "seed": arguments.seed, **counts}


def _classes(labels: Path) -> dict[str, list[str]]:
    """Image paths by class, from lines of path, probability and cell type."""
    classes: dict[str, list[str]] = {"functional": [], "defective": []}
    for number, line in enumerate(labels.read_text(encoding="utf-8").splitlines(), 1):
        try:
            name, probability, _ = line.split()
            label = "defective" if float(probability) > 0.5 else "functional"
        except ValueError:
            raise ExportError(
                f"{labels}, line {number}: expected path, probability, type"
            ) from None
        classes[label].append(name)
    return classes


def _plan(classes: dict[str, list[str]], fraction: float, seed: int) -> dict[str, str]:
    """Where each image goes: "train/functional/cell0001.png" to "images/cell0001.png".

    The order comes from a hash of seed and name, so that it is the same in every version of every
    language. Parts of the classes are rounded so that the test part as a whole has its size.
    """
    total = sum(map(len, classes.values()))
    exact = {label: len(files) * fraction for label, files in classes.items()}
    quota = {label: int(size) for label, size in exact.items()}
    by_remainder = sorted(exact, key=lambda label: quota[label] - exact[label])
    for label in by_remainder[: round(total * fraction) - sum(quota.values())]:
        quota[label] += 1
    plan = {}
    for label, files in classes.items():
        key = {name: hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in files}
        test = set(sorted(files, key=key.__getitem__)[: quota[label]])
        for name in files:
            part = "test" if name in test else "train"
            plan[f"{part}/{label}/{Path(name).name}"] = name
    return plan


def _is_ours(out: Path) -> bool:
    file = out / README
    return file.is_file() and file.read_text(encoding="utf-8", errors="replace").startswith("ELPV:")


def _is_laid_out(out: Path, plan: dict[str, str], data: Path, readme: str) -> bool:
    if not _is_ours(out) or (out / README).read_text(encoding="utf-8", errors="replace") != readme:
        return False
    present = {str(f.relative_to(out)): f for f in out.rglob("*") if not f.is_dir()}
    present.pop(README)
    return present.keys() == plan.keys() and all(
        file.stat().st_size == (data / plan[name]).stat().st_size for name, file in present.items()
    )


def _link(source: Path, target: Path) -> bool:
    """False where the file had to be copied."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
        return False
    return True
