"""Times an epoch of a plain PyTorch loop over cached features: a linear head by AdamW, as head_bench does.

Prints {"epoch_ms", "median_ms": {variant: …}, "torch", "threads"}; epoch_ms is the fastest variant's median.
usage: peer_head.py [--epochs N] [--threads N]
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn

SAMPLES, DIM, CLASSES, BATCH = 9144, 1280, 101, 64


def epoch(model, criterion, optimizer, features, labels):
    order = torch.randperm(SAMPLES)
    for start in range(0, SAMPLES, BATCH):
        rows = order[start : start + BATCH]
        loss = criterion(model(features.index_select(0, rows)), labels.index_select(0, rows))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    labels = torch.arange(SAMPLES) % CLASSES
    features = torch.randn(SAMPLES, DIM) + 0.06 * torch.randn(CLASSES, DIM)[labels]
    criterion = nn.CrossEntropyLoss()
    runs = {}
    for name, options in {"default": {}, "foreach": {"foreach": True}, "fused": {"fused": True}}.items():
        model = nn.Linear(DIM, CLASSES)
        runs[name] = (model, torch.optim.AdamW(model.parameters(), lr=1e-3, **options), [])
    for number in range(args.epochs + 1):  # variants take turns; the first epoch warms up
        for model, optimizer, times in runs.values():
            begin = time.perf_counter()
            epoch(model, criterion, optimizer, features, labels)
            if number > 0:
                times.append((time.perf_counter() - begin) * 1000)
    medians = {name: statistics.median(times) for name, (_, _, times) in runs.items()}
    print(json.dumps({"epoch_ms": min(medians.values()), "median_ms": medians,
                      "least_ms": {name: min(times) for name, (_, _, times) in runs.items()},
                      "torch": torch.__version__, "threads": torch.get_num_threads()}))


main()
