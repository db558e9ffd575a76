"""`caft_export add`: a user's own ONNX file, checked and given its card."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from caft_export import golden
from caft_export.card import FILE_NAME as CARD
from caft_export.card import Card, write_card
from caft_export.checks import check_name, read_object, text_field
from caft_export.errors import ExportError, one_line
from caft_export.onnx_files import external_files, float_parameters, interface_of, load_structure
from caft_export.parity import BATCHES, OnnxRunner, check_parity
from caft_export.preprocessing import Preprocessing, preprocessing_from_json
from caft_export.progress import say
from caft_export.publish import published_folder


def add(arguments: argparse.Namespace) -> dict[str, Any]:
    """Checks, copies and publishes; returns the card. Raises ExportError."""
    source, card_file = Path(arguments.onnx), Path(arguments.card)
    about = read_object(card_file)
    if not isinstance(about.get("preprocessing"), dict):
        raise ExportError(f"{card_file}: field 'preprocessing' must be an object")
    spec = preprocessing_from_json(about["preprocessing"], f"{card_file}: preprocessing")
    given = {
        k: text_field(about, k, str(card_file)) for k in ("name", "family", "license") if k in about
    }
    name = arguments.name or given.get("name") or source.stem
    check_name(name, "--name" if arguments.name else str(card_file))
    with published_folder(Path(arguments.out), force=arguments.force, ours=CARD) as folder:
        say(f"checking {source.name}")
        onnx_name = _copy(source, folder, name)
        model = load_structure(folder / onnx_name)
        interface = interface_of(model, source.name)
        for side in ("height", "width"):
            fixed, wanted = getattr(interface, side), getattr(spec, side)
            if fixed is not None and fixed != wanted:
                raise ExportError(
                    f"{source.name}: takes a {side} of {fixed}, the card says {wanted}"
                )
        pixels = golden.golden_images(spec.height, spec.width)
        features = _features(
            OnnxRunner(folder / onnx_name, interface.input, interface.output), pixels, spec
        )
        golden.check_features(features, source.name)
        golden.save_golden(folder, pixels, features)
        return write_card(
            folder,
            onnx_name,
            Card(
                name=name,
                family=given.get("family", "custom"),
                source=f"file {source.name}",
                weights=source.name,
                weights_sha256="",
                preprocessing=spec,
                input=interface.input,
                output=interface.output,
                feature_dim=int(features.shape[1]),
                params=float_parameters(model),
                license=given.get("license", "not stated"),
                extra={"opset": _opset(model)},
            ),
        )


def _copy(source: Path, folder: Path, name: str) -> str:
    """Copies the ONNX file as NAME.onnx, and its external data under the names it refers to."""
    if source.is_symlink() or not source.is_file():
        raise ExportError(f"there is no regular file {source}")
    target = f"{name}.onnx"
    for location in external_files(source):
        if location in (target, CARD, golden.FILE_NAME):
            raise ExportError(f"the external data {location!r} has a name that caft writes itself")
        copy = folder / location
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.parent / location, copy)
    shutil.copyfile(source, folder / target)
    try:
        onnx.checker.check_model(str(folder / target))
    except Exception as error:  # ValidationError is not public under one name in every version
        raise ExportError(f"{source.name} is not valid ONNX: {one_line(error, 240)}") from None
    return target


def _features(run: OnnxRunner, pixels: np.ndarray, spec: Preprocessing) -> np.ndarray:
    """f32 [8, D], image by image; the batches used elsewhere must give the same."""
    images = spec.normalize(pixels)
    features = np.concatenate([run(image[None]) for image in images]).astype(np.float32)
    say(f"comparing batches of {', '.join(map(str, BATCHES))}")
    check_parity(run, images, features)
    return features


def _opset(model: onnx.ModelProto) -> int:
    return max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
