"""Writes the inputs that fuzzing starts from: small, valid, of every kind that a parser tells apart.

usage: make_seeds.py FOLDER
FOLDER/TARGET/… for each target of this folder.
"""

import io
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "conformance"))
import make_nets  # noqa: E402

RANDOM = np.random.default_rng(0)


def picture(mode: str, width: int = 23, height: int = 17) -> Image.Image:
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    smooth = np.add.outer(np.arange(height) * 7, np.arange(width) * 5)[:, :, None] + 40 * np.arange(channels)
    noise = RANDOM.integers(0, 20, (height, width, channels))
    return Image.fromarray((smooth + noise).astype(np.uint8).squeeze(), mode)


def encoded(image: Image.Image, format: str, **options) -> bytes:
    data = io.BytesIO()
    image.save(data, format, **options)
    return data.getvalue()


def images() -> dict[str, bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    palette = picture("RGB").quantize(16)
    deep = Image.fromarray(RANDOM.integers(0, 65536, (9, 11)).astype(np.uint16))
    return {
        "grey.jpg": encoded(picture("L"), "JPEG"),
        "colour.jpg": encoded(picture("RGB"), "JPEG", subsampling=0),
        "subsampled.jpg": encoded(picture("RGB", 33, 31), "JPEG", subsampling=2, quality=60),
        "progressive.jpg": encoded(picture("RGB"), "JPEG", progressive=True),
        "cmyk.jpg": encoded(picture("CMYK"), "JPEG"),
        "turned.jpg": encoded(picture("RGB"), "JPEG", exif=exif),
        "grey.png": encoded(picture("L"), "PNG"),
        "alpha.png": encoded(picture("RGBA"), "PNG"),
        "palette.png": encoded(palette, "PNG", transparency=3),
        "deep.png": encoded(deep, "PNG"),
        "bits.png": encoded(picture("L").convert("1"), "PNG"),
        "lossy.webp": encoded(picture("RGB"), "WEBP", quality=50),
        "lossless.webp": encoded(picture("RGBA"), "WEBP", lossless=True),
        "animated.webp": encoded(picture("RGB"), "WEBP", save_all=True, append_images=[picture("RGB")]),
        "colour.bmp": encoded(picture("RGB"), "BMP"),
        "palette.bmp": encoded(palette, "BMP"),
        "bits.bmp": encoded(picture("L").convert("1"), "BMP"),
    }


def tensors() -> dict[str, bytes]:
    few = {"a": RANDOM.normal(size=(3, 5)).astype(np.float32), "b": np.arange(4, dtype=np.uint8)}
    half = {"features": RANDOM.normal(size=(2, 7)).astype(np.float16), "empty": np.zeros((0, 3), np.float32)}
    return {"few.safetensors": save(few, {"key": "value"}), "half.safetensors": save(half)}


def tables() -> tuple[dict[str, bytes], dict[str, bytes]]:
    csv = {
        "plain.csv": b"path,label,split\na.jpg,cat,train\nb/c.png,dog,val\nd.webp,cat,test\n",
        "quoted.csv": b'\xef\xbb\xbflabel,path,other\r\n"a|b","x ""y"".jpg",1\r\n,z.bmp,2\r\n',
    }
    lines = [
        {"path": "a.jpg", "label": "cat", "split": "train"},
        {"path": "b.jpg", "labels": ["dog", "cät"]},
        {"path": "c.jpg", "label": 7},
    ]
    return csv, {"plain.jsonl": "\n".join(map(json.dumps, lines)).encode() + b"\n"}


def tars() -> dict[str, bytes]:
    def archive(format: int, long: bool) -> bytes:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=format) as tar:
            for i in range(3):
                key = f"{'folder/' * (30 if long else 1)}sample-{i:03d}"
                for suffix, content in ((".jpg", b"not looked at"), (".cls" if i < 2 else ".json", b"1" if i < 2 else b'{"label": 0}')):
                    member = tarfile.TarInfo(key + suffix)
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
        return data.getvalue()

    return {
        "ustar.tar": archive(tarfile.USTAR_FORMAT, False),
        "gnu.tar": archive(tarfile.GNU_FORMAT, True),
        "pax.tar": archive(tarfile.PAX_FORMAT, True),
    }


def card() -> bytes:
    """The fields that the exporter writes. The target provides the files it names."""
    return json.dumps(
        {
            "format": "caft-card-1", "name": "tiny", "family": "Tiny", "source": "custom", "weights": "random seed 0",
            "weights_sha256": "0" * 64, "onnx": "tiny.onnx", "onnx_sha256": "0" * 64, "external_data": [],
            "golden": "golden.safetensors", "golden_sha256": "0" * 64, "input": "images", "output": "features",
            "feature_dim": 4, "params": 1000, "license": "none",
            "preprocessing": {
                "resize_mode": "short_side", "resize": 36, "height": 32, "width": 32, "interpolation": "bilinear",
                "antialias": True, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "color": "RGB",
                "exif_orientation": False,
            },
        }
    ).encode()


def main() -> None:
    root = Path(sys.argv[1])
    csv, jsonl = tables()
    seeds = {"image": images(), "safetensors": tensors(), "csv": csv, "jsonl": jsonl, "tar": tars(), "card": {"card.json": card()}}
    for target, files in seeds.items():
        (root / target).mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (root / target / name).write_bytes(data)
    nets = root / "onnx"
    nets.mkdir(exist_ok=True)
    conv = make_nets.conv_net(nets)
    make_nets.operators_net(nets)
    make_nets.quantized_net(nets, symmetric=False)
    make_nets.refused_nets(nets, conv)


if __name__ == "__main__":
    main()
