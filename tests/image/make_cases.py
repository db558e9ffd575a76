"""Writes image files and what Pillow and torchvision make of them, for the tests of the image room.

    make_cases.py FOLDER

leaves FOLDER/cases.json, which names for each case the file, the options and the expected bytes.
Nothing is downloaded; the photographs are those of the elpv-dataset package.
"""

from __future__ import annotations

import io
import json
import struct
import sys
from pathlib import Path
from typing import Any

import elpv_dataset
import numpy as np
import torch
import torchvision.transforms as T
from PIL import Image, ImageOps

import bmp_writer as bmp
from png_writer import write_png

SIZES = [(1, 1), (7, 5), (16, 16), (33, 47), (1, 40), (40, 1), (101, 64)]  # width, height


def smooth(rng: np.random.Generator, width: int, height: int, channels: int) -> np.ndarray:
    """Noise on gradients: both the flat and the busy blocks that codecs treat differently."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / (3 + c) + c) + np.cos(y / (5 + c)) for c in range(channels)]
    image = 128 + 50 * np.stack(waves, axis=-1) + rng.normal(0, 12, (height, width, channels))
    return np.clip(image, 0, 255).astype(np.uint8)


def tiff_orientation(value: int, endian: str) -> bytes:
    """A TIFF with two tags, of which the second is the orientation."""
    magic = b"II*\0" if endian == "<" else b"MM\0*"
    entries = struct.pack(endian + "HHII", 0x0100, 4, 1, 640)
    entries += struct.pack(endian + "HHIHH", 0x0112, 3, 1, value, 0)
    return magic + struct.pack(endian + "I", 8) + struct.pack(endian + "H", 2) + entries + bytes(4)


class Cases:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rng = np.random.default_rng(7)
        self.index: dict[str, list[dict[str, Any]]] = {"decode": [], "preprocess": []}

    def save(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return name

    def decode(self, name: str, data: bytes, *, expected: np.ndarray | None = None,
               exif: bool = False) -> None:
        """Expects what Pillow gives, or else `expected`, [height, width, 3]."""
        if expected is None:
            with Image.open(io.BytesIO(data)) as image:
                turned = ImageOps.exif_transpose(image) if exif else image
                expected = np.asarray(turned.convert("RGB"))
        self.index["decode"].append({
            "file": self.save(name, data), "width": expected.shape[1], "height": expected.shape[0],
            "exif": exif, "expected": self.save(name + ".rgb", expected.tobytes())})

    def preprocess(self, name: str, image: Image.Image, specs: list[dict[str, Any]],
                   file: bytes | None = None) -> None:
        """`image` must be RGB; its file is a PNG made of it, or `file`."""
        if file is None:
            buffer = io.BytesIO()
            image.save(buffer, "png")
            file = buffer.getvalue()
        stored = self.save(name, file)
        for i, spec in enumerate(specs):
            mode = T.InterpolationMode(spec["interpolation"])
            size = (spec["height"], spec["width"])
            steps = [T.Resize(size, mode)] if spec["resize_mode"] == "exact" else [
                T.Resize(spec["resize"], mode), T.CenterCrop(size)]
            done = T.Compose(steps)(image)
            tensor = T.Compose([T.ToTensor(), T.Normalize(spec["mean"], spec["std"])])(done)
            case = {"file": stored, "spec": spec,
                    "expected": self.save(f"{name}.{i}.u8", np.asarray(done).tobytes())}
            if i == 0:
                case["normalized"] = self.save(f"{name}.{i}.f32", tensor.to(torch.float32).numpy().tobytes())
            self.index["preprocess"].append(case)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def with_adobe_transform(jpeg: bytes, transform: int) -> bytes:
    """Gives a JPEG the Adobe marker with this colour transform, in place of JFIF's or its own."""
    marker = b"\xff\xee" + struct.pack(">H5sHHHB", 14, b"Adobe", 100, 0, 0, transform)
    length = struct.unpack(">H", jpeg[4:6])[0]
    assert jpeg[2:4] in (b"\xff\xe0", b"\xff\xee"), "the first segment is JFIF's or Adobe's"
    return jpeg[:2] + marker + jpeg[4 + length :]


