"""Writes BMPs of every kind that caft reads: Pillow writes only some of them."""

from __future__ import annotations

import struct

import numpy as np


def _rows(packed: list[bytes], top_down: bool) -> bytes:
    padded = [row + bytes(-len(row) % 4) for row in packed]
    return b"".join(padded if top_down else reversed(padded))


def _pack_indices(row: np.ndarray, bits: int) -> bytes:
    planes = ((row[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(planes.reshape(-1)).tobytes()


def write_bmp(width: int, height: int, bits: int, pixels: bytes, *, compression: int = 0,
              palette: np.ndarray | None = None, masks: tuple[int, ...] = (),
              top_down: bool = False, core: bool = False, header_size: int = 40) -> bytes:
    """`palette` is [n, 3] RGB; `masks` red, green, blue[, alpha]."""
    mask_bytes = b"".join(struct.pack("<I", mask) for mask in masks)
    if core:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        header = struct.pack("<IiiHHIIiiII", header_size, width, -height if top_down else height, 1,
                             bits, compression, len(pixels), 2835, 2835,
                             0 if palette is None else len(palette), 0)
        header += (mask_bytes + bytes(header_size))[: header_size - 40] if header_size > 40 else mask_bytes
    colors = b""
    if palette is not None:
        colors = b"".join(bytes([b, g, r]) + (b"" if core else b"\0") for r, g, b in palette.tolist())
    offset = 14 + len(header) + len(colors)
    return struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset) + header + colors + pixels


def indexed(indices: np.ndarray, bits: int, palette: np.ndarray, **options: bool) -> bytes:
    height, width = indices.shape
    rows = [_pack_indices(row, bits) for row in indices]
    pixels = _rows(rows, options.get("top_down", False))
    return write_bmp(width, height, bits, pixels, palette=palette, **options)


def true_color(values: np.ndarray, bits: int, *, compression: int = 0, masks: tuple[int, ...] = (),
               top_down: bool = False, core: bool = False, header_size: int = 40) -> bytes:
    """`values` is [height, width] of packed pixels."""
    height, width = values.shape
    rows = [b"".join(int(v).to_bytes(bits // 8, "little") for v in row) for row in values]
    return write_bmp(width, height, bits, _rows(rows, top_down), compression=compression, masks=masks,
                     top_down=top_down, core=core, header_size=header_size)


def run_length(indices: np.ndarray, bits: int, palette: np.ndarray) -> bytes:
    """RLE8 or RLE4, with encoded and absolute runs by turns. RLE4's absolute runs have even lengths."""
    height, width = indices.shape
    out = bytearray()
    for row in indices[::-1].tolist():
        x, absolute = 0, False
        while x < width:
            left = width - x
            if absolute and left >= 4:
                count = min(left - left % 4, 8)
                run = row[x : x + count]
                data = bytes(run) if bits == 8 else bytes(a << 4 | b for a, b in zip(run[::2], run[1::2]))
                out += bytes([0, count]) + data
                out += bytes(len(data) % 2)
                x += count
            else:
                count = 1
                while count < left and count < 255 and row[x + count] == row[x]:
                    count += 1
                out += bytes([count, row[x] if bits == 8 else row[x] << 4 | row[x]])
                x += count
            absolute = not absolute
        out += b"\0\0"
    out += b"\0\1"
    return write_bmp(width, height, bits, bytes(out), compression=1 if bits == 8 else 2, palette=palette)
