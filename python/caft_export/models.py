"""Building a backbone: the network without its classifier."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import torch
from torch import nn

from caft_export import timm_models
from caft_export.catalogue import Entry
from caft_export.errors import ExportError, UsageError, one_line

# The attribute that holds a family's classifier. Everything before it is the frozen part.
CLASSIFIERS = {
    "EfficientNet-Lite": "_fc",
    "ResNet": "fc",
    "VGG": "classifier",
    "EfficientNet": "classifier",
    "MobileNetV2": "classifier",
    "MobileNetV3": "classifier",
    "ViT": "heads",
    "Inception": "fc",
    "DenseNet": "classifier",
}


def build_entry(entry: Entry, image_size: int, seed: int) -> tuple[nn.Module, str]:
    """The entry's network, freshly initialised from `seed`, its classifier replaced by identity.

    Returns it with the classifier's name, whose weights a state dict may hold or not.
    """
    torch.manual_seed(seed)
    if entry.source.startswith(timm_models.PREFIX):
        return timm_models.build(entry, image_size), ""
    classifier = CLASSIFIERS.get(entry.family)
    if classifier is None:
        raise ExportError(f"{entry.name}: no rule for the family {entry.family!r}")
    if entry.source == "torchvision":
        network = _torchvision(entry, image_size)
    elif entry.source == "efficientnet-lite-pytorch":
        network = _efficientnet_lite(entry, image_size)
    else:
        raise ExportError(f"{entry.name}: no way to build models of source {entry.source!r}")
    if not isinstance(getattr(network, classifier, None), nn.Module):
        raise ExportError(f"{entry.name}: the network has no classifier named {classifier!r}")
    setattr(network, classifier, nn.Identity())
    return network, classifier


def _torchvision(entry: Entry, image_size: int) -> nn.Module:
    try:
        from torchvision import models
    except ImportError as error:
        raise ExportError(f"{entry.name} needs torchvision: {one_line(error)}") from None
    factory = getattr(models, entry.name, None)
    if not callable(factory):
        raise ExportError(f"this torchvision has no model {entry.name!r}")
    options: dict[str, object] = {}
    if entry.family == "ViT":  # built for one size: its position embedding has a row for every patch
        options = {"image_size": image_size}
    elif entry.family == "Inception":
        # The default weights expect [-1, 1]; transform_input takes the ImageNet normalisation that
        # their preprocessing prescribes to that, as it does where torchvision loads them itself.
        options = {"aux_logits": False, "transform_input": True, "init_weights": True}
    network = factory(weights=None, **options)
    if entry.family == "ResNet":
        _calm_residuals(network)
    return network


def _calm_residuals(network: nn.Module) -> None:
    """Scales a fresh ResNet's residual branches by a quarter: in a trained one they are small too.

    Recipes begin with them at 0 (Goyal et al. 2017); torchvision leaves them at 1, and a random
    ResNet-50 then amplifies rounding until bf16, PyTorch's own too, no longer resembles fp32
    (a cosine of 0.94 on the golden sample; 0.99 at a half, 0.999 at a quarter).
    """
    from torchvision.models.resnet import BasicBlock, Bottleneck

    for module in network.modules():
        if isinstance(module, (BasicBlock, Bottleneck)):
            last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
            nn.init.constant_(last.weight, 0.25)


def _efficientnet_lite(entry: Entry, image_size: int) -> nn.Module:
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise ExportError(f"{entry.name} needs the package efficientnet-lite-pytorch") from None
    name = entry.name.replace("_", "-")
    try:
        # A given size makes the "same" padding static, which ONNX and the engines want.
        return EfficientNet.from_name(name, image_size=image_size)
    except ValueError:
        raise ExportError(f"efficientnet-lite-pytorch has no model {name!r}") from None


def build_module(spec: str, seed: int) -> nn.Module:
    """What FACTORY of FILE.py returns; `spec` is "FILE.py:FACTORY". Runs the user's own code."""
    path, _, factory_name = spec.rpartition(":")
    if not path or not factory_name.isidentifier():
        raise UsageError(f"--module takes FILE.py:FACTORY, got {spec!r}")
    file = Path(path).resolve()
    if not file.is_file():
        raise ExportError(f"--module: there is no file {path}")
    python = importlib.util.spec_from_file_location("caft_user_module", file)
    if python is None or python.loader is None:
        raise ExportError(f"--module: {path} is not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(python)
    sys.modules[python.name] = module
    sys.path.insert(0, str(file.parent))  # so that the file may import what lies beside it
    torch.manual_seed(seed)
    try:
        python.loader.exec_module(module)
        factory = getattr(module, factory_name, None)
        if not callable(factory):
            raise ExportError(f"--module: {path} has no function {factory_name!r}")
        network = factory()
    except ExportError:
        raise
    except Exception as error:  # whatever the user's code raises
        raise ExportError(
            f"--module: {spec} raised {type(error).__name__}: {one_line(error)}"
        ) from None
    finally:
        sys.path.remove(str(file.parent))
    if not isinstance(network, nn.Module):
        raise ExportError(f"--module: {spec} returned {type(network).__name__}, not a nn.Module")
    return network


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
