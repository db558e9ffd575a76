"""Writes PNGs of every kind that the format has: Pillow writes only some of them."""

from __future__ import annotations

import struct
import zlib

import numpy as np

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _pack_row(row: np.ndarray, depth: int) -> bytes:
    """Samples of one row, [width, channels], to bytes."""
    flat = row.reshape(-1)
    if depth == 16:
        return flat.astype(">u2").tobytes()
    if depth == 8:
        return flat.astype(np.uint8).tobytes()
    bits = ((flat[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(bits.reshape(-1)).tobytes()


def _filter_rows(rows: list[bytes], step: int) -> bytes:
    """Filters rows with None, Sub and Up in turn, so that a decoder must undo them."""
    out, above = bytearray(), bytes(len(rows[0])) if rows else b""
    for i, row in enumerate(rows):
        current = np.frombuffer(row, np.uint8).astype(int)
        left = np.concatenate([np.zeros(min(step, len(row)), int), current[:-step]])[: len(row)]
        up = np.frombuffer(above, np.uint8).astype(int)
        kind = i % 3
        filtered = current - (0 if kind == 0 else left if kind == 1 else up)
        out += bytes([kind]) + (filtered % 256).astype(np.uint8).tobytes()
        above = row
    return bytes(out)


def write_png(samples: np.ndarray, depth: int, color_type: int, *, interlace: bool = False,
              palette: np.ndarray | None = None, transparency: bytes | None = None,
              exif: bytes | None = None) -> bytes:
    """`samples` is [height, width, channels], values below 2**depth (palette: indices)."""
    height, width, channels = samples.shape
    step = max(1, channels * depth // 8)
    passes = ADAM7 if interlace else [(0, 0, 1, 1)]
    data = b""
    for x, y, dx, dy in passes:
        part = samples[y::dy, x::dx]
        if part.shape[0] and part.shape[1]:
            data += _filter_rows([_pack_row(row, depth) for row in part], step)
    out = b"\x89PNG\r\n\x1a\n"
    out += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, interlace))
    if exif is not None:
        out += chunk(b"eXIf", exif)
    if palette is not None:
        out += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    packed = zlib.compress(data)
    half = len(packed) // 2
    return out + chunk(b"IDAT", packed[:half]) + chunk(b"IDAT", packed[half:]) + chunk(b"IEND", b"")
