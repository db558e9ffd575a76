"""The command line. Parsing only validates; files and models are touched by the verbs."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from caft_export.errors import ExportError, UsageError, one_line
from caft_export.preprocessing import INTERPOLATIONS, MAX_SIZE, RESIZE_MODES
from caft_export.publish import remove_staging


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _size(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_SIZE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_SIZE}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= 1 << 32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2^32 - 1")
    return int(text)


def _triple(text: str) -> tuple[float, float, float]:
    try:
        a, b, c = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers, as 0.5,0.5,0.5") from None
    if not all(abs(value) <= 1000 for value in (a, b, c)):
        raise argparse.ArgumentTypeError(f"{text!r}: numbers within ±1000 are expected")
    return a, b, c


def _divisors(text: str) -> tuple[float, float, float]:
    values = _triple(text)
    if min(values) < 1e-6:
        raise argparse.ArgumentTypeError(f"{text!r}: numbers above zero are expected")
    return values


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="caft_export", description="Exports backbones for caft.", allow_abbrev=False
    )
    verbs = parser.add_subparsers(dest="verb", required=True, parser_class=_Parser)

    export = verbs.add_parser("export", help="a catalogue entry or a module of yours, to a folder")
    what = export.add_mutually_exclusive_group(required=True)
    what.add_argument("--entry-json", metavar="JSON", help="a catalogue entry")
    what.add_argument(
        "--module", metavar="FILE.py:FACTORY", help="a function that gives a nn.Module"
    )
    export.add_argument("--name", help="the backbone's name (default: the entry's)")
    export.add_argument("--weights", default="default", metavar="default|random|FILE")
    export.add_argument("--seed", type=_seed, default=0, help="of random weights")
    export.add_argument("--image-size", type=_size, metavar="N", help="height and width, pixels")
    export.add_argument("--resize", type=_size, metavar="N", help="shorter side before the crop")
    export.add_argument("--resize-mode", choices=RESIZE_MODES)
    export.add_argument("--interpolation", choices=INTERPOLATIONS)
    export.add_argument("--mean", type=_triple, metavar="R,G,B", help="of channels in [0, 1]")
    export.add_argument("--std", type=_divisors, metavar="R,G,B")
    export.add_argument("--family", help="of a module, for the card")
    export.add_argument("--license", help="of the weights, for the card")
    export.add_argument("--opset", type=int, choices=range(13, 24), default=17, metavar="N")
    export.add_argument("--simplify", action="store_true", help="fold constants with onnxslim")
    export.add_argument(
        "--calibration-images",
        metavar="DIR",
        help="real images for random weights (default: ELPV's)",
    )

    add = verbs.add_parser("add", help="an ONNX file of yours, to a folder")
    add.add_argument("onnx", metavar="MODEL.onnx")
    add.add_argument("--card", required=True, metavar="FILE", help="JSON with its preprocessing")
    add.add_argument("--name", help="the backbone's name (default: the card's, or the file's)")
    for verb in (export, add):
        verb.add_argument("--out", required=True, metavar="DIR")
        verb.add_argument("--force", action="store_true", help="replace an existing backbone")

    reference = verbs.add_parser("reference", help="ONNX Runtime's f32 outputs of given images")
    for option, text in (
        ("--onnx", "the model"),
        ("--images", "safetensors: images u8 [N, H, W, 3]"),
        ("--out", "safetensors to write: outputs f32 [N, …]"),
        ("--input", "name of the model's input"),
        ("--output", "name of its output"),
    ):
        reference.add_argument(option, required=True, help=text)
    reference.add_argument("--mean", type=_triple, required=True, metavar="R,G,B")
    reference.add_argument("--std", type=_divisors, required=True, metavar="R,G,B")
    reference.add_argument("--uint8", action="store_true", help="the model takes the pixels")
    reference.add_argument("--batch", type=_size, default=16, metavar="N")
    reference.add_argument("--threads", type=int, default=0, metavar="N", help="0: every core")

    elpv = verbs.add_parser("elpv", help="the ELPV photographs, as a data set")
    elpv.add_argument("--out", required=True, metavar="DIR")
    elpv.add_argument("--test-fraction", type=float, default=0.25)
    elpv.add_argument("--seed", type=_seed, default=0)

    catalogue = verbs.add_parser("catalogue", help="the entries of a catalogue file, as read here")
    catalogue.add_argument("file")
    return parser


def _run(arguments: argparse.Namespace) -> Any:
    # Imported at need: PyTorch takes seconds to load, and only one verb wants it.
    if arguments.verb == "export":
        from caft_export.export import export

        return export(arguments)
    if arguments.verb == "add":
        from caft_export.add import add

        return add(arguments)
    if arguments.verb == "reference":
        from caft_export.reference import reference

        return reference(arguments)
    if arguments.verb == "elpv":
        from caft_export.elpv import elpv

        return elpv(arguments)
    from caft_export.catalogue import read_catalogue

    return [entry.to_json() for entry in read_catalogue(Path(arguments.file))]


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Models and libraries print to stdout, some from C++: only the result may appear there."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; returns the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        arguments = _parser().parse_args(argv)
        with _stdout_to_stderr():
            result = _run(arguments)
        print(json.dumps(result, indent=2), flush=True)
        return 0
    except UsageError as error:
        return _fail(2, one_line(error))
    except ExportError as error:
        return _fail(1, one_line(error, 1000))
    except KeyboardInterrupt:
        return _fail(130, "interrupted")
    except ModuleNotFoundError as error:
        return _fail(1, f"the Python package {error.name!r} is missing: install it")
    except Exception as error:  # a mistake of ours: still one line, the traceback on request
        if os.environ.get("CAFT_DEBUG"):
            raise
        return _fail(1, f"{type(error).__name__}: {one_line(error)} (CAFT_DEBUG=1 shows where)")


def _terminate(*_: object) -> NoReturn:
    remove_staging()
    os._exit(143)


def _fail(code: int, text: str) -> int:
    print(f"error: {text}", file=sys.stderr, flush=True)
    return code
