"""Every way the studio refuses, one class each; it knows neither files nor torch.

::

    StudioError                     what every command of the studio catches
    ├── AudioFolderError            a folder of sounds cannot be used
    │   ├── MissingFolderError      the path is not a folder
    │   ├── EmptyFolderError        no audio file in it
    │   ├── NoUsableAudioError      audio files, but every one was skipped
    │   ├── MixedChannelsError      mono and stereo files side by side
    │   ├── SheetError              its parameter sheet cannot be read
    │   └── NothingToHoldOutError   too few clips to keep one for validation
    ├── AudioFileError              one file is skipped, and this is why
    │   ├── UnreadableAudioError    not audio, or damaged
    │   ├── TruncatedAudioError     fewer frames than its header promises
    │   ├── EmptyAudioError         no frame in it
    │   ├── TooShortAudioError      shorter than the use needs
    │   ├── NonFiniteAudioError     NaN or infinity in it
    │   ├── TooLoudAudioError       numbers that are no sound
    │   ├── SilentAudioError        nothing above the noise of 16 bits
    │   ├── TooManyChannelsError    more than stereo
    │   ├── SampleRateError         a rate no recorder has
    │   ├── FileNameTextError       its name is not text
    │   └── LinkedFolderError       a folder behind a link
    ├── OptionError                 an option on the command line has a value that cannot be
    ├── RecipeError                 a dial of a recipe is unknown, mistyped or out of range
    ├── RunError                    a run folder cannot be used
    │   ├── MissingRunError         it is not a run folder
    │   ├── NothingToResumeError    it holds no state to go on from
    │   ├── MissingCheckpointError  it has no weights yet
    │   ├── DamagedRunError         its files contradict themselves or each other
    │   ├── OldRunError             a version of Starling that had other models wrote it
    │   ├── DescriptorsChangedError the descriptors are not those it learned
    │   ├── RecipeChangedError      the recipe is not the one it began with
    │   └── AudioChangedError       the audio is not the one it learned from
    ├── WandbMissingError           Weights & Biases was asked for and is not installed
    ├── TrainingDivergedError       the loss left the numbers before anything could be kept
    ├── OutputExistsError           the output is there already
    └── OutputFailedError           the output could not be written
"""

from pathlib import Path
from typing import Any, ClassVar

__all__ = [
    "AudioChangedError",
    "AudioFileError",
    "AudioFolderError",
    "DamagedRunError",
    "DescriptorsChangedError",
    "EmptyAudioError",
    "EmptyFolderError",
    "FileNameTextError",
    "LinkedFolderError",
    "MissingCheckpointError",
    "MissingFolderError",
    "MissingRunError",
    "MixedChannelsError",
    "NoUsableAudioError",
    "NonFiniteAudioError",
    "NothingToHoldOutError",
    "NothingToResumeError",
    "OldRunError",
    "OptionError",
    "OutputExistsError",
    "OutputFailedError",
    "RecipeChangedError",
    "RecipeError",
    "RunError",
    "SampleRateError",
    "SheetError",
    "SilentAudioError",
    "StudioError",
    "TooLoudAudioError",
    "TooManyChannelsError",
    "TooShortAudioError",
    "TrainingDivergedError",
    "TruncatedAudioError",
    "UnreadableAudioError",
    "WandbMissingError",
]


