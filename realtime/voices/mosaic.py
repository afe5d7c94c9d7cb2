"""The mosaic voice: a sequencer predicts descriptors, a search finds the unit of a corpus that fits, a player joins the units.

Every hop one frame is heard and one predicted, and a unit is chosen whenever one is due. A hop is played in one or several steps: controls
are read at each, and one that asks for something else makes a choice due there and then. With an input, what is heard there can take the
sequencer's place (`follow`), or be answered by it (`answer`).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from patches.descriptors import ATTRIBUTES
from patches.manifest import Manifest
from patches.mosaic_controls import LABEL_PREFIX
from patches.reader import read_bytes
from realtime.kernels.views import Floats
from realtime.load_progress import LoadStage, Progress, untold
from realtime.voices.forecaster import Forecaster, make_forecaster
from realtime.voices.listener import Listener
from realtime.voices.mosaic_choice import Chooser
from realtime.voices.mosaic_due import Due, steps_in_hop
from realtime.voices.mosaic_ear import FOLLOWS, INPUT_LIMIT, Ear
from realtime.voices.mosaic_parts import MosaicParts, load_parts
from realtime.voices.mosaic_settings import MosaicSettings
from realtime.voices.mosaic_streams import NOTHING, MosaicStreams
from realtime.voices.mosaic_target import MosaicTarget
from realtime.voices.unit_shape import Shape
from realtime.voices.voice import UnitEvent, VoiceOptions

WARM_HOPS = 4
AT_ONCE = frozenset({*ATTRIBUTES, "continuity", "density"})
"""Controls that a choice alone reads, besides the labels': gliding to their values would only hold the choice up."""


