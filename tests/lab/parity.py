"""Repeats with scipy, scikit-learn or cleanlab what the C++ test did, and fails where the numbers differ.

usage: parity.py CHECK NUMBERS.json
"""
import json
import sys

import numpy as np


def near(name, ours, theirs, tolerance):
    worst = float(np.max(np.abs(np.asarray(ours, float) - np.asarray(theirs, float)), initial=0))
    if not worst <= tolerance:
        sys.exit(f"{name}: differs by {worst:g}, more than {tolerance:g}")


def check_t_quantile(n):
    from scipy.stats import t

    for p, freedom, ours in n["cases"]:
        theirs = t.ppf(p, freedom)
        near(f"t({p}, {freedom})", ours, theirs, 1e-9 * max(1, abs(theirs)))


def check_auroc(n):
    from sklearn.metrics import roc_auc_score

    truth = [1] * len(n["positives"]) + [0] * len(n["negatives"])
    near("area", n["area"], roc_auc_score(truth, n["positives"] + n["negatives"]), 1e-12)


def check_sweep(n):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, log_loss

    y, folds = np.array(n["labels"]), np.array(n["folds"])
    x = np.array(n["x"], float).reshape(len(y), -1)
    x = (x - x.mean(0)) / x.std(0)
    for head in n["heads"]:
        accuracies, losses = [], []
        for fold in range(folds.max() + 1):
            seen = folds != fold
            model = LogisticRegression(C=1 / (seen.sum() * head["l2"]), tol=1e-8, max_iter=10000)
            model.fit(x[seen], y[seen])
            accuracies.append(accuracy_score(y[~seen], model.predict(x[~seen])))
            losses.append(log_loss(y[~seen], model.predict_proba(x[~seen])))
        near("accuracies", head["accuracy"], accuracies, 1e-9)
        near("loss", head["loss"], np.mean(losses), 2e-3)
        near("mean", head["mean"], np.mean(accuracies), 1e-12)
        near("std", head["std"], np.std(accuracies, ddof=1), 1e-12)


globals()[f"check_{sys.argv[1]}"](json.load(open(sys.argv[2])))
