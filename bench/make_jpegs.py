"""Makes the pipeline benchmark's images: 500x375 colour JPEGs, quality 90, about 85 KB each.

usage: make_jpegs.py OUT COUNT

Each is a crop of an ELPV photograph, scaled up, tinted, with noise added in colour, so that its entropy is that of an
ordinary photograph. Two class folders, as torchvision's ImageFolder wants them. Seeded.
"""

import sys
from pathlib import Path

import elpv_dataset
import numpy as np
from PIL import Image


def main() -> None:
    out, count = Path(sys.argv[1]), int(sys.argv[2])
    photos = sorted(Path(elpv_dataset.__file__).parent.rglob("images/*.png"))
    if not photos:
        sys.exit("error: elpv_dataset has no images folder")
    random = np.random.default_rng(0)
    sizes = []
    for i in range(count):
        path = out / ("a" if i % 2 == 0 else "b") / f"{i:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = Image.open(photos[int(random.integers(len(photos)))]).convert("L")
        left, top = (int(v) for v in random.integers(0, [100, 150]))
        crop = grey.crop((left, top, left + 200, top + 150)).resize((500, 375), Image.BICUBIC)
        tint = random.uniform(0.5, 1.0, 3)
        pixels = np.asarray(crop, np.float32)[:, :, None] * tint
        pixels += random.normal(0, 7.5, pixels.shape)
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=90)
        sizes.append(path.stat().st_size)
    print(f"{count} JPEGs of {np.mean(sizes) / 1000:.1f} kB on average in {out}")


main()
