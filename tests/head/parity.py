"""Repeats with scikit-learn or PyTorch what the C++ test did, and fails where the numbers differ.

Usage: parity.py FOLDER, which holds `tensors` (safetensors) and `settings.json`.
"""
import json
import pathlib
import sys

import numpy as np
from safetensors.numpy import load_file


def near(name, ours, theirs, tolerance):
    worst = float(np.max(np.abs(np.asarray(ours, float) - np.asarray(theirs, float)), initial=0))
    if not worst <= tolerance:
        sys.exit(f"{name}: differs by {worst:g}, more than {tolerance:g}")


def standardized(x):
    x = x.astype(np.float64)
    mean, std = x.mean(0), x.std(0)
    return (x - mean) / std, mean, std


def check_logistic(t, s):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.utils.class_weight import compute_sample_weight

    z, mean, std = standardized(t["x"])
    n = len(z)
    ours = t["weight0"].astype(np.float64) * std  # unfold the standardisation
    bias = t["bias0"] + (t["weight0"].astype(np.float64) * mean).sum(1)
    settings = dict(C=1 / (n * s["lambda"]), tol=1e-10, max_iter=10000,
                    class_weight="balanced" if s["balanced"] else None)
    if "targets" in t:
        objective = 0
        for c, y in enumerate(t["targets"].T.astype(int)):
            model = LogisticRegression(**settings).fit(z, y)
            near(f"label {c}", ours[c], model.coef_[0], 1e-3)
            near(f"bias {c}", bias[c], model.intercept_[0], 1e-3)
            weight = compute_sample_weight("balanced" if s["balanced"] else None, y)
            loss = log_loss(y, model.predict_proba(z), sample_weight=weight)
            objective += loss + s["lambda"] / 2 * (model.coef_**2).sum()
        near("objective", s["objective"], objective / len(ours), 1e-5)
        return
    y = t["labels"].astype(int)
    model = LogisticRegression(**settings).fit(z, y)
    near("coefficients", ours, model.coef_, 1e-3)
    # A multinomial model's biases are defined up to a common constant.
    near("biases", bias - bias.mean(), model.intercept_ - model.intercept_.mean(), 1e-3)
    weight = compute_sample_weight("balanced" if s["balanced"] else None, y)
    loss = log_loss(y, model.predict_proba(z), sample_weight=weight)
    near("objective", s["objective"], loss + s["lambda"] / 2 * (model.coef_**2).sum(), 1e-5)


def check_optimiser(t, s):
    import torch
    from torch import nn

    z, mean, std = standardized(t["x"])
    x = torch.tensor(z, dtype=torch.float32)
    layers = []
    for i in range(2):
        if f"initial{i}" not in t:
            continue
        initial = t[f"initial{i}"]
        outputs, inputs = t[f"weight{i}"].shape
        linear = nn.Linear(inputs, outputs)
        linear.weight.data = torch.tensor(initial[:, :inputs].copy())
        linear.bias.data = torch.tensor(initial[:, inputs].copy())
        layers += [nn.ReLU(), linear] if i else [linear]
    model = nn.Sequential(*layers)
    if "targets" in t:
        eps = s["label_smoothing"]
        y = torch.tensor(t["targets"]) * (1 - eps) + eps / 2
        criterion = nn.BCEWithLogitsLoss()
    else:
        y = torch.tensor(t["labels"]).long()
        weight = None
        if s["balanced"]:
            counts = torch.bincount(y).float()
            weight = len(y) / (len(counts) * counts)
        criterion = nn.CrossEntropyLoss(weight=weight, label_smoothing=s["label_smoothing"])
    if s["optimizer"] == "adamw":
        optimizer = torch.optim.AdamW(model.parameters(), lr=s["learning_rate"],
                                      weight_decay=s["weight_decay"])
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=s["learning_rate"],
                                    momentum=s["momentum"], weight_decay=s["weight_decay"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=3)
    for epoch in (1, 2, 3):
        order = torch.tensor(t[f"order{epoch}"]).long()
        total = mass = 0.0
        for rows in order.split(s["batch"]):
            optimizer.zero_grad()
            loss = criterion(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            share = float(weight[y[rows]].sum()) if "targets" not in t and s["balanced"] else len(rows)
            total, mass = total + float(loss.detach()) * share, mass + share
        near(f"loss of epoch {epoch}", t["losses"][epoch - 1], total / mass, 1e-5)
        schedule.step()
    linears = [m for m in model if isinstance(m, nn.Linear)]
    weight0 = linears[0].weight.detach().numpy() / std  # fold the standardisation
    near("weight0", t["weight0"], weight0, 1e-4)
    near("bias0", t["bias0"], linears[0].bias.detach().numpy() - (weight0 * mean).sum(1), 1e-4)
    if len(linears) > 1:
        near("weight1", t["weight1"], linears[1].weight.detach().numpy(), 1e-4)
        near("bias1", t["bias1"], linears[1].bias.detach().numpy(), 1e-4)


def calibration_error(confidence, right):
    """Expected calibration error over 15 equal bins, from its definition."""
    bins = np.minimum((confidence * 15).astype(int), 14)
    return sum((bins == b).mean() * abs(right[bins == b].mean() - confidence[bins == b].mean())
               for b in np.unique(bins))


def check_metrics(t, s):
    from sklearn import metrics as sk

    p = t["probabilities"].astype(np.float64)
    classes = p.shape[1]
    if s["multi_label"]:
        y, predicted = t["targets"].astype(int), (p >= 0.5).astype(int)
        near("loss", s["loss"], np.mean([sk.log_loss(a, b) for a, b in zip(y.T, p.T)]), 1e-6)
        near("roc_auc", s["roc_auc"], sk.roc_auc_score(y, p, average="macro"), 1e-9)
        near("ece", s["ece"],
             calibration_error(np.maximum(p, 1 - p).ravel(), (y == predicted).ravel()), 1e-6)
    else:
        y, predicted = t["labels"].astype(int), p.argmax(1)
        near("loss", s["loss"], sk.log_loss(y, p / p.sum(1, keepdims=True)), 1e-6)
        near("confusion", s["confusion"], sk.confusion_matrix(y, predicted), 0)
        near("ece", s["ece"], calibration_error(p.max(1), y == predicted), 1e-6)
        top5 = sk.top_k_accuracy_score(y, p, k=5) if classes > 5 else 1
        near("top5", s["top5"], top5, 1e-9)
        if classes == 2:
            near("roc_auc", s["roc_auc"], sk.roc_auc_score(y, p[:, 1]), 1e-9)
    near("accuracy", s["accuracy"], sk.accuracy_score(y, predicted), 1e-9)
    near("macro_f1", s["macro_f1"], sk.f1_score(y, predicted, average="macro", zero_division=0),
         1e-9)
    theirs = np.stack(sk.precision_recall_fscore_support(y, predicted, zero_division=0)).T
    near("per class", s["per_class"], theirs, 1e-9)


def main():
    folder = pathlib.Path(sys.argv[1])
    settings = json.loads((folder / "settings.json").read_text())
    tensors = load_file(folder / "tensors")
    checks = {"logistic": check_logistic, "optimiser": check_optimiser, "metrics": check_metrics}
    checks[settings["check"]](tensors, settings)


if __name__ == "__main__":
    main()
