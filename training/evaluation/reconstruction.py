"""What the codec of a patch keeps of real sounds: colour, level, waveform, noise, and how much of its codebooks it uses."""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training.codecs.codec import Codec
from training.evaluation.log_mel_distance import log_mel_distance, si_sdr_db
from training.evaluation.real import RealSounds
from training.evaluation.spectrum import level_db

__all__ = ["Reconstruction", "reconstruct"]

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What came of it.

    Attributes
    ----------
    scores : dict
        The keys `codec_…` and `codebook_use…` of the report.
    pieces : dict from (class, clip number) to float32 array, shape (T,)
        The first piece of each clip, decoded again.
    """

    scores: dict[str, Any]
    pieces: dict[tuple[str, int], Array]


def reconstruct(codec: Codec, real: RealSounds) -> Reconstruction:
    """Encode and decode every real clip.

    Parameters
    ----------
    codec : Codec
        Of the same sample rate as `real`.
    real : RealSounds
    """
    used = [np.zeros(codec.codebook_size, dtype=bool) for _ in range(codec.codebooks)]
    distance: dict[str, list[float]] = {}
    level: dict[str, list[float]] = {}
    waveform: dict[str, list[float]] = {}
    pieces = {}
    clips = [(kind.name, number, clip) for kind in real.classes for number, clip in enumerate(kind.clips)]
    for name, number, clip in tqdm(clips, desc="codec", unit="clip", leave=False, disable=None):
        source = np.asarray(clip.audio, dtype=np.float32)
        codes = codec.encode(source)
        for row, book in zip(codes, used, strict=True):
            book[row] = True
        # The codec's noise differs from clip to clip, and is the same on every run.
        decoded = codec.decode(codes, seed=zlib.crc32(f"{name}/{number}".encode()))[: len(source)]
        source = source[: len(decoded)]
        distance.setdefault(name, []).append(log_mel_distance(source, decoded, real.sample_rate_hz))
        level.setdefault(name, []).append(level_db(decoded) - level_db(source))
        waveform.setdefault(name, []).append(si_sdr_db(source, decoded))
        pieces[name, number] = decoded[: real.piece_frames]
    use = [float(np.mean(book)) for book in used]
    by_class = {name: float(np.mean(values)) for name, values in level.items()}
    scores = {
        "codec_log_mel": float(np.mean([value for values in distance.values() for value in values])),
        "codec_log_mel_by_class": {name: float(np.mean(values)) for name, values in distance.items()},
        "codec_level_db": max(abs(value) for value in by_class.values()),
        "codec_level_db_by_class": by_class,
        "codec_level_db_worst_clip": max(abs(value) for values in level.values() for value in values),
        "codec_si_sdr": {name: float(np.median(values)) for name, values in waveform.items()},
        "codebook_use": use,
        "codebook_use_min": min(use),
    }
    return Reconstruction(scores, pieces)
