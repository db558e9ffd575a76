"""From a PyTorch module to an ONNX file with a dynamic batch."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from caft_export.errors import ExportError, one_line
from caft_export.preprocessing import Preprocessing

INPUT = "images"
OUTPUT = "features"


class FeatureExtractor(nn.Module):
    """images [N, 3, H, W] f32, normalised, to features [N, D]. Always in eval mode."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.backbone(images)
        if not isinstance(features, torch.Tensor):
            raise ExportError(f"the model gives a {type(features).__name__}, not one tensor")
        if features.dim() == 4 and features.shape[2] == 1 and features.shape[3] == 1:
            features = features.flatten(1)  # a pooled map
        if features.dim() != 2:
            raise ExportError(
                f"the model gives features of shape {list(features.shape)}, not [N, D]: "
                "pool or flatten them in the factory"
            )
        return features

    @torch.no_grad()
    def features(self, images: torch.Tensor) -> torch.Tensor:
        """fp32 features [N, D], computed in small batches to bound the memory."""
        assert_eval(self)
        return torch.cat([self(part) for part in images.split(4)])


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Drops what is written to stdout: a failing exporter prints the whole graph there."""
    sys.stdout.flush()
    saved = os.dup(1)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


def assert_eval(network: nn.Module) -> None:
    """Dropout and batch norm behave differently in training mode, silently."""
    for name, module in network.named_modules():
        if module.training:
            raise ExportError(f"the model's part {name or 'root'!r} is in training mode")


def export_onnx(network: FeatureExtractor, spec: Preprocessing, opset: int, file: Path) -> None:
    """Writes `file`: input `images` [batch, 3, H, W], output `features` [batch, D]."""
    assert_eval(network)
    options = {}
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False  # the exporter that every supported PyTorch has
    # Three images: a batch of one would let a broadcast hide a batch size frozen into the graph.
    example = torch.zeros(3, 3, spec.height, spec.width)
    try:
        with warnings.catch_warnings(), _quiet_stdout():
            warnings.simplefilter("ignore")
            # With gradients on, attention is traced as plain operators; without them PyTorch takes
            # its fused kernel, which ONNX has no operator for.
            torch.onnx.export(
                network,
                (example,),
                str(file),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
                opset_version=opset,
                do_constant_folding=True,
                **options,
            )
    except ExportError:
        raise
    except Exception as error:  # the exporter's errors have no common type
        raise ExportError(
            f"PyTorch {torch.__version__} cannot export this model to ONNX opset "
            f"{opset}: {one_line(error, 240)}"
        ) from None
    assert_eval(network)


def simplify(file: Path) -> None:
    """Folds constants and removes what has no effect, with onnxslim, in place."""
    try:
        import onnx
        import onnxslim
    except ImportError:
        raise ExportError("--simplify needs the package onnxslim: install it") from None
    try:
        model = onnxslim.slim(str(file))
    except Exception as error:  # onnxslim documents no error types
        raise ExportError(f"onnxslim cannot simplify this model: {one_line(error, 240)}") from None
    onnx.save(model, str(file))
