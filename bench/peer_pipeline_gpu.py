"""The peer on a GPU: how a PyTorch user computes frozen-backbone features of an image folder.

usage: peer_pipeline_gpu.py FOLDER MODEL --workers N [--limit N]        prints {"images_per_second": …}

ImageFolder + DataLoader (pinned memory) + torchvision model in fp16, channels-last. Random weights: speed does not
depend on them. The clock starts at the second batch, after the workers have started.
"""

import argparse
import json
import time

import torch
import torchvision
from torchvision import transforms


def backbone(name: str) -> torch.nn.Module:
    if name == "efficientnet_lite0":
        import timm

        return timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    model = getattr(torchvision.models, name)(weights=None)
    for head in ("fc", "classifier", "heads"):
        if hasattr(model, head):
            setattr(model, head, torch.nn.Identity())
    return model


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("model")
    parser.add_argument("--workers", type=int, default=16)
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
    loader = torch.utils.data.DataLoader(data, batch_size=256, num_workers=args.workers, pin_memory=True)
    model = backbone(args.model).eval().half().to("cuda", memory_format=torch.channels_last)
    kept, start, counted = [], 0.0, 0
    with torch.inference_mode():
        model(torch.rand(256, 3, 224, 224, device="cuda", dtype=torch.half).to(memory_format=torch.channels_last))
        for i, (images, _) in enumerate(loader):
            batch = images.to("cuda", non_blocking=True).half().to(memory_format=torch.channels_last)
            kept.append(model(batch).cpu())
            if i == 0:
                start = time.perf_counter()
            else:
                counted += len(images)
        seconds = time.perf_counter() - start
    print(json.dumps({"images_per_second": counted / seconds, "images": counted}))


main()
