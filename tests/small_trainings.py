"""What tests of trainings share: sounds with something to learn in them, a recipe that takes seconds, Ctrl-C, and the weights kept."""

import os
import signal

import numpy as np
import safetensors.torch
import soundfile

from training.tokens_recipe import read_tokens_recipe

RATE_HZ = 44_100
TOKENS_RECIPE = read_tokens_recipe().with_changes(
    width=16,
    layers=1,
    heads=2,
    head_width=8,
    attention_window=12,
    window_steps=16,
    batch_size=8,
    learning_rate=1e-2,
    warmup_updates=5,
    ema_decay=0.9,
    validation_interval=20,
)


def write_swells(folder, *, seconds=1.5, longer=0.0, subtype=None):
    """Write two classes, tones and noises, of three clips that swell; each lasts so much longer than the one before."""
    random = np.random.default_rng(0)
    for index in range(6):
        file = folder / ("hiss" if index % 2 else "hum") / f"{index}.wav"
        file.parent.mkdir(exist_ok=True)
        times = np.arange(int((seconds + longer * index) * RATE_HZ)) / RATE_HZ
        swell = 1 + 0.8 * np.sin(2 * np.pi * (2 + index) * times)
        tone = np.sin(2 * np.pi * 150 * (index + 1) * times) if index % 2 == 0 else random.standard_normal(len(times))
        soundfile.write(file, 0.1 * swell * tone + 0.001 * random.standard_normal(len(times)), RATE_HZ, subtype=subtype)
    return folder


def interrupt_at(batches, number, monkeypatch):
    """Press Ctrl-C while this batch of a class of batches is made."""
    plain = batches.batch

    def batch(self, update):
        if update == number:
            monkeypatch.setattr(batches, "batch", plain)
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, update)

    monkeypatch.setattr(batches, "batch", batch)


def weights(run):
    """Return the weights that a run folder keeps, by name."""
    return safetensors.torch.load_file(run / "checkpoint.safetensors")