class StudioError(Exception):
    """Something the studio refuses to do or could not do, said in one line.

    Parameters
    ----------
    what : str
        What failed.
    where : Path or str, optional
        The file, folder or option it concerns.
    got, allowed : object, optional
        The value found, and what it may be.
    hint : str, optional
        The next step.

    Attributes
    ----------
    exit_code : int
        2 where the user typed or chose what cannot be, 1 where the work failed.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, what: str, *, where: Path | str | None = None, got: Any = None, allowed: Any = None, hint: str | None = None
    ) -> None:
        super().__init__(what, where, got, allowed, hint)
        self.what = what
        self.where = where
        self.got = got
        self.allowed = allowed
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive the default pickling, and worker processes send their errors home.
        return _rebuild, (type(self), self.what, self.where, self.got, self.allowed, self.hint)

    def __str__(self) -> str:
        text = self.what if self.where is None else f"{self.where}: {self.what}"
        if self.got is not None:
            text += f"; got {self.got}"
        if self.allowed is not None:
            text += f"; allowed: {self.allowed}"
        if self.hint is not None:
            text += f". {self.hint}"
        return text


def _rebuild(kind: type[StudioError], what: str, where: Path | str | None, got: Any, allowed: Any, hint: str | None) -> StudioError:
    return kind(what, where=where, got=got, allowed=allowed, hint=hint)


class AudioFolderError(StudioError):
    """A folder of sounds cannot be used."""

    exit_code = 2


class MissingFolderError(AudioFolderError):
    """The path is not a folder."""


class EmptyFolderError(AudioFolderError):
    """The folder holds no audio file."""


class NoUsableAudioError(AudioFolderError):
    """The folder holds audio files, and every one of them was skipped; the message names the first reasons."""


class MixedChannelsError(AudioFolderError):
    """The folder holds mono and stereo files, and nothing says which it should be."""


class NothingToHoldOutError(AudioFolderError):
    """No class has two clips, so a split by file would leave validation without sound."""


class SheetError(AudioFolderError):
    """The folder's parameter sheet cannot be read, so the terms of its sounds are not known."""


class AudioFileError(StudioError):
    """One audio file cannot be used; it is skipped, and this is kept as the reason."""


class UnreadableAudioError(AudioFileError):
    """The file is not audio, or it is damaged."""


class TruncatedAudioError(AudioFileError):
    """The file holds fewer frames than its header promises."""


class EmptyAudioError(AudioFileError):
    """The file holds no frame."""


class TooShortAudioError(AudioFileError):
    """The file is shorter than the use needs."""


class NonFiniteAudioError(AudioFileError):
    """The file holds NaN or infinity."""


class SilentAudioError(AudioFileError):
    """The file holds nothing above the noise of 16 bits."""


class TooLoudAudioError(AudioFileError):
    """The file holds numbers far over full scale, beside which no other sound would count."""


class TooManyChannelsError(AudioFileError):
    """The file has more channels than stereo."""


class SampleRateError(AudioFileError):
    """The file states a rate that no recorder has."""


class FileNameTextError(AudioFileError):
    """The file's name is not text, so no sheet and no manifest can name it."""


class LinkedFolderError(AudioFileError):
    """The folder is reached through a link, which may lead anywhere, and is not entered."""


class OptionError(StudioError):
    """An option has a value that cannot be."""

    exit_code = 2


class RecipeError(StudioError):
    """A recipe is not TOML, or one of its dials is unknown, missing, of the wrong type or out of range."""

    exit_code = 2


class RunError(StudioError):
    """A run folder cannot be used for what was asked."""

    exit_code = 2


class MissingRunError(RunError):
    """The path is not a run folder."""


class NothingToResumeError(RunError):
    """The run folder holds no state of a training to go on from."""


class MissingCheckpointError(RunError):
    """The run has no weights yet."""


class DamagedRunError(RunError):
    """The files of the run contradict themselves or each other."""


class OldRunError(RunError):
    """An earlier version of Starling wrote the run, for models that this one does not have."""


class DescriptorsChangedError(RunError):
    """A resumed run keeps its descriptors, its hop and its rate."""


class RecipeChangedError(RunError):
    """A resumed run must keep the recipe it began with, `updates` and `patience` apart."""


class AudioChangedError(RunError):
    """The audio is not the audio that the run learned from."""


class WandbMissingError(StudioError):
    """A report to Weights & Biases was asked for, and it is not installed."""

    exit_code = 2


class TrainingDivergedError(StudioError):
    """The loss left the numbers before anything could be kept."""


class OutputExistsError(StudioError):
    """The output is there already, and it is left as it is."""

    exit_code = 2


class OutputFailedError(StudioError):
    """The output could not be written; nothing of it is left behind."""