def jpeg_cases(cases: Cases) -> None:
    for width, height in SIZES + [(500, 375)]:
        size = f"{width}x{height}"
        rgb = Image.fromarray(smooth(cases.rng, width, height, 3))
        for subsampling in (0, 1, 2):
            for progressive in (False, True):
                data = encoded(rgb, "jpeg", quality=90, subsampling=subsampling, progressive=progressive)
                cases.decode(f"rgb_{size}_{subsampling}_{int(progressive)}.jpg", data)
        cases.decode(f"grey_{size}.jpg", encoded(rgb.convert("L"), "jpeg", quality=75))
        cmyk = encoded(Image.fromarray(smooth(cases.rng, width, height, 4), "CMYK"), "jpeg", quality=85)
        cases.decode(f"cmyk_{size}.jpg", cmyk)
        cases.decode(f"ycck_{size}.jpg", with_adobe_transform(cmyk, 2))
        plain = with_adobe_transform(encoded(rgb, "jpeg", quality=80, subsampling=0), 0)
        cases.decode(f"adobe_rgb_{size}.jpg", plain)
    rgb = Image.fromarray(smooth(cases.rng, 37, 21, 3))
    for value in range(0, 10):
        for endian, label in (("<", "le"), (">", "be")):
            data = encoded(rgb, "jpeg", quality=90, exif=b"Exif\0\0" + tiff_orientation(value, endian))
            cases.decode(f"exif_{value}_{label}.jpg", data, exif=True)
    cases.decode("exif_ignored.jpg", data)
    cases.decode("tail.jpg", encoded(rgb, "jpeg") + b"what follows the end of the image")


def png_cases(cases: Cases) -> None:
    rng = cases.rng
    for width, height in SIZES:
        for interlace in (False, True):
            label = f"{width}x{height}{'_adam7' if interlace else ''}.png"
            for depth in (1, 2, 4, 8, 16):
                grey = rng.integers(0, 2**depth, (height, width, 1))
                scaled = np.repeat(np.rint(grey / 257).astype(np.uint8), 3, axis=2) if depth == 16 else None
                cases.decode(f"grey{depth}_{label}", write_png(grey, depth, 0, interlace=interlace), expected=scaled)
                if depth <= 8:
                    colors = min(2**depth, 200)
                    palette = rng.integers(0, 256, (colors, 3))
                    indices = rng.integers(0, colors, (height, width, 1))
                    data = write_png(indices, depth, 3, interlace=interlace, palette=palette, transparency=b"\x00\x80")
                    cases.decode(f"palette{depth}_{label}", data)
                if depth >= 8:
                    for color_type, channels, kind in ((2, 3, "rgb"), (4, 2, "la"), (6, 4, "rgba")):
                        samples = rng.integers(0, 2**depth, (height, width, channels))
                        visible = samples[:, :, :1].repeat(3, axis=2) if kind == "la" else samples[:, :, :3]
                        scaled = np.rint(visible / 257).astype(np.uint8) if depth == 16 else None
                        data = write_png(samples, depth, color_type, interlace=interlace)
                        cases.decode(f"{kind}{depth}_{label}", data, expected=scaled)
    rgb = rng.integers(0, 256, (9, 14, 3))
    cases.decode("rgb_trns.png", write_png(rgb, 8, 2, transparency=struct.pack(">HHH", *rgb[0, 0])))
    grey = rng.integers(0, 256, (9, 14, 1))
    cases.decode("grey_trns.png", write_png(grey, 8, 0, transparency=struct.pack(">H", grey[0, 0, 0])))
    palette = rng.integers(0, 256, (5, 3))
    cases.decode("palette_short.png", write_png(rng.integers(0, 16, (9, 14, 1)), 4, 3, palette=palette))
    for value in range(1, 9):
        data = write_png(rgb, 8, 2, exif=tiff_orientation(value, "<"))
        cases.decode(f"exif_{value}.png", data, exif=True)


def webp_cases(cases: Cases) -> None:
    for width, height in SIZES:
        rgba = Image.fromarray(smooth(cases.rng, width, height, 4), "RGBA")
        rgb = rgba.convert("RGB")
        for label, image in (("rgb", rgb), ("rgba", rgba)):
            for lossless in (False, True):
                data = encoded(image, "webp", quality=80, lossless=lossless, exact=True)
                cases.decode(f"{label}_{width}x{height}_{int(lossless)}.webp", data)
    frames = [Image.fromarray(smooth(cases.rng, 30, 20, 4), "RGBA") for _ in range(3)]
    cases.decode("animated.webp", encoded(frames[0], "webp", save_all=True, append_images=frames[1:]))
    opaque = [frame.convert("RGB") for frame in frames]
    cases.decode("animated_opaque.webp", encoded(opaque[0], "webp", save_all=True, append_images=opaque[1:]))
    for value in range(1, 9):
        data = encoded(opaque[0], "webp", exif=tiff_orientation(value, ">"))
        cases.decode(f"exif_{value}.webp", data, exif=True)


