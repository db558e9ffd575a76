"""`caft_export export`: from a catalogue entry or a user's module to a backbone folder."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from caft_export import batchnorm, golden, models, timm_models, weights
from caft_export.card import FILE_NAME as CARD
from caft_export.card import Card, write_card
from caft_export.catalogue import Entry, entry_from_json
from caft_export.checks import check_name
from caft_export.errors import ExportError, UsageError, one_line
from caft_export.hashing import sha256_of
from caft_export.images import calibration_files
from caft_export.onnx_export import INPUT, OUTPUT, FeatureExtractor, export_onnx, simplify
from caft_export.parity import OnnxRunner, check_parity
from caft_export.preprocessing import Preprocessing
from caft_export.progress import say
from caft_export.publish import published_folder

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass
class _Backbone:
    """A network with its weights, and what the card says of it."""

    network: nn.Module
    name: str
    family: str
    source: str
    license: str
    weights: str
    weights_sha256: str
    spec: Preprocessing


def export(arguments: argparse.Namespace) -> dict[str, Any]:
    """Builds, checks and publishes; returns the card. Raises ExportError or UsageError."""
    entry = entry_from_json(arguments.entry_json) if arguments.entry_json is not None else None
    if entry is None and (arguments.name is None or arguments.image_size is None):
        raise UsageError("--module needs --name and --image-size")
    name = check_name(arguments.name or entry.name, "--name")
    spec = _specification(arguments, entry.preprocessing if entry else None)
    with published_folder(Path(arguments.out), force=arguments.force, ours=CARD) as folder:
        say(f"building {name}, weights {arguments.weights}")
        try:
            backbone = _load(arguments, entry, name, spec)
            return _write(arguments, entry, backbone, folder)
        except MemoryError:
            raise ExportError(f"{name}: not enough memory") from None


def _specification(arguments: argparse.Namespace, base: Preprocessing | None) -> Preprocessing:
    """The entry's preprocessing with the options' changes.

    Another image size keeps the ratio of resize to crop, so that the same part of an image is seen.
    """
    if base is None:
        base = Preprocessing("short_side", 256, 224, 224, "bilinear", _IMAGENET_MEAN, _IMAGENET_STD)
    size = arguments.image_size or base.height
    return replace(
        base,
        resize_mode=arguments.resize_mode or base.resize_mode,
        resize=arguments.resize or round(base.resize * size / base.height),
        height=size,
        width=size,
        interpolation=arguments.interpolation or base.interpolation,
        mean=arguments.mean or base.mean,
        std=arguments.std or base.std,
    )


def _load(
    arguments: argparse.Namespace, entry: Entry | None, name: str, spec: Preprocessing
) -> _Backbone:
    kind, seed = arguments.weights, arguments.seed
    if entry is not None:
        network, classifier = models.build_entry(entry, spec.height, seed)
        about = (entry.family, entry.source, arguments.license or entry.license)
    else:
        network, classifier = models.build_module(arguments.module, seed), ""
        source = f"module {Path(arguments.module.rpartition(':')[0]).name}"
        about = (arguments.family or "custom", source, arguments.license or "not stated")
    label, sha256 = kind, ""
    if kind == "random":
        label = f"random seed {seed}"
        if batchnorm.has_batch_norm(network):
            chosen = Path(arguments.calibration_images) if arguments.calibration_images else None
            files = calibration_files(chosen, batchnorm.COUNT, seed)
            say(f"batch-norm statistics from {len(files)} images")
            batchnorm.reestimate(network, files, spec)
    elif kind != "default" or entry is not None:
        file = weights.default_weights_file(entry) if kind == "default" else Path(kind)
        state = weights.read_state_dict(file)
        if entry is not None and entry.source.startswith(timm_models.PREFIX):
            timm_models.load(entry, network, state, file.name)
        else:
            weights.load_into(network, state, classifier, file.name)
        label = "default" if kind == "default" else file.name
        sha256 = sha256_of([file])
    return _Backbone(
        network, name, *about, label, sha256 or weights.state_dict_sha256(network), spec
    )


def _write(
    arguments: argparse.Namespace, entry: Entry | None, backbone: _Backbone, folder: Path
) -> dict[str, Any]:
    params = models.count_parameters(backbone.network)
    # At another size a transformer's position embedding has other rows.
    embedded = entry is not None and (
        entry.family == "ViT" or entry.source.startswith(timm_models.PREFIX)
    )
    resized = entry is not None and backbone.spec.height != entry.preprocessing.height
    if entry is not None and params != entry.params and not (embedded and resized):
        raise ExportError(
            f"{entry.name}: the frozen part has {params} parameters, "
            f"the catalogue says {entry.params}"
        )
    network = FeatureExtractor(backbone.network.float())
    pixels = golden.golden_images(backbone.spec.height, backbone.spec.width)
    images = backbone.spec.normalize(pixels)
    try:
        features = network.features(torch.from_numpy(images)).numpy()
    except ExportError:
        raise
    except Exception as error:  # a user's module, or a size that the network cannot take
        size = f"{backbone.spec.height}x{backbone.spec.width}"
        raise ExportError(f"{backbone.name} fails on images of {size}: {one_line(error)}") from None
    golden.check_features(features, backbone.name)
    if entry is not None and features.shape[1] != entry.feature_dim:
        raise ExportError(
            f"{entry.name}: gives {features.shape[1]} features, "
            f"the catalogue says {entry.feature_dim}"
        )
    onnx_name = f"{backbone.name}.onnx"
    say(f"exporting {onnx_name}, opset {arguments.opset}")
    export_onnx(network, backbone.spec, arguments.opset, folder / onnx_name)
    if arguments.simplify:
        say("folding constants")
        simplify(folder / onnx_name)
    say("comparing with PyTorch")
    parity = check_parity(OnnxRunner(folder / onnx_name, INPUT, OUTPUT), images, features)
    golden.save_golden(folder, pixels, features)
    card = Card(
        name=backbone.name,
        family=backbone.family,
        source=backbone.source,
        weights=backbone.weights,
        weights_sha256=backbone.weights_sha256,
        preprocessing=backbone.spec,
        input=INPUT,
        output=OUTPUT,
        feature_dim=int(features.shape[1]),
        params=params,
        license=backbone.license,
        extra={
            "architecture": entry.name if entry else backbone.name,
            "opset": arguments.opset,
            "simplified": bool(arguments.simplify),
            "torch": torch.__version__,
            "parity": parity,
        },
    )
    say(
        f"cosine {parity['min_cosine']:.7f}, difference {parity['max_difference']:.1e} of the scale"
    )
    return write_card(folder, onnx_name, card)
