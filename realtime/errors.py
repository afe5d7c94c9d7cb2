"""What can go wrong on the stage outside the audio path. In the audio path nothing is raised: a failure there is a number.

::

    StageError                    exit code 1: it failed
    ├── DeviceError               a device did not open
    │   ├── RateRefusedError      the device refuses the sample rate
    │   ├── InputDeviceError      an input that cannot be had beside this output
    │   └── PortAudioMissingError the PortAudio library is not installed
    ├── RenderError               the audio file could not be written
    ├── AlreadyRunningError       a second instance
    ├── LockFolderError           the lock that tells instances apart has no place to be
    ├── NoTerminalError           a screen has nothing to be drawn on
    ├── EngineError               the engine is not in a state to do this
    ├── VoiceError                a model or corpus does not do what its manifest says
    ├── RecordingError            a take that cannot be begun, written or ended (realtime.recording.errors)
    ├── AttachError               a screen that cannot be attached (realtime.attach.errors)
    ├── CorpusJobError            a corpus that cannot be made (realtime.corpus_job)
    └── UsageError                exit code 2: what the user typed
        ├── UnknownDeviceError
        ├── UnknownDeckError
        ├── UnknownControlError
        ├── SettingError          a --set that is not DECK.CONTROL=VALUE, or a value out of range
        ├── OptionError           an option out of range
        ├── CorpusError           a corpus or prime that this deck cannot be given
        ├── ClipError             a sound file to be heard (prime, input) that cannot be
        ├── PerformanceError      a performance that cannot be written, read or repeated
        ├── RackError             a rack file that cannot be read
        ├── SceneError            a scene that is not there or cannot be read (realtime.control.scene)
        ├── AutomationError       a breakpoint file that cannot be read (realtime.control.lane)
        ├── TransportError        a clock that cannot be followed (realtime.control.transport)
        ├── MappingError          a MIDI mapping that cannot be read (realtime.midi.source_pattern)
        └── PortError             a network address that cannot be listened on (realtime.osc.server)
"""


class StageError(Exception):
    """Base of every error of the stage: what failed, what was got, what is allowed, what to do next.

    Parameters
    ----------
    what : str
        What failed and where.
    got, allowed, hint : str, optional
        The value got, the values allowed, the next step.
    """

    exit_code = 1

    def __init__(self, what: str, *, got: str = "", allowed: str = "", hint: str = "") -> None:
        parts = [what]
        if got:
            parts.append(f"got {got}")
        if allowed:
            parts.append(f"allowed: {allowed}")
        if hint:
            parts.append(hint)
        super().__init__("; ".join(parts))
        self.what = what
        self.got = got
        self.allowed = allowed
        self.hint = hint


class DeviceError(StageError):
    """An audio device did not open or start."""


class RateRefusedError(DeviceError):
    """The device refuses the sample rate asked for."""


class InputDeviceError(DeviceError):
    """An input device cannot be had beside the output."""


class PortAudioMissingError(DeviceError):
    """The PortAudio library is not installed."""


class RenderError(StageError):
    """The audio file could not be written; what was there before is still there."""


class AlreadyRunningError(StageError):
    """Another instance holds the stage."""


class LockFolderError(StageError):
    """The lock file that tells instances apart has no place to be."""


class NoTerminalError(StageError):
    """A screen has no terminal to be drawn on."""


class EngineError(StageError):
    """The engine is not in a state to do this."""


class VoiceError(StageError):
    """A model or its data do not do what the manifest says."""


class UsageError(StageError):
    """What the user typed cannot be done."""

    exit_code = 2


class UnknownDeviceError(UsageError):
    """No audio device has this name."""


class UnknownDeckError(UsageError):
    """No deck has this number."""


class UnknownControlError(UsageError):
    """The deck or the patch in it has no such control."""


class SettingError(UsageError):
    """A setting is not of the form DECK.CONTROL=VALUE, or its value is out of range."""


class OptionError(UsageError):
    """A command-line option is out of range."""


class CorpusError(UsageError):
    """A corpus, a label or a prime that this deck cannot be given."""


class ClipError(UsageError):
    """A sound file that is to be heard, as prime or as input, is missing, no audio, empty, silent, too short or too long."""


class RackError(UsageError):
    """A rack file cannot be read."""


class PerformanceError(UsageError):
    """A performance cannot be written, read or played again to the same samples."""
