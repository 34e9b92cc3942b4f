"""The cases of benches/cases/cases.json, and random data for their inputs."""

import json
import pathlib
import zlib

import numpy as np

CASES = pathlib.Path(__file__).resolve().parent.parent / "cases"


def all_cases():
    """Every case in every size, as dictionaries with name, size, loss, gradients, inputs and extents."""
    found = []
    for row in json.loads((CASES / "cases.json").read_text())["cases"]:
        for size, extents in row["sizes"].items():
            found.append({**row, "size": size, "extents": extents, "title": f"{row['name']}/{size}"})
    return found


def loss_argument(case):
    """What the command line of lossc calls the loss."""
    return str(CASES / case["loss"]) if case["loss"].endswith(".loss") else case["loss"]


def make(case):
    """A dictionary of arrays, always the same for a case."""
    generator = np.random.default_rng(zlib.crc32(case["title"].encode()))
    return {name: _array(given, case["extents"], generator) for name, given in case["inputs"].items()}


def _array(given, extents, generator):
    kind, *words = given["data"].split()
    shape = [extents[axis] for axis in given["shape"]]
    if kind == "normal":
        return (float(words[0]) * generator.standard_normal(shape, dtype=np.float32)).astype(np.float32)
    if kind == "uniform":
        low, high = map(float, words)
        return (low + (high - low) * generator.random(shape, dtype=np.float32)).astype(np.float32)
    if kind == "binary":
        return (generator.random(shape, dtype=np.float32) < float(words[0])).astype(np.float32)
    if kind == "label":
        return generator.integers(0, extents[words[0]], shape, dtype=np.int64)
    if kind == "boxes":
        corner = generator.random([*shape[:-1], 2], dtype=np.float32)
        size = 0.2 + generator.random([*shape[:-1], 2], dtype=np.float32)
        return np.concatenate([corner, corner + size], axis=-1)
    place = given["shape"].index(words[0])
    if kind == "simplex":
        weights = (generator.random(shape, dtype=np.float32) + 0.02) ** 3
        return (weights / weights.sum(axis=place, keepdims=True)).astype(np.float32)
    if kind == "onehot":
        chosen = generator.integers(0, shape[place], [extent for at, extent in enumerate(shape) if at != place])
        return np.moveaxis(np.eye(shape[place], dtype=np.float32)[chosen], -1, place).copy()
    raise ValueError(f"unknown data {given['data']!r}")
