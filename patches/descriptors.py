"""Which descriptors a sound is described by, under which names, and how often: what studio and stage agree on.

It does not know how a descriptor is computed. Names are the columns of every table of descriptors, in the order of the spec.
"""

from dataclasses import dataclass
from typing import Final

from patches.errors import DuplicateNameError, WrongTypeError, WrongValueError, shown

__all__ = [
    "ALL_NAMES",
    "ATTRIBUTES",
    "BRIGHTNESS_FLOOR_HZ",
    "CLASSIC",
    "DEFAULT_SPEC",
    "DELTA_REACH",
    "FLOOR_POWER",
    "GROUPS",
    "HOP_FRAMES",
    "LOUDNESS_FLOOR_DBFS",
    "MEL_BANDS",
    "MFCC",
    "MFCC_COUNT",
    "OTHERS",
    "PERIOD_ERROR",
    "SAMPLE_RATE_HZ",
    "SEED_CLASSIC_ORDER",
    "SEED_MFCC_ORDER",
    "SETS",
    "STATIC",
    "VOICED_ABOVE_RMS",
    "VOICED_BELOW",
    "WINDOW_FRAMES",
    "DescriptorSpec",
    "f0_range_hz",
    "group_of",
]

SAMPLE_RATE_HZ: Final = 44_100
HOP_FRAMES: Final = 1024
WINDOW_FRAMES: Final = 2048
MFCC_COUNT: Final = 13
DELTA_REACH: Final = 4
"""Hops on each side of a row that its derivatives look at: a Savitzky-Golay window of nine."""
MEL_BANDS: Final = 128
LOUDNESS_FLOOR_DBFS: Final = -100.0
BRIGHTNESS_FLOOR_HZ: Final = 20.0
"""Digital silence has no centroid. As an attribute it is put at the lower end of hearing."""
FLOOR_POWER: Final = 1e-4
"""What the mel bands of cepstrum and onset strength are raised to, and the bins of noisiness: -40 dB.

A sine at full scale has some +40 dB in its band: this is 80 dB under it, as librosa's top_db=80 is under a file's maximum, but the same for
every file. Below is the noise of microphones and converters, which would decide what a band without sound is like.
"""
VOICED_BELOW: Final = 0.2
"""A frame is voiced while under a fifth of its power fails to repeat after one period (some 6 dB from harmonics to noise)."""
PERIOD_ERROR: Final = 0.03
"""How far a voiced frame's period may be from the one that plain YIN names, which is up to 1.3 % short for low tones."""
VOICED_ABOVE_RMS: Final = 1e-4
"""What 16 bits leave of a sound under -80 dBFS is periodic by rounding alone."""

F0_LEAST_HZ, F0_GREATEST_HZ = 80.0, 10_000.0
LONGEST_PERIOD = 1000
HOP_STEP: Final = 64
LEAST_HOP, GREATEST_HOP = 256, 8192
LEAST_RATE_HZ, GREATEST_RATE_HZ = 8_000, 96_000

MFCC: Final = tuple(f"{kind}{index}" for kind in ("mfcc", "delta", "delta_delta") for index in range(MFCC_COUNT))
"""The 39 of the Descriptor Transformer: cepstrum, its first and its second derivative over time."""
CLASSIC: Final = ("cent", "flat", "rolloff", "rms", "f0")
"""Its older five: spectral centroid (Hz), spectral flatness (linear), roll-off (Hz), RMS (linear), fundamental by YIN (Hz)."""
OTHERS: Final = ("loudness", "onset")
"""RMS of the window (dBFS), and onset strength: by how many dB the mel bands rose over one hop, on average."""
SETS: Final = {"mfcc": MFCC, "classic": CLASSIC}
ALL_NAMES: Final = (*MFCC, *CLASSIC, *OTHERS)
STATIC: Final = (*MFCC[:MFCC_COUNT], *CLASSIC, *OTHERS)
"""Those that a window has without its neighbours' derivatives."""

ATTRIBUTES: Final = ("loudness", "brightness", "noisiness")
"""Beside every row, whatever the spec: dBFS, log2 Hz, dB (0 is white noise)."""
GROUPS: Final = ("timbre", "movement", "pitch", "loudness", "brightness", "noisiness", "onset")
"""What a search can weigh: each descriptor and each attribute is in one."""
_GROUP_OF_KIND: Final = {
    "mfcc": "timbre",
    "delta": "movement",
    "delta_delta": "movement",
    "f0": "pitch",
    "loudness": "loudness",
    "rms": "loudness",
    "cent": "brightness",
    "rolloff": "brightness",
    "brightness": "brightness",
    "flat": "noisiness",
    "noisiness": "noisiness",
    "onset": "onset",
}

_seed_name = {name: f"mfcc{index}" for index, name in enumerate(MFCC)}
SEED_MFCC_ORDER: Final = tuple(sorted(MFCC, key=lambda name: _seed_name[name]))
"""The 39 in the order of the seeds' models, which sort their column names as text: mfcc0, mfcc1, mfcc10 … of mfcc0..38, in our names."""
SEED_CLASSIC_ORDER: Final = tuple(sorted(CLASSIC))
"""The five in the order of the seeds' models."""


