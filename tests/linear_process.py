"""Sound that a linear predictor can predict as well as anything can, for tests of what a sequencer is held against."""

import numpy as np


def linear_process(count, rows, seed):
    """Clips of a stable vector autoregression of two lags, and its matrices."""
    shape = np.random.default_rng(99)
    size = 4
    first = 0.6 * np.linalg.qr(shape.standard_normal((size, size)))[0]
    second = 0.25 * np.linalg.qr(shape.standard_normal((size, size)))[0]
    random, clips = np.random.default_rng(seed), []
    for _ in range(count):
        frames = np.zeros((rows + 50, size))
        for row in range(2, len(frames)):
            frames[row] = first @ frames[row - 1] + second @ frames[row - 2] + 0.3 * random.standard_normal(size)
        clips.append(frames[50:].astype(np.float32))
    return clips, first, second
