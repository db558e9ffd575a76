"""The peer: how a PyTorch user computes frozen-backbone features of an image folder.

usage: peer_pipeline.py FOLDER MODEL --mode f32|tuned --workers N [--limit N]     prints {"images_per_second": …}

ImageFolder + DataLoader + torchvision model (random weights: speed does not depend on them). f32 is what one gets by
default; tuned is channels-last with bf16 autocast.
"""

import argparse
import json
import time

import torch
import torchvision
from torchvision import transforms


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("model")
    parser.add_argument("--mode", choices=["f32", "tuned"], default="f32")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--limit", type=int, default=0)
    args = parser.parse_args()
    crop = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    data = torchvision.datasets.ImageFolder(args.folder, crop)
    if args.limit:
        data = torch.utils.data.Subset(data, range(args.limit))
    loader = torch.utils.data.DataLoader(data, batch_size=16, num_workers=args.workers)
    model = getattr(torchvision.models, args.model)(weights=None)
    if hasattr(model, "fc"):
        model.fc = torch.nn.Identity()
    else:
        model.classifier = torch.nn.Identity()
    model.eval()
    tuned = args.mode == "tuned"
    if tuned:
        model = model.to(memory_format=torch.channels_last)

    def features(images: torch.Tensor) -> torch.Tensor:
        if not tuned:
            return model(images)
        with torch.autocast("cpu", torch.bfloat16):
            return model(images.to(memory_format=torch.channels_last))

    with torch.inference_mode():
        features(torch.rand(16, 3, 224, 224))  # warm-up
        start = time.perf_counter()
        kept = [features(images).float() for images, _ in loader]
        seconds = time.perf_counter() - start
    count = sum(len(part) for part in kept)
    print(json.dumps({"images_per_second": count / seconds, "images": count}))


main()