class Mosaic:
    """Plays a patch of kind `mosaic`; see `realtime.voices.voice.Voice` for the contract.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
    options : VoiceOptions
        Other corpora than the patch's own, and a clip the sequencer hears first.

    Attributes
    ----------
    hop_frames : int
        The step of the manifest: what the sequencer and the corpus count in.
    step_frames, burst_steps : int
        The hop or a part of it, see `mosaic_due.STEP_FRAMES`, and how many of them are a hop: its first step does most of the work.
    at_once : frozenset of str
        Ids of the controls that are not to be smoothed, see `voice.controls_at_once`.
    """

    modes = ("full", "sequencer at half rate")
    listens = True

    def __init__(self, folder: Path, manifest: Manifest, options: VoiceOptions | None = None) -> None:
        self.hop_frames = manifest.audio.step_frames
        self.burst_steps = steps_in_hop(self.hop_frames)
        self.step_frames = self.hop_frames // self.burst_steps
        self.at_once = AT_ONCE | {control.id for control in manifest.controls if control.id.startswith(LABEL_PREFIX)}
        self.lookahead_frames = manifest.audio.lookahead_frames
        self.channels = manifest.audio.channels
        self.sample_rate_hz = manifest.audio.sample_rate_hz
        self.log: Callable[[UnitEvent], None] | None = None
        self.progress: Progress = untold
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
        parts: MosaicParts = load_parts(self._folder, self._manifest, self._options, partial(self.progress, LoadStage.READING))
        self._corpus, self._prime = parts.corpus, parts.prime
        corpus = self._corpus
        model = self._manifest.model("sequencer")
        content = read_bytes(self._folder, model)
        size = corpus.descriptors.shape[1]
        self._forecaster: Forecaster = make_forecaster(self._manifest, model, content, size)
        self._target = MosaicTarget(corpus, corpus.mean, corpus.std, parts.weights)
        hops_hz, steps = self.sample_rate_hz / self.hop_frames, self.burst_steps
        self._chooser = Chooser(corpus, self._target, self._settings, hops_hz)
        self._due = Due(self._manifest.controls, hops_hz, steps)
        self._streams = MosaicStreams(
            corpus, hop_frames=self.hop_frames, steps=steps, channels=self.channels, sample_rate_hz=self.sample_rate_hz
        )
        self._ear = Ear(self._settings, Listener(corpus.spec, corpus.mean, corpus.std), hops_hz)
        self._row = np.zeros(len(corpus.mean), np.float32)
        self._offset = np.zeros(len(corpus.mean), np.float32)
        self._asked = np.zeros(len(ATTRIBUTES), np.float32)
        self._apart = np.zeros(size, np.float32)
        self._heard = np.zeros(size, np.float32)
        self._notes = list(parts.notes)
        self._said_changed = ""
        self._faults_seen = 0
        self.reset(0)
        out = np.zeros((self.step_frames, self.channels), np.float32)
        defaults = np.array([c.default for c in self._manifest.controls], np.float32)
        for count in range(WARM_HOPS * steps):
            self.progress(LoadStage.WARMING, count, WARM_HOPS * steps)
            self.step(defaults, False, out)
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Back to the state after `prepare`: the sequencer has heard the prime and nothing has been played."""
        self._random = np.random.Generator(np.random.PCG64(seed & 0xFFFF_FFFF_FFFF_FFFF))
        self._forecaster.hear_prime(self._prime[:-1], self._random)
        self._heard[:] = self._prime[-1]
        self._chooser.reset()
        self._streams.reset()
        self._ear.reset()
        self._due.reset()
        self._newest = 0
        self._hops = 0

    def set_mode(self, mode: int) -> None:
        """0 full; 1 runs the sequencer every second hop."""
        self._mode = mode

    def take_notes(self) -> list[str]:
        """What there is to say once, since the last call."""
        notes, self._notes = self._notes + self._chooser.take_notes() + self._ear.take_notes(), []
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
        self._ear.listen(frames)

    def step(self, controls: Floats, frozen: bool, out: Floats) -> None:
        """Make the next step; see `Voice.step`."""
        settings, streams = self._settings, self._streams
        settings.read(controls)
        # Their controls have the attributes' own names; unit: standard deviations of the corpus.
        for i, name in enumerate(ATTRIBUTES):
            self._asked[i] = settings[name]
        self._target.offset(self._asked, self._offset)
        self._chooser.follow_settings(controls)
        begins_hop = streams.begins_hop
        if begins_hop:
            self._begin_hop(frozen)
        shape = settings.shape(1000.0 * self.hop_frames / self.sample_rate_hz)
        self._due.step(controls, shape.valid_streams())
        if self._ear.silent:
            streams.let_go(shape)
        else:
            self._choose_if_due(shape)
        played = streams.step(shape, out)
        for entry in played:
            self._chooser.played(entry.unit, self._hops, self._ear.follow)
            if self.log is not None:
                self.log(streams.event(entry, self._hops * self.hop_frames))
        if self._corpus.audio.faults != self._faults_seen:
            # At once: the next unit is to be one that can be heard.
            self._look_at_corpus()
        newest = next((entry.unit for entry in played if entry.stream == self._newest), NOTHING)
        if begins_hop or newest >= 0:
            self._note_heard(newest)
        self._hops += streams.begins_hop

    def _begin_hop(self, frozen: bool) -> None:
        """Hear the input, and let the sequencer hear what was played in the last hop; in call and response, the call."""
        self._ear.begin_hop()
        for frame in self._ear.call():
            self._forecaster.hear(frame, 0.0, self._random)
        if not frozen and not self._ear.silent and not (self._mode == 1 and self._hops % 2):
            self._forecaster.hear(self._heard, self._settings["temperature"], self._random)

    # --- what is heard --------------------------------------------------------------------------------------------------------

    def _row_asked(self) -> float:
        """Fill the row to search for, and return how much of it is the input's, 0 to 1."""
        self._target.fill(self._forecaster.next, self._row)
        follow = self._ear.blend(self._row)
        self._row += self._offset
        return follow

    # --- which unit -----------------------------------------------------------------------------------------------------------

    def _choose_if_due(self, shape: Shape) -> None:
        """Let a unit begin where one is due: at the beginning of a hop, and within it where a control asks for it."""
        settings, streams, due = self._settings, self._streams, self._due
        one_shot = settings.is_on("one_shot")
        if one_shot:
            # The density is its rhythm, whatever is turned.
            due.forget_asked()
        ending = NOTHING if one_shot else streams.ending(shape)
        if streams.begins_hop:
            due.hop()
        elif not due.asked and ending < 0:
            return
        follow = self._row_asked()
        count = shape.valid_streams()
        stream = self._newest if self._newest < count else 0
        natural = streams.natural(stream, shape)
        silent = NOTHING if one_shot else streams.silent(count)
        if silent >= 0 or ending >= 0:
            stream = silent if silent >= 0 else ending
        elif due.asked or due.has_waited(settings["density"]):
            stream = (self._newest + 1) % count
        elif one_shot or (natural >= 0 and follow < FOLLOWS and not self._leaps(natural)):
            return
        natural = NOTHING if one_shot else streams.natural(stream, shape)
        hint = natural if natural >= 0 else max(streams.units[stream], 0)
        unit = self._chooser.choose(self._row, follow, natural, hint, self._hops, self._forecaster, self._offset, self._random)
        due.chosen(settings["temperature"], self._random)
        self._newest = stream
        if unit != natural:
            streams.begin(stream, unit, shape)

    def _leaps(self, natural: int) -> bool:
        """Tell whether the sequencer asks for something quite else than what would come naturally."""
        size = len(self._apart)
        np.subtract(self._target.rows[natural, :size], self._row[:size], out=self._apart)
        return self._due.leaps(float(self._apart @ self._apart) / size)

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
