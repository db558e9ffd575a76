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


def check_confident_learning(n):
    from cleanlab.count import compute_confident_joint, get_confident_thresholds
    from cleanlab.dataset import find_overlapping_classes
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    labels = np.array(n["labels"])
    p = np.array(n["probabilities"], np.float32).reshape(len(labels), -1).astype(np.float64)
    p /= p.sum(1, keepdims=True)
    near("thresholds", n["thresholds"], get_confident_thresholds(labels, p), 1e-6)
    near("joint", n["joint"], compute_confident_joint(labels, p, calibrate=False), 0)
    near("quality", n["quality"], get_label_quality_scores(labels, p, method="self_confidence"), 1e-6)
    issues = find_label_issues(labels, p, filter_by="confident_learning", n_jobs=1)
    near("issues", np.array(n["suggested"]) >= 0, issues, 0)
    if not issues.any():
        sys.exit("there was nothing to find")
    near("suggested", np.array(n["suggested"])[issues], p.argmax(1)[issues], 0)
    theirs = find_overlapping_classes(labels=labels, pred_probs=p)
    shares = {(a, b): s for a, b, s in theirs[["Class Index A", "Class Index B", "Joint Probability"]].values}
    for a, b, share in n["overlaps"]:
        # cleanlab rounds each cell of the joint to whole samples
        near(f"overlap of {a} and {b}", share, shares[a, b], 2.01 / len(labels))


globals()[f"check_{sys.argv[1]}"](json.load(open(sys.argv[2])))
