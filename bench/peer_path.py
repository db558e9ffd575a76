"""scikit-learn's LogisticRegression (L-BFGS) down a path of L2 strengths, over the features that sweep_bench wrote.

Prints {"seconds", "cpu_seconds", "path": [[lambda, objective, iterations]]} with the objective that sweep_bench minimises: mean
cross-entropy + lambda/2 |W|^2. Warm starts from one value to the next, as a careful user would have it; --cold: each
value from zero, as scikit-learn does by default and DINOv2's evaluation with it.
usage: peer_path.py FILE [--rows N] [--dim N] [--classes N] [--lambdas N] [--tol T] [--cold]
"""

import argparse
import json
import time
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--rows", type=int, default=9144)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--classes", type=int, default=101)
    parser.add_argument("--lambdas", type=int, default=45)
    parser.add_argument("--tol", type=float, default=1e-4)
    parser.add_argument("--cold", action="store_true")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    x = np.fromfile(args.file, np.float32).reshape(args.rows, args.dim)
    y = np.arange(args.rows) % args.classes
    begin, cpu = time.perf_counter(), time.process_time()
    x = (x - x.mean(0)) / x.std(0)
    models = []
    model = LogisticRegression(tol=args.tol, max_iter=1000, warm_start=not args.cold)
    for i in range(args.lambdas):
        lam = 10 ** (1 - 5 * i / max(1, args.lambdas - 1))
        model.C = 1 / (lam * args.rows)
        model.fit(x, y)
        models.append((lam, model.coef_.copy(), model.intercept_.copy(), int(model.n_iter_.max())))
    seconds = time.perf_counter() - begin
    cpu = time.process_time() - cpu
    path = []
    for lam, weight, bias, iterations in models:
        logits = x.astype(np.float64) @ weight.T + bias
        if args.classes == 2:
            logits = np.stack([np.zeros(args.rows), logits[:, 0]], 1)
        logits -= logits.max(1, keepdims=True)
        loss = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(args.rows), y])
        penalty = lam / 2 * (weight.astype(np.float64) ** 2).sum()
        path.append([lam, float(loss + penalty), iterations])
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "path": path}))


main()
