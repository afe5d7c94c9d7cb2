"""What corpus.json says, as Python objects. It knows neither JSON nor files; what may stand there is in `patches.corpus_fields`."""

from dataclasses import dataclass, field

from patches.descriptors import DescriptorSpec


@dataclass(frozen=True)
class CorpusFile:
    """A sound of the corpus: where it came from, and where it lies in the audio. `loudness_dbfs` was measured, not applied."""

    path: str
    label: str
    sha256: str
    first_frame: int
    frames: int
    seconds: float
    loudness_dbfs: float
    weight: float = 1.0


@dataclass(frozen=True)
class SkippedFile:
    """A sound that is not in the corpus, why not, and what it is a copy of if that is why."""

    path: str
    reason: str
    duplicate_of: str | None = None


@dataclass(frozen=True)
class Segmentation:
    """How sounds were cut into units."""

    kind: str
    shortest_frames: int
    longest_frames: int


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of every column of [descriptors | attributes] over all units."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class CorpusArray:
    """An array in a `.npy` file of its own."""

    file: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    sha256: str


@dataclass(frozen=True)
class CorpusAudio:
    """The file of all sound: 16-bit little-endian samples, channels interleaved, nothing else."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class CorpusManifest:
    """What corpus.json says, checked."""

    descriptors: tuple[str, ...]
    hop_frames: int
    sample_rate_hz: int
    channels: int
    units: int
    frames: int
    labels: tuple[str, ...]
    files: tuple[CorpusFile, ...]
    skipped: tuple[SkippedFile, ...]
    segmentation: Segmentation
    statistics: Statistics
    arrays: dict[str, CorpusArray]
    audio: CorpusAudio
    git: str
    created: str
    format: int = 1
    kind: str = field(default="corpus")

    @property
    def spec(self) -> DescriptorSpec:
        """The descriptors, hop and rate."""
        return DescriptorSpec(self.descriptors, self.hop_frames, self.sample_rate_hz)
