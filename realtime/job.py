"""What a deck is asked to play, and the process that plays it. Plain records; they know no rules."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from patches.library import search_folders
from patches.manifest import Manifest
from realtime.voices.voice import CorpusChoice, VoiceOptions
from realtime.worker import Worker


@dataclass
class Job:
    """A patch to be played and everything that was set for it since, so that it can be played again.

    `seed` None keeps the deck's. `crashes` are the times its processes were lost, in monotonic seconds. `number` counts what was asked for.
    """

    folder: Path
    manifest: Manifest
    seed: int | None = None
    values: dict[str, float] = field(default_factory=dict)
    mode: int | None = None
    crashes: list[float] = field(default_factory=list)
    options: VoiceOptions = field(default_factory=VoiceOptions)
    number: int = 0

    @cached_property
    def foreign_folder(self) -> str:
        """Its folder, where it is none of the library's, else empty. Looked up once: every look at the deck shows it."""
        return "" if self.folder.parent in search_folders() else str(self.folder)

    def index(self, control_id: str) -> int | None:
        """Place of a control in the manifest, None if the patch has no such control."""
        return next((i for i, c in enumerate(self.manifest.controls) if c.id == control_id), None)

    def with_corpora(self, corpora: tuple[CorpusChoice, ...], number: int) -> "Job":
        """The same with other corpora, as a job of its own: what becomes of it does not touch this one."""
        options = replace(self.options, corpora=corpora)
        return replace(self, values=dict(self.values), crashes=[], options=options, number=number)


@dataclass
class Take:
    """One process that plays one job into one ring."""

    worker: Worker
    ring: int
    job: Job
    step_ms_p99: float = 0.0
    priority: str = ""
    modes: tuple[str, ...] = ()
    left_at: int = 0
    """Callbacks made when it was told to leave."""
    released: bool = False
    """It was told to let go of the ring."""
