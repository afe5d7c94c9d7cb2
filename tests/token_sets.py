"""Small token datasets with something to learn in them, for tests."""

import hashlib

import numpy as np

from training.tokens_dataset import CodecInfo, Parameter, TokenClip, TokenDataset, write_dataset

CLASSES = ("rain", "wind", "bees")
CODES = 24


def clip(index, steps, split, kind, *, blend=False):
    """A walk round the codes that starts where its class says and goes as fast as its first parameter says."""
    random = np.random.default_rng(index)
    weights = np.zeros(len(CLASSES), np.float32)
    weights[kind] = 1.0
    if blend:
        weights[[kind, (kind + 1) % len(CLASSES)]] = 0.5
    value = random.random()
    way = 8 * kind + np.cumsum(random.random(steps) < 0.2 + 0.6 * value)
    codes = np.stack([way % CODES, (2 * way + 1) % CODES, (way + random.integers(0, 3, steps)) % CODES])
    values = np.array([value, random.random() if kind == 0 else np.nan], np.float32)
    return TokenClip(
        f"{CLASSES[kind]}/{index}.wav", hashlib.sha256(bytes([index])).hexdigest(), codes.astype(np.int64), weights, values, split
    )


def dataset(folder, *, clips=18, steps=60, codec="a" * 64, blends=2, changed=None):
    """Write a dataset; `changed` may replace the list of clips."""
    made = [clip(index, steps, "held_out" if index >= clips - 6 else "training", index % 3) for index in range(clips)]
    made += [clip(100 + index, steps, "training", index % 3, blend=True) for index in range(blends)]
    if changed is not None:
        made = changed(made)
    info = CodecInfo("spectral", codec, 44100, 512, 3, CODES)
    return write_dataset(
        folder, TokenDataset(folder, info, CLASSES, (Parameter("speed", 0.0, 10.0), Parameter("rate", 1.0, 2.0)), tuple(made), "CC0-1.0")
    )
