"""The mosaic voice: a sequencer predicts descriptors, a search finds the unit of a corpus that fits, a player joins the units.

One step is one hop: one frame is heard and one predicted, and a unit is chosen whenever one is due. With an input, what is heard there
can take the sequencer's place (`follow`), or be answered by it (`answer`).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from patches.descriptors import ATTRIBUTES
from patches.manifest import Manifest
from patches.reader import read_bytes
from realtime.kernels.views import Floats
from realtime.voices.forecaster import Forecaster, make_forecaster
from realtime.voices.listener import Call, Listener
from realtime.voices.mosaic_choice import Chooser
from realtime.voices.mosaic_parts import MosaicParts, load_parts
from realtime.voices.mosaic_settings import MosaicSettings
from realtime.voices.mosaic_streams import NOTHING, MosaicStreams
from realtime.voices.mosaic_target import MosaicTarget
from realtime.voices.unit_shape import Shape
from realtime.voices.voice import UnitEvent, VoiceOptions

INPUT_LIMIT = 4.0
"""The sequencer never saw descriptors this many standard deviations out."""
LEAP = 1.2
"""Mean square difference, in squared standard deviations, between prediction and natural continuation that makes a choice due at once:
two unrelated frames differ by 2, a prediction one step ahead by 0.15 to 0.5."""
LEAP_RATIO = 3.0
"""It must also be this many times the usual difference: in a corpus that cannot be predicted nothing is a leap."""
LEAP_MEMORY = 0.02
FOLLOWS_NOTHING = 1e-3
"""A smoothed control that was turned to 0 comes ever nearer to it and never there."""
DEAF_STEPS = 8
"""Steps without a frame of input after which there is none: it comes with every step, or not at all."""
FOLLOWS = 0.5
"""From here up the input leads: a unit is chosen every hop, so that what comes back is what was just played in."""


class Mosaic:
    """Plays a patch of kind `mosaic`; see `realtime.voices.voice.Voice` for the contract.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
    options : VoiceOptions
        Other corpora than the patch's own, and a clip the sequencer hears first.
    """

    modes = ("full", "sequencer at half rate")
    listens = True

    def __init__(self, folder: Path, manifest: Manifest, options: VoiceOptions | None = None) -> None:
        self.step_frames = manifest.audio.step_frames
        self.lookahead_frames = manifest.audio.lookahead_frames
        self.channels = manifest.audio.channels
        self.sample_rate_hz = manifest.audio.sample_rate_hz
        self.log: Callable[[UnitEvent], None] | None = None
        self._folder = folder
        self._manifest = manifest
        self._options = options or VoiceOptions()
        self._settings = MosaicSettings(manifest)
        self._mode = 0

    @property
    def faults(self) -> int:
        """Predictions that were no numbers, and reads of the corpus that found less than there should be."""
        return self._forecaster.faults + self._corpus.audio.faults

    def prepare(self) -> None:
        """Read the corpus and the sequencer and warm them.

        Raises
        ------
        VoiceError — a corpus or the sequencer is not what the manifest says, or the prime cannot be heard.
        PatchError — a file is missing or not the one the manifest names.
        """
        parts: MosaicParts = load_parts(self._folder, self._manifest, self._options)
        self._corpus, self._prime = parts.corpus, parts.prime
        corpus = self._corpus
        model = self._manifest.model("sequencer")
        content = read_bytes(self._folder, model)
        size = corpus.descriptors.shape[1]
        self._forecaster: Forecaster = make_forecaster(self._manifest, model, content, size)
        self._target = MosaicTarget(corpus, corpus.mean, corpus.std, parts.weights)
        steps_hz = self.sample_rate_hz / self.step_frames
        self._chooser = Chooser(corpus, self._target, self._settings, steps_hz)
        self._streams = MosaicStreams(corpus, step_frames=self.step_frames, channels=self.channels, sample_rate_hz=self.sample_rate_hz)
        self._listener = Listener(corpus.spec, corpus.mean, corpus.std)
        self._call = Call(steps_hz)
        self._row = np.zeros(len(corpus.mean), np.float32)
        self._live = np.zeros(len(corpus.mean), np.float32)
        self._offset = np.zeros(len(corpus.mean), np.float32)
        self._asked = np.zeros(len(ATTRIBUTES), np.float32)
        self._apart = np.zeros(size, np.float32)
        self._heard = np.zeros(size, np.float32)
        self._notes = list(parts.notes)
        self._said_changed = ""
        self._faults_seen = 0
        self._listener.warm()
        self.reset(0)
        out = np.zeros((self.step_frames, self.channels), np.float32)
        defaults = np.array([c.default for c in self._manifest.controls], np.float32)
        for _ in range(4):
            self.step(defaults, False, out)
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Back to the state after `prepare`: the sequencer has heard the prime and nothing has been played."""
        self._random = np.random.Generator(np.random.PCG64(seed & 0xFFFF_FFFF_FFFF_FFFF))
        self._forecaster.reset()
        for frame in self._prime[:-1]:
            self._forecaster.hear(frame, 0.0, self._random)
        self._heard[:] = self._prime[-1]
        self._chooser.reset()
        self._streams.reset()
        self._listener.reset()
        self._call.reset()
        self._newest = 0
        self._left_steps = 0
        self._usually_apart = LEAP / LEAP_RATIO
        self._follow = 0.0
        self._deaf_steps = 0
        self._said_deaf = False
        self._steps = 0

    def set_mode(self, mode: int) -> None:
        """0 full; 1 runs the sequencer every second step."""
        self._mode = mode

    def take_notes(self) -> list[str]:
        """What there is to say once, since the last call."""
        notes, self._notes = self._notes + self._chooser.take_notes(), []
        self._look_at_corpus()
        notes += self._notes
        self._notes = []
        return notes

    def _look_at_corpus(self) -> None:
        """Say once what has happened to the corpus on disk, and leave out the units whose sound is not there any more."""
        corpus = self._corpus
        self._faults_seen = corpus.audio.faults
        changed = corpus.audio.changed()
        if not changed or changed == self._said_changed:
            return
        self._said_changed = changed
        gone = corpus.gone_units()
        lost = int(gone.sum())
        self._streams.gone = gone
        self._chooser.leave_out(gone)
        left = "it plays as it was opened" if not lost else f"{lost} of {len(corpus)} units are gone, the rest plays on"
        if lost == len(corpus):
            left = "nothing of it is left: silence until another is loaded"
        self._notes.append(f"the corpus has changed on disk ({changed}); {left}")

    def listen(self, frames: Floats) -> None:
        """Take what came in since the last step; see `Voice.listen`."""
        self._deaf_steps = 0
        self._listener.take(frames)

    def step(self, controls: Floats, frozen: bool, out: Floats) -> None:
        """Make the next hop; see `Voice.step`."""
        settings = self._settings
        settings.read(controls)
        # Their controls have the attributes' own names; unit: standard deviations of the corpus.
        for i, name in enumerate(ATTRIBUTES):
            self._asked[i] = settings[name]
        self._target.offset(self._asked, self._offset)
        self._chooser.follow_settings(controls)
        silent = self._hear_input()
        if not frozen and not silent and not (self._mode == 1 and self._steps % 2):
            self._forecaster.hear(self._heard, settings["temperature"], self._random)
        shape = settings.shape(1000.0 * self.step_frames / self.sample_rate_hz)
        if silent:
            self._streams.let_go(shape)
        else:
            self._choose_if_due(shape)
        played = self._streams.step(shape, out)
        for entry in played:
            self._chooser.played(entry.unit, self._steps, self._follow)
            if self.log is not None:
                self.log(self._streams.event(entry, self._steps * self.step_frames))
        if self._corpus.audio.faults != self._faults_seen:
            # At once: the next unit is to be one that can be heard.
            self._look_at_corpus()
        self._note_heard(next((entry.unit for entry in played if entry.stream == self._newest), NOTHING))
        self._steps += 1

    # --- what is heard --------------------------------------------------------------------------------------------------------

    def _hear_input(self) -> bool:
        """Take note of the input as far as it is asked for, and tell whether the voice is to be silent: it is the input's turn.

        In call and response the sequencer hears the call. Followed, an input that is quiet has quiet for an answer.
        """
        answer, follow = self._settings.is_on("answer"), self._settings["follow"]
        if follow < FOLLOWS_NOTHING:
            follow = 0.0
        self._deaf_steps += 1
        if (answer or follow > 0.0) and self._deaf_steps > DEAF_STEPS:
            # Without an input there is nothing to follow, and nobody to wait for.
            if not self._said_deaf:
                self._notes.append("there is no input to follow or to answer: the sequencer leads (start with --input)")
            self._said_deaf = True
            answer, follow = False, 0.0
        self._listener.attend(answer or follow > 0.0)
        calling = self._call.turn(answer, self._settings["listen_time"], self._listener)
        for frame in self._listener.frames():
            self._forecaster.hear(np.clip(frame, -INPUT_LIMIT, INPUT_LIMIT), 0.0, self._random)
        self._follow = follow
        return calling or (follow >= FOLLOWS and self._listener.quiet)

    def _row_asked(self) -> float:
        """Fill the row to search for, and return how much of it is the input's, 0 to 1."""
        follow = self._follow
        live = self._listener.row(self._live) if follow > 0.0 else False
        if not live:
            follow = 0.0
        self._target.fill(self._forecaster.next, self._row)
        if follow > 0.0:
            self._listener.blend(follow, self._live, self._row)
        self._row += self._offset
        return follow

    # --- which unit -----------------------------------------------------------------------------------------------------------

    def _choose_if_due(self, shape: Shape) -> None:
        """Let a unit begin where one is due."""
        settings, streams = self._settings, self._streams
        follow = self._row_asked()
        one_shot = settings.is_on("one_shot")
        count = shape.valid_streams()
        stream = self._newest if self._newest < count else 0
        natural = streams.natural(stream, shape)
        self._left_steps -= 1
        due = self._left_steps < 0
        silent = NOTHING if one_shot else streams.silent(count)
        if silent >= 0:
            stream = silent
        elif due:
            stream = (self._newest + 1) % count
        elif one_shot or (natural >= 0 and follow < FOLLOWS and not self._leaps(natural)):
            return
        natural = NOTHING if one_shot else streams.natural(stream, shape)
        hint = natural if natural >= 0 else max(streams.units[stream], 0)
        unit = self._chooser.choose(self._row, follow, natural, hint, self._steps, self._forecaster, self._offset, self._random)
        self._left_steps = self._unit_steps(settings["density"], settings["temperature"])
        self._newest = stream
        if unit != natural:
            streams.begin(stream, unit, shape)

    def _leaps(self, natural: int) -> bool:
        """Tell whether the sequencer asks for something quite else than what would come naturally."""
        size = len(self._apart)
        np.subtract(self._target.rows[natural, :size], self._row[:size], out=self._apart)
        apart = float(self._apart @ self._apart) / size
        leaps = apart > max(LEAP, LEAP_RATIO * self._usually_apart)
        self._usually_apart += LEAP_MEMORY * (apart - self._usually_apart)
        return leaps

    def _unit_steps(self, density_hz: float, temperature: float) -> int:
        """Steps until the next choice: the mean is the step rate over the density, varied with the temperature so that no pulse appears."""
        mean = self.sample_rate_hz / self.step_frames / max(density_hz, 1e-3)
        spread = min(temperature, 1.0) * 0.5
        return max(1, round(mean * (1.0 + spread * (2.0 * self._random.random() - 1.0)))) - 1

    def _note_heard(self, unit: int) -> None:
        """Keep what the sequencer hears next: what is played, without the offsets, so that it neither drifts away from the corpus nor runs
        after its own offset; where nothing sounds, what it would have said.
        """
        following = self._forecaster.next
        if unit < 0:
            self._heard[:] = following
            return
        size = len(self._heard)
        np.subtract(self._target.rows[unit, :size], self._offset[:size], out=self._heard)
        autonomy = np.float32(self._settings["autonomy"])
        if autonomy > 0.0:
            self._heard += autonomy * (following - self._heard)
        np.clip(self._heard, -INPUT_LIMIT, INPUT_LIMIT, out=self._heard)
