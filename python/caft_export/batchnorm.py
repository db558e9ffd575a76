"""Batch-norm statistics of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from caft_export.golden import golden_images
from caft_export.images import load_image
from caft_export.preprocessing import Preprocessing

COUNT = 64
_BATCH = 16
_COLOUR_SEED = 1


def has_batch_norm(network: nn.Module) -> bool:
    return any(isinstance(m, _BatchNorm) and m.track_running_stats for m in network.modules())


def reestimate(network: nn.Module, files: list[Path], spec: Preprocessing) -> None:
    """Sets the running statistics to those of real images and some coloured ones, in one pass.

    A fresh network has mean 0 and variance 1 there, which are not its activations': signals then
    shrink or grow layer by layer until features vanish or all look alike. Only the batch-norm
    layers are put in training mode, so dropout and stochastic depth stay off; momentum None
    averages over the batches with equal weight.

    Every batch also holds a few of the golden sample's kind of images, of another seed: where the
    real images are grey (ELPV's are), statistics of them alone make coloured images explode, and a
    deep random network then amplifies rounding errors beyond any tolerance.
    """
    layers = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    network.eval()
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    with torch.no_grad():
        for start in range(0, len(files), _BATCH):
            real = [load_image(file, spec) for file in files[start : start + _BATCH]]
            coloured = golden_images(spec.height, spec.width, seed=_COLOUR_SEED + start)
            pixels = np.concatenate([np.stack(real), coloured])
            network(torch.from_numpy(spec.normalize(pixels)))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.eval()