def f0_range_hz(sample_rate_hz: int) -> tuple[float, float]:
    """Return the fundamentals YIN looks for at a rate: 80 to 10000 Hz as in the seeds, less where rate or window forbid it."""
    return max(F0_LEAST_HZ, sample_rate_hz / LONGEST_PERIOD), min(F0_GREATEST_HZ, sample_rate_hz / 2)


def group_of(name: str) -> str:
    """Return the one of `GROUPS` that a descriptor or attribute is in.

    Raises
    ------
    WrongValueError
        No descriptor or attribute has this name.
    """
    kind = name if name in _GROUP_OF_KIND else name.rstrip("0123456789")
    if kind not in _GROUP_OF_KIND or (name not in ALL_NAMES and name not in ATTRIBUTES):
        raise WrongValueError(field="descriptors", got=shown(name), allowed="a descriptor or an attribute")
    return _GROUP_OF_KIND[kind]


@dataclass(frozen=True)
class DescriptorSpec:
    """The descriptors of a sound: which, how often, at which rate.

    Parameters
    ----------
    names : tuple of str
        Of `ALL_NAMES`, each once, at least one; the order of the columns.
    hop_frames : int
        256 to 8192, a multiple of 64. Row i is centred on sample i * hop_frames.
    sample_rate_hz : int
        8000 to 96000. Of the sound that is described.

    Raises
    ------
    WrongTypeError
        A value is not of these types.
    WrongValueError
        A name is not known, there is none, or a number is out of bounds.
    DuplicateNameError
        A name is there twice.

    Thread
    ------
    Any: immutable.
    """

    names: tuple[str, ...]
    hop_frames: int = HOP_FRAMES
    sample_rate_hz: int = SAMPLE_RATE_HZ

    def __post_init__(self) -> None:
        if not isinstance(self.names, tuple):
            raise WrongTypeError(field="descriptors", got=shown(self.names), allowed="a tuple of names")
        if not self.names:
            raise WrongValueError(field="descriptors", got="none", allowed=_allowed())
        for index, name in enumerate(self.names):
            if name not in ALL_NAMES:
                raise WrongValueError(field="descriptors", got=shown(name), allowed=_allowed())
            if name in self.names[:index]:
                raise DuplicateNameError(field="descriptors", got=shown(name), allowed="each once", hint="sets hold all their names")
        for field, value in (("hop_frames", self.hop_frames), ("sample_rate_hz", self.sample_rate_hz)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise WrongTypeError(field=field, got=shown(value), allowed="a whole number")
        if not LEAST_HOP <= self.hop_frames <= GREATEST_HOP or self.hop_frames % HOP_STEP:
            allowed = f"{LEAST_HOP} to {GREATEST_HOP} in steps of {HOP_STEP}"
            raise WrongValueError(field="hop_frames", got=shown(self.hop_frames), allowed=allowed)
        if not LEAST_RATE_HZ <= self.sample_rate_hz <= GREATEST_RATE_HZ:
            raise WrongValueError(
                field="sample_rate_hz", got=shown(self.sample_rate_hz), allowed=f"{LEAST_RATE_HZ} to {GREATEST_RATE_HZ} Hz"
            )

    @classmethod
    def parse(cls, text: str, *, hop_frames: int = HOP_FRAMES, sample_rate_hz: int = SAMPLE_RATE_HZ) -> "DescriptorSpec":
        """Read a spec as a person writes it: names and sets between commas, as in ``mfcc,loudness,onset``.

        Parameters
        ----------
        text : str
            A set (`SETS`) stands for all its names. Blanks around a name do not count.
        hop_frames, sample_rate_hz : int

        Raises
        ------
        WrongTypeError, WrongValueError, DuplicateNameError
            As in the constructor.
        """
        if not isinstance(text, str):
            raise WrongTypeError(field="descriptors", got=shown(text), allowed="text")
        names: list[str] = []
        for word in text.split(","):
            names.extend(SETS.get(word.strip(), (word.strip(),)))
        return cls(tuple(names), hop_frames, sample_rate_hz)

    @property
    def text(self) -> str:
        """The names as `parse` reads them, whole sets under their own names; the same names in the same order give the same text."""
        words: list[str] = []
        index = 0
        while index < len(self.names):
            for word, names in SETS.items():
                if self.names[index : index + len(names)] == names:
                    words.append(word)
                    index += len(names)
                    break
            else:
                words.append(self.names[index])
                index += 1
        return ",".join(words)

    @property
    def lookahead_frames(self) -> int:
        """Samples after a row's centre that it depends on: half a window, and the derivatives' reach where there are derivatives."""
        reach = DELTA_REACH * self.hop_frames if any(name.startswith("delta") for name in self.names) else 0
        return WINDOW_FRAMES // 2 + reach

    def group_of(self, name: str) -> str:
        """Return the one of `GROUPS` that a descriptor or attribute is in; see `group_of`."""
        return group_of(name)

    def __len__(self) -> int:
        return len(self.names)


def _allowed() -> str:
    return f"{', '.join(SETS)}; mfcc0 to mfcc12, delta0 to delta12, delta_delta0 to delta_delta12; {', '.join((*CLASSIC, *OTHERS))}"


DEFAULT_SPEC: Final = DescriptorSpec(MFCC)
