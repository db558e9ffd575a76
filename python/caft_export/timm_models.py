"""Backbones of timm: catalogue entries of source "timm:MODEL.TAG", the tag naming the weights."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import nn

from caft_export.catalogue import Entry
from caft_export.errors import ExportError, one_line

PREFIX = "timm:"
_ANY_SIZE = ("ConvNeXt",)  # convolutional: the others have a position embedding or windows


def build(entry: Entry, image_size: int) -> nn.Module:
    """The entry's network with fresh weights, without its classifier."""
    sized = {} if entry.family in _ANY_SIZE else {"img_size": image_size}
    network = _create(entry, pretrained=False, **sized)
    _open_residuals(network)
    return network


def _open_residuals(network: nn.Module) -> None:
    """Sets a fresh transformer's layer scales, which training starts near 0, to a quarter.

    DINOv2's begin at 1e-5: the class token then hears nothing of the image, and the features are
    alike for all.
    """
    for module in network.modules():
        if type(module).__name__ == "LayerScale":
            nn.init.constant_(module.gamma, 0.25)


def _create(entry: Entry, **options: object) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise ExportError(f"{entry.name} needs the package timm: {one_line(error)}") from None
    try:
        return timm.create_model(entry.source.removeprefix(PREFIX), num_classes=0, **options)
    except (RuntimeError, KeyError, AssertionError, TypeError) as error:
        raise ExportError(f"{entry.name}: timm cannot build it: {one_line(error, 200)}") from None


def load(entry: Entry, network: nn.Module, state: dict[str, torch.Tensor], where: str) -> None:
    """Loads a checkpoint of timm or of the model's makers, whose names timm translates; a position
    embedding for another image size is resampled. Refuses one that does not fill the network."""
    translate = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    try:
        fitted = translate(state, network) if translate else state
    except Exception as error:  # names or shapes that timm's translation does not expect
        raise ExportError(f"{where} does not fit the model: {one_line(error, 160)}") from None
    own = network.state_dict()
    missing = [n for n in own if n not in fitted and not n.endswith("num_batches_tracked")]
    if missing:
        raise ExportError(f"{where} does not fit the model: it lacks {missing[0]}")
    for name, value in own.items():
        if name in fitted and fitted[name].shape != value.shape:
            have, want = tuple(fitted[name].shape), tuple(value.shape)
            raise ExportError(f"{where} does not fit: {name} is {have}, the model has {want}")
    network.load_state_dict({n: v for n, v in fitted.items() if n in own}, strict=False)


def default_weights_file(entry: Entry) -> Path:
    """The weights of the entry's tag, from the hub's cache, downloaded there if need be."""
    from huggingface_hub import hf_hub_download

    repository = f"timm/{entry.source.removeprefix(PREFIX)}"
    try:
        return Path(hf_hub_download(repository, "model.safetensors"))
    except Exception as error:  # no network, a proxy, no such repository: each its own type
        offline = "" if not os.environ.get("HF_HUB_OFFLINE") else " (HF_HUB_OFFLINE is set)"
        raise ExportError(
            f"the default weights of {entry.name} cannot be downloaded here{offline}: "
            f"{one_line(error, 120)}; get model.safetensors of {repository} elsewhere, "
            "then give --weights model.safetensors"
        ) from None
