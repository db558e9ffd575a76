"""64 linear heads by AdamW in plain PyTorch, one run after the other, over the features that sweep_bench wrote.

Prints {"seconds", "cpu_seconds", "epoch_seconds", "best", "torch", "threads"}: seconds of all runs; best: validation accuracy, 0 without
--val (the first fifth of the rows is then held out). Each run takes the optimiser implementation that is fastest here.
usage: peer_sweep.py FILE [--rows N] [--dim N] [--classes N] [--epochs N] [--heads N] [--threads N] [--val]
"""

import argparse
import json
import math
import time

import numpy as np
import torch
from torch import nn

BATCH = 64


def train(x, y, rate, decay, epochs, implementation, classes):
    model = nn.Linear(x.shape[1], classes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay, **implementation)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        order = torch.randperm(len(x))
        for start in range(0, len(x), BATCH):
            rows = order[start : start + BATCH]
            loss = criterion(model(x.index_select(0, rows)), y.index_select(0, rows))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--rows", type=int, default=9144)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--classes", type=int, default=101)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--heads", type=int, default=64)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--val", action="store_true")
    args = parser.parse_args()
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    x = torch.from_numpy(np.fromfile(args.file, np.float32).reshape(args.rows, args.dim))
    y = torch.arange(args.rows) % args.classes
    fifth = args.rows // 5 if args.val else 0
    val_x, val_y, x, y = x[:fifth], y[:fifth], x[fifth:], y[fifth:]
    x, val_x = (x - x.mean(0)) / x.std(0), (val_x - x.mean(0)) / x.std(0)
    times = {}
    for name, options in {"default": {}, "foreach": {"foreach": True}, "fused": {"fused": True}}.items():
        train(x[:BATCH], y[:BATCH], 1e-3, 0, 1, options, args.classes)  # warm up
        begin = time.perf_counter()
        train(x[:2048], y[:2048], 1e-3, 0, 1, options, args.classes)
        times[name] = (time.perf_counter() - begin, options)
    options = min(times.values(), key=lambda pair: pair[0])[1]
    best = 0.0
    begin, cpu = time.perf_counter(), time.process_time()
    for i in range(args.heads):
        model = train(x, y, 10 ** (-4 + 3 * (i // 8) / 7), 10 ** (-5 + 4 * (i % 8) / 7), args.epochs, options, args.classes)
        if fifth:
            with torch.no_grad():
                best = max(best, (model(val_x).argmax(1) == val_y).float().mean().item())
    seconds = time.perf_counter() - begin
    cpu = time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "epoch_seconds": seconds / args.epochs, "heads": args.heads, "best": best,
                      "adamw": options, "torch": torch.__version__, "threads": torch.get_num_threads()}))


main()
