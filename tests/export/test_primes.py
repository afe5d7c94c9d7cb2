"""Which clips a patch begins with."""

import dataclasses

import numpy as np
import pytest

from export.errors import ExportError
from export.primes import MAX_PRIMES, choose_primes, random_primes
from realtime.voices import token_primes
from tests.token_sets import CLASSES, clip, dataset


def test_no_more_than_the_stage_loads(tmp_path):
    assert MAX_PRIMES == token_primes.MAX_PRIMES
    names = tuple(f"class {index}" for index in range(30))
    clips = []
    for index in range(90):
        weights = np.zeros(30, np.float32)
        weights[index % 30] = 1.0
        # A third, two thirds and all of the range, so that two primes of a class are two clips.
        values = np.array([(index // 30 + 1) / 3, np.nan], np.float32)
        made = clip(index, 80, "training", index % 3)
        clips.append(dataclasses.replace(made, path=f"{index}.wav", weights=weights, values=values))
    many = dataclasses.replace(dataset(tmp_path / "data"), classes=names, clips=tuple(clips))
    primes = choose_primes(many)
    assert primes.codes.shape == (60, 3, 64)
    assert (primes.condition[:, :30].sum(axis=0) == 2.0).all()
    assert len(random_primes(many, 0).names) == 30


def test_what_judges_is_not_learned_from_unless_there_is_nothing_else(tmp_path):
    def changed(clips):
        return [dataclasses.replace(one, split="held_out") if one.weights[2] == 1.0 else one for one in clips]

    data = dataset(tmp_path / "data", changed=changed)
    sides = {one.path: (one.split, int(one.weights.argmax())) for one in data.clips}
    chosen = {sides[name] for name in choose_primes(data).names}
    assert chosen == {("training", 0), ("training", 1), ("held_out", 2)}


def test_a_class_of_blends_only_is_named(tmp_path):
    data = dataset(tmp_path / "data")
    alone = tuple(one for one in data.clips if one.weights[1] < 1.0)
    with pytest.raises(ExportError, match=f"no clip of this class alone.*{CLASSES[1]}"):
        choose_primes(dataclasses.replace(data, clips=alone))