def bmp_cases(cases: Cases) -> None:
    rng = cases.rng
    for width, height in SIZES:
        size = f"{width}x{height}"
        for top_down in (False, True):
            label = f"{size}{'_top' if top_down else ''}.bmp"
            for bits in (1, 4, 8):
                palette = rng.integers(0, 256, (2**bits, 3))
                indices = rng.integers(0, 2**bits, (height, width))
                cases.decode(f"palette{bits}_{label}", bmp.indexed(indices, bits, palette, top_down=top_down))
            for bits in (16, 24, 32):
                values = rng.integers(0, 2**bits, (height, width))
                cases.decode(f"rgb{bits}_{label}", bmp.true_color(values, bits, top_down=top_down))
        for bits in (4, 8):
            palette = rng.integers(0, 256, (2**bits, 3))
            indices = rng.integers(0, 2**bits, (height, width)).repeat(3, axis=1)[:, :width]
            cases.decode(f"rle{bits}_{size}.bmp", bmp.run_length(indices, bits, palette))
        values = rng.integers(0, 2**24, (height, width))
        cases.decode(f"os2_{size}.bmp", bmp.true_color(values, 24, core=True))
        palette = rng.integers(0, 256, (256, 3))
        indices = rng.integers(0, 256, (height, width))
        cases.decode(f"os2_palette_{size}.bmp", bmp.indexed(indices, 8, palette, core=True))
        for masks in ((0xF800, 0x07E0, 0x001F), (0x7C00, 0x03E0, 0x001F)):
            values = rng.integers(0, 2**16, (height, width))
            data = bmp.true_color(values, 16, compression=3, masks=masks)
            cases.decode(f"fields16_{masks[0]:x}_{size}.bmp", data)
        for header_size in (108, 124):
            values = rng.integers(0, 2**32, (height, width))
            masks = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)
            data = bmp.true_color(values, 32, compression=3, masks=masks, header_size=header_size)
            cases.decode(f"fields32_{header_size}_{size}.bmp", data)
        # Ten bits a colour, which Pillow does not read: the value scaled to a byte, rounded down.
        values = rng.integers(0, 2**30, (height, width))
        expected = np.stack([(values >> shift & 1023) * 255 // 1023 for shift in (20, 10, 0)], axis=-1)
        data = bmp.true_color(values, 32, compression=3, masks=(1023 << 20, 1023 << 10, 1023))
        cases.decode(f"fields30_{size}.bmp", data, expected=expected.astype(np.uint8))


def spec(mode: str, resize: int, height: int, width: int, interpolation: str) -> dict[str, Any]:
    return {"resize_mode": mode, "resize": resize, "height": height, "width": width,
            "interpolation": interpolation, "antialias": True, "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225], "color": "RGB", "exif_orientation": False}


def preprocess_cases(cases: Cases) -> None:
    usual = [spec("short_side", 256, 224, 224, "bilinear"), spec("short_side", 256, 224, 224, "bicubic"),
             spec("exact", 1, 224, 224, "bilinear"), spec("exact", 1, 160, 96, "bicubic")]
    odd = [spec("short_side", 64, 96, 71, "bicubic"), spec("short_side", 37, 36, 20, "bilinear"),
           spec("short_side", 50, 33, 200, "bilinear"), spec("exact", 1, 47, 33, "bicubic"),
           spec("short_side", 33, 33, 33, "bilinear"), spec("exact", 1, 1, 1, "bilinear")]
    folder = Path(elpv_dataset.__file__).parent / "data" / "images"
    photographs = sorted(folder.glob("*.png"))[::500]
    assert photographs, f"no photographs in {folder}"
    for path in photographs:
        cases.preprocess(path.name, Image.open(path).convert("RGB"), usual, path.read_bytes())
    sizes = [(1, 1), (1, 50), (50, 1), (2, 2), (3, 700), (33, 47), (47, 33), (255, 257), (375, 500),
             (500, 375), (256, 256), (256, 300), (224, 224), (641, 479), (1500, 1100)]
    for width, height in sizes:
        image = Image.fromarray(cases.rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        cases.preprocess(f"random_{width}x{height}.png", image, usual + odd)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    cases = Cases(folder)
    for make in (jpeg_cases, png_cases, webp_cases, bmp_cases, preprocess_cases):
        make(cases)
    (folder / "cases.json").write_text(json.dumps(cases.index))


if __name__ == "__main__":
    main()
