"""Makes the data sets of this folder from those that scikit-learn's package contains.

    python3 -m venv venv
    venv/bin/pip install scikit-learn==1.7.2 numpy==2.4.6 scipy==1.17.1 safetensors==0.8.0
    venv/bin/python examples/data/prepare.py

Nothing is downloaded: the tables are part of the package. Every random choice has a seed.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent


def breast_cancer():
    """Held-out probabilities of a logistic regression, and its logits with what scikit-learn says of them."""
    x, y = load_breast_cancer(return_X_y=True)
    malignant = 1 - y
    x_fit, x_held, y_fit, y_held = train_test_split(x, malignant, test_size=0.3, random_state=0, stratify=malignant)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x_fit, y_fit)
    tensors = {"pred": model.predict_proba(x_held)[:, 1].astype("f4"), "target": y_held.astype("f4")}
    save_file(tensors, HERE / "breast_cancer.safetensors")

    logits = model.decision_function(x_held)
    probability = 1 / (1 + np.exp(-logits))
    case = {
        "name": "held out",
        "inputs": {"logits": tensor(logits, "f64"), "target": tensor(y_held, "f64")},
        "expect": {
            "value": log_loss(y_held, probability),
            "grads": {"logits": tensor((probability - y_held) / len(y_held), "f64")},
        },
        "rtol": 1e-9,
        "atol": 1e-12,
        "rtol_f32": 2e-4,
        "atol_f32": 1e-6,
    }
    (HERE / "breast_cancer.json").write_text(json.dumps({"loss": "bce_logits", "cases": [case]}) + "\n")


def digits():
    """Held-out logits of ten classes with labels."""
    x, y = load_digits(return_X_y=True)
    x_fit, x_held, y_fit, y_held = train_test_split(x / 16, y, test_size=200, random_state=0, stratify=y)
    model = LogisticRegression(max_iter=1000).fit(x_fit, y_fit)
    np.savez(HERE / "digits.npz", logits=model.decision_function(x_held).astype("f4"), label=y_held.astype("i8"))


def digit_images():
    """All digits as they are, for training."""
    table = load_digits()
    tensors = {"image": table.images.astype("u1"), "label": table.target.astype("u1")}
    save_file(tensors, HERE / "digit_images.safetensors")


def breast_cancer_features():
    """All thirty features and the diagnosis, for training; a text, so that an example needs no file format."""
    table = load_breast_cancer()
    names = [name.replace(" ", "_") for name in table.feature_names] + ["malignant"]
    rows = [[f"{value:g}" for value in row] + [str(1 - int(y))] for row, y in zip(table.data, table.target)]
    (HERE / "breast_cancer.csv").write_text("\n".join(",".join(row) for row in [names, *rows]) + "\n")


def digit_masks():
    """Masks of two classes, paper and ink, that a classifier of pixels finds in noisy images."""
    images = load_digits().images
    label = (images >= 8).astype("i8")
    noisy = images / 16 + np.random.default_rng(0).normal(scale=0.35, size=images.shape)
    padded = np.pad(noisy, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = [padded[:, row : row + 8, column : column + 8] for row in range(3) for column in range(3)]
    features = np.stack(around, axis=-1)
    held = 12
    model = LogisticRegression().fit(features[held:].reshape(-1, 9), label[held:].reshape(-1))
    score = model.decision_function(features[:held].reshape(-1, 9)).reshape(held, 8, 8)
    logits = np.stack([np.zeros_like(score), score], axis=1).astype("f4")
    pred = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = np.stack([1 - label[:held], label[:held]], axis=1).astype("f4")
    folder = HERE / "digit_masks"
    folder.mkdir(exist_ok=True)
    for name, array in {"logits": logits, "label": label[:held], "pred": pred, "target": target}.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array))


def diabetes():
    """Held-out predictions of a linear regression; a fifth of the targets is missing, and NaN."""
    x, y = load_diabetes(return_X_y=True)
    x_fit, x_held, y_fit, y_held = train_test_split(x, y, test_size=0.3, random_state=0)
    pred = LinearRegression().fit(x_fit, y_fit).predict(x_held)
    observed = np.random.default_rng(0).random(len(y_held)) >= 0.2
    target = np.where(observed, y_held, np.nan)
    np.savez(HERE / "diabetes.npz", pred=pred.astype("f4"), target=target.astype("f4"), observed=observed.astype("f4"))


def tensor(array, dtype):
    """A tensor as a case file writes it."""
    array = np.asarray(array)
    return {"dtype": dtype, "shape": list(array.shape), "data": [float(value) for value in array.ravel()]}


if __name__ == "__main__":
    breast_cancer()
    breast_cancer_features()
    digits()
    digit_images()
    digit_masks()
    diabetes()
