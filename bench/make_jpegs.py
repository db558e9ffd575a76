"""Makes the pipeline benchmark's images: 500x375 colour JPEGs, quality 90, about 85 KB each.

usage: make_jpegs.py OUT COUNT [PROCESSES]

Each is a crop of an ELPV photograph, scaled up, tinted, with noise added in colour, so that its entropy is that of an
ordinary photograph. Two class folders, as torchvision's ImageFolder wants them. Seeded.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import elpv_dataset
import numpy as np
from PIL import Image


def make(out: Path, i: int, photos: list[Path]) -> int:
    """Writes image i; the same one whatever the number of processes."""
    random = np.random.default_rng(i)
    path = out / ("a" if i % 2 == 0 else "b") / f"{i:06d}.jpg"
    grey = Image.open(photos[int(random.integers(len(photos)))]).convert("L")
    left, top = (int(v) for v in random.integers(0, [100, 150]))
    crop = grey.crop((left, top, left + 200, top + 150)).resize((500, 375), Image.BICUBIC)
    tint = random.uniform(0.5, 1.0, 3)
    pixels = np.asarray(crop, np.float32)[:, :, None] * tint
    pixels += random.standard_normal(pixels.shape, np.float32) * 16
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=90)
    return path.stat().st_size


def main() -> None:
    out, count = Path(sys.argv[1]), int(sys.argv[2])
    processes = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    photos = sorted(Path(elpv_dataset.__file__).parent.rglob("images/*.png"))
    if not photos:
        sys.exit("error: elpv_dataset has no images folder")
    for name in ("a", "b"):
        (out / name).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes) as pool:
        sizes = list(pool.map(partial(make, out, photos=photos), range(count), chunksize=32))
    print(f"{count} JPEGs of {np.mean(sizes) / 1000:.1f} kB on average in {out}")


if __name__ == "__main__":
    main()
