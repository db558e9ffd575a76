"""Times an epoch of PyTorch over cached fp16 features that lie on the GPU: what head_gpu_bench times in caft.

Each case is run eagerly (AdamW as it comes, and fused) and with its step captured in a CUDA graph; the large ones
in bf16 as well. Prints a JSON array of {"case", "epoch_ms": {variant: median}}, in the order of head_gpu_bench.
usage: peer_head_gpu.py [--epochs N] [--case NAME]
"""

import argparse
import contextlib
import json
import statistics
import time

import torch
from torch import nn

CASES = [
    ("linear 2048-101, 9144, batch 64", 0, 9144, 2048, 101, 64),
    ("linear 1280-101, 9144, batch 64", 0, 9144, 1280, 101, 64),
    ("mlp 2048-512-101, 9144, batch 64", 512, 9144, 2048, 101, 64),
    ("linear 2048-1000, 1.28M, batch 4096", 0, 1_280_000, 2048, 1000, 4096),
    ("mlp 2048-512-1000, 1.28M, batch 4096", 512, 1_280_000, 2048, 1000, 4096),
]


def make_head(dim, hidden, classes):
    if hidden == 0:
        return nn.Linear(dim, classes).cuda()
    return nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Dropout(0.5), nn.Linear(hidden, classes)).cuda()


class Variant:
    def __init__(self, case, features, labels, fused, bf16, graph):
        _, hidden, samples, dim, classes, self.batch = case
        self.features, self.labels, self.samples, self.bf16 = features, labels, samples, bf16
        self.model = make_head(dim, hidden, classes)
        options = {"fused": True} if fused else {}
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, capturable=graph, **options)
        self.criterion = nn.CrossEntropyLoss()
        self.graph = None
        if graph:
            self.capture()

    def step(self, rows):
        amp = torch.autocast("cuda", dtype=torch.bfloat16) if self.bf16 else contextlib.nullcontext()
        with amp:
            x = self.features.index_select(0, rows)
            loss = self.criterion(self.model(x if self.bf16 else x.float()), self.labels.index_select(0, rows))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()

    def capture(self):
        self.rows = torch.zeros(self.batch, dtype=torch.long, device="cuda")
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step(self.rows)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step(self.rows)
        self.graph = graph

    def epoch(self):
        order = torch.randperm(self.samples, device="cuda")
        for start in range(0, self.samples, self.batch):
            rows = order[start : start + self.batch]
            if self.graph is None:
                self.step(rows)
            elif len(rows) == self.batch:  # the graph has one size: the last, partial batch is left out
                self.rows.copy_(rows)
                self.graph.replay()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--case", default="")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = True
    results = []
    for case in CASES:
        name, _, samples, dim, classes, batch = case
        if args.case not in name:
            continue
        labels = torch.arange(samples, device="cuda") % classes
        features = torch.empty(samples, dim, dtype=torch.float16, device="cuda").normal_()
        variants = {"eager": (False, False, False), "eager fused": (True, False, False),
                    "graph": (True, False, True)}
        if batch > 1000:
            variants |= {"eager fused bf16": (True, True, False), "graph bf16": (True, True, True)}
        medians = {}
        for variant, switches in variants.items():
            runner = Variant(case, features, labels, *switches)
            times = []
            for number in range(args.epochs + 1):  # the first epoch warms up
                torch.cuda.synchronize()
                begin = time.perf_counter()
                runner.epoch()
                torch.cuda.synchronize()
                if number > 0:
                    times.append((time.perf_counter() - begin) * 1000)
            medians[variant] = statistics.median(times)
            del runner
        results.append({"case": name, "epoch_ms": medians, "torch": torch.__version__,
                        "gpu": torch.cuda.get_device_name()})
        del features, labels
        torch.cuda.empty_cache()
    print(json.dumps(results, indent=2))


main()
