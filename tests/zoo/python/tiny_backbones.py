"""Small modules, as a user might bring them, and some that must be refused."""

import torch
from torch import nn
from torchvision.models.vision_transformer import VisionTransformer


def transformer() -> nn.Module:
    """A ViT for 32 pixels: its class token must follow the batch."""
    network = VisionTransformer(
        image_size=32,
        patch_size=8,
        num_layers=2,
        num_heads=2,
        hidden_dim=24,
        mlp_dim=48,
        dropout=0.3,
    )
    network.heads = nn.Identity()
    return network


def convolutional() -> nn.Module:
    """Batch norm and dropout, features [N, 32, 1, 1]."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1))


class _FrozenBatch(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        # The trace keeps this Python number: right for the exporter's own batch, wrong for others.
        return images.mean((2, 3)) + float(len(images))


class _AlwaysTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def train(self, mode: bool = True) -> nn.Module:
        return super().train(True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.dropout(images).mean((2, 3))


class _Constant(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.ones(1, 8) + 0 * images.mean((2, 3)).sum(1, keepdim=True)


def frozen_batch() -> nn.Module:
    return _FrozenBatch()


def always_training() -> nn.Module:
    return _AlwaysTraining()


def constant() -> nn.Module:
    return _Constant()


def feature_map() -> nn.Module:
    return nn.Conv2d(3, 8, 3)


def noisy() -> nn.Module:
    print("this goes to stderr, not into the result")
    return convolutional()


def raises() -> nn.Module:
    raise RuntimeError("two\nlines")


def not_a_module() -> int:
    return 3
