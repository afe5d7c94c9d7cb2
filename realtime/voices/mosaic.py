"""The mosaic voice: a sequencer predicts descriptors, a query finds the unit of a corpus that fits, a player joins the units.

It knows the corpus of one patch. One step is one hop of the corpus: one sequencer call always, one query whenever a unit ends.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from patches.manifest import Manifest
from patches.reader import read_bytes
from realtime.errors import VoiceError
from realtime.kernels.views import Floats
from realtime.voices.player import play
from realtime.voices.query import UnitIndex, UnitTableError, blend_targets
from realtime.voices.session import StatefulSession
from realtime.voices.voice import UnitEvent

ATTRIBUTES = ("loudness", "brightness", "noisiness")
"""Controls that move the target, in the order of the corpus' attribute columns; unit: standard deviations of the corpus."""
ATTRIBUTE_WEIGHT = 12.0
"""An attribute that is asked for counts as much as a dozen descriptors: it is what the performer turned."""
CANDIDATES = 8
MEMORY_UNITS = 16
"""Units played lately that are not chosen again unless they come naturally."""
BAN_RADIUS = 2
"""Neighbours share half of their analysis window with a unit, so they would sound like a repeat too."""
CONTINUITY_SHARE = 0.4
"""Share of the natural continuation in the query at full continuity: in 42 dimensions nothing else is then ever nearer (measured: at 43
choices per second 94 % of steps jump at 0, 84 % at 0.13, 34 % at 0.25, 3 % at 0.4)."""
LEAP = 1.2
"""Mean square difference, in squared standard deviations, between prediction and natural continuation that makes a choice due at once:
two unrelated frames differ by 2, a prediction one step ahead by 0.15 to 0.5."""
LEAP_RATIO = 3.0
"""It must also be this many times the usual difference: in a corpus that cannot be predicted nothing is a leap."""
LEAP_MEMORY = 0.02
INPUT_LIMIT = 4.0
"""The sequencer never saw descriptors this many standard deviations out."""
EXPECTED_LIMIT = 2.0
RIDGE = 0.1
"""Share of the variance added to each descriptor in the regression: a sampled frame has noise in directions the corpus never varies in."""
_CORPUS_ARRAYS: dict[str, tuple[int, str]] = {
    "descriptors": (2, "f"),
    "attributes": (2, "f"),
    "mean": (1, "f"),
    "std": (1, "f"),
    "attribute_mean": (1, "f"),
    "attribute_std": (1, "f"),
    "start_frames": (1, "i"),
    "file_index": (1, "i"),
    "prime": (2, "f"),
    "weights": (1, "f"),
}


class Mosaic:
    """Plays a patch of kind `mosaic`; see `realtime.voices.voice.Voice` for the contract.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
    """

    modes = ("full", "sequencer at half rate")

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.step_frames = manifest.audio.step_frames
        self.lookahead_frames = manifest.audio.lookahead_frames
        self.channels = manifest.audio.channels
        self.sample_rate_hz = manifest.audio.sample_rate_hz
        self.log: Callable[[UnitEvent], None] | None = None
        self.faults = 0
        self._folder = folder
        self._manifest = manifest
        self._crossfade_frames = min(int(manifest.settings.get("crossfade_frames", 512)), self.step_frames)
        self._candidates = min(max(int(manifest.settings.get("candidates", CANDIDATES)), 1), 32)
        self._order = {c.id: i for i, c in enumerate(manifest.controls)}
        self._mode = 0

    def prepare(self) -> None:
        """Read the corpus and the sequencer and warm them.

        Raises
        ------
        VoiceError — the corpus or the sequencer is not what the manifest says.
        PatchError — a file is missing or not the one the manifest names.
        """
        manifest = self._manifest
        model = manifest.model("sequencer")
        self._sequencer = StatefulSession(model, read_bytes(self._folder, model))
        self._read_corpus()
        descriptors = self._prime.shape[1]
        self._check_signature(model.file, descriptors)
        self._target = np.zeros(descriptors + len(ATTRIBUTES), np.float32)
        self._query = np.zeros_like(self._target)
        self._banned = np.full(MEMORY_UNITS, -1, np.int64)
        self._found = np.zeros(32, np.int64)
        self._distance = np.zeros(32, np.float64)
        self._none = np.full(1, -1, np.int64)
        self._offset = np.zeros(len(ATTRIBUTES), np.float32)
        self._next = np.zeros(descriptors, np.float32)
        self._apart = np.zeros(descriptors, np.float32)
        self.reset(0)
        out = np.zeros((self.step_frames, self.channels), np.float32)
        defaults = np.array([c.default for c in manifest.controls], np.float32)
        for _ in range(4):
            self.step(defaults, False, out)
        self.reset(0)

    def _check_signature(self, file: str, descriptors: int) -> None:
        wanted = {"frame": (1, descriptors), "normal": (1, descriptors), "temperature": (1,), "next_frame": (1, descriptors)}
        tensors = self._sequencer.inputs | self._sequencer.outputs
        for name, shape in wanted.items():
            if name not in tensors or tensors[name].shape != shape or tensors[name].dtype != np.float32:
                raise VoiceError(f"{file}: no float32 tensor {name} of shape {shape}", got=", ".join(tensors))
        if "gumbel" not in self._sequencer.inputs or self._sequencer.inputs["gumbel"].ndim != 2:
            raise VoiceError(f"{file}: no input gumbel of two dimensions", got=", ".join(self._sequencer.inputs))

    def _read_corpus(self) -> None:
        manifest = self._manifest
        corpus = manifest.file("corpus")
        arrays = _load_arrays(corpus.file, read_bytes(self._folder, corpus))
        sound = manifest.file("audio")
        try:
            audio, rate = soundfile.read(io.BytesIO(read_bytes(self._folder, sound)), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise VoiceError(f"{sound.file}: not readable as audio", got=str(error)) from None
        if rate != self.sample_rate_hz or audio.shape[1] != self.channels:
            raise VoiceError(
                f"{sound.file}: not the audio the manifest describes",
                got=f"{rate} Hz, {audio.shape[1]} channels",
                allowed=f"{self.sample_rate_hz} Hz, {self.channels} channels",
            )
        self._audio = np.ascontiguousarray(audio)
        self._starts = arrays["start_frames"].astype(np.int64)
        files = arrays["file_index"].astype(np.int64)
        if self._starts.min() < 0 or self._starts.max() + self.step_frames > len(audio):
            raise VoiceError(
                f"{corpus.file}: units lie outside {sound.file}", got=f"up to frame {self._starts.max()}", allowed=f"below {len(audio)}"
            )
        # Unit i+1 goes on where unit i ends only inside one file and one hop further.
        follows = (files[1:] == files[:-1]) & (np.diff(self._starts) == self.step_frames)
        self._follows = np.append(follows, False)
        self._mean, self._std = arrays["mean"], np.maximum(arrays["std"], 1e-6)
        self._prime = np.ascontiguousarray(arrays["prime"], np.float32)
        self._units = ((arrays["descriptors"] - self._mean) / self._std).astype(np.float32)
        attributes = ((arrays["attributes"] - arrays["attribute_mean"]) / np.maximum(arrays["attribute_std"], 1e-6)).astype(np.float32)
        # What the attributes of a predicted frame would be: their regression on its descriptors.
        self._expect = _regression(self._units, attributes)  # (descriptors + 1, attributes)
        # An offset moves the target by what usually goes with its attribute: the slope of every column on that attribute alone. (On all
        # attributes at once, two that go together in this corpus would ask for frames it has never had.)
        described = np.hstack([self._units, attributes])
        self._slope = (attributes.T @ described / np.maximum((attributes**2).sum(axis=0), 1e-6)[:, None]).astype(np.float32)
        self._scale = np.sqrt(np.concatenate([arrays["weights"], np.full(len(ATTRIBUTES), ATTRIBUTE_WEIGHT)])).astype(np.float32)
        self._table = np.ascontiguousarray(described * self._scale, np.float32)
        try:
            self._index = UnitIndex(self._table)
        except UnitTableError as error:
            raise VoiceError(f"{corpus.file}: cannot be searched", got=str(error)) from None

    def reset(self, seed: int) -> None:
        """Back to the state after `prepare`: the sequencer has heard the prime and nothing has been played."""
        self._random = np.random.Generator(np.random.PCG64(seed & 0xFFFF_FFFF_FFFF_FFFF))
        self._sequencer.reset()
        for frame in self._prime:
            self._predict(frame, 0.0)
        self._banned.fill(-1)
        self._ban_slot = 0
        self._unit = -1
        self._position = -1
        self._left_steps = 0
        self._usually_apart = LEAP / LEAP_RATIO
        self._frame = 0
        self._steps = 0
        self._feedback = self._prime[-1].copy()

    def set_mode(self, mode: int) -> None:
        """0 full; 1 runs the sequencer every second step."""
        self._mode = mode

    def step(self, controls: Floats, frozen: bool, out: Floats) -> None:
        """Make the next hop; see `Voice.step`."""
        temperature = self._control(controls, "temperature", 0.7)
        for i, name in enumerate(ATTRIBUTES):
            self._offset[i] = self._control(controls, name, 0.0)
        if not frozen and not (self._mode == 1 and self._steps % 2):
            self._predict(self._feedback, temperature)
        self._steps += 1
        natural = self._unit + 1 if self._unit >= 0 and self._follows[self._unit] else -1
        if natural >= 0 and self._left_steps > 0 and not self._leaps(natural):
            unit = natural
        else:
            unit = self._choose(natural, self._control(controls, "continuity", 0.5), temperature)
            self._left_steps = self._unit_steps(self._control(controls, "density", 8.0), temperature)
        self._left_steps -= 1
        start = int(self._starts[unit])
        play(self._audio, self._position, start, self._crossfade_frames, out)
        if self.log is not None:
            self.log(UnitEvent(self._frame, unit, start, start != self._position))
        if unit != natural:
            self._ban(self._unit)
            self._ban(unit)
        self._unit = unit
        self._position = start + self.step_frames
        self._frame += self.step_frames
        # The sequencer hears what is played, without the offsets: it neither drifts away from the corpus nor runs after its own offset.
        heard = self._units[unit] - (self._offset @ self._slope)[: self._next.shape[0]]
        self._feedback = np.clip(heard, -INPUT_LIMIT, INPUT_LIMIT).astype(np.float32)

    def _control(self, controls: Floats, control_id: str, default: float) -> float:
        place = self._order.get(control_id)
        return default if place is None else float(controls[place])

    def _predict(self, frame: Floats, temperature: float) -> None:
        inputs = self._sequencer.inputs
        inputs["frame"][0] = frame
        inputs["temperature"][0] = temperature
        self._random.standard_normal(out=inputs["normal"][0], dtype=np.float32)
        uniform = self._random.random(inputs["gumbel"].shape[1], np.float32)
        inputs["gumbel"][0] = -np.log(-np.log(np.clip(uniform, 1e-7, 1 - 1e-7)))
        self._sequencer.step()
        following = self._sequencer.outputs["next_frame"][0]
        if not np.isfinite(following).all():
            # A model that has gone wrong forgets everything; what it heard last stands in for what it would have said.
            self.faults += 1
            self._sequencer.reset()
            following = frame
        self._next[:] = following

    def _unit_steps(self, density_hz: float, temperature: float) -> int:
        """Steps until the next choice: the mean is the step rate over the density, varied with the temperature so that no pulse appears."""
        mean = self.sample_rate_hz / self.step_frames / max(density_hz, 1e-3)
        spread = min(temperature, 1.0) * 0.5
        return max(1, round(mean * (1.0 + spread * (2.0 * self._random.random() - 1.0))))

    def _choose(self, natural: int, continuity: float, temperature: float) -> int:
        if natural >= 0 and continuity >= 1.0:
            return natural
        size = self._next.shape[0]
        self._target[:size] = self._next
        np.clip(self._next @ self._expect[:-1] + self._expect[-1], -EXPECTED_LIMIT, EXPECTED_LIMIT, out=self._target[size:])
        self._target += self._offset @ self._slope
        self._query[:] = self._target * self._scale
        if natural >= 0:
            # w|t - u|^2 + c|n - u|^2 has the same order as the distance to one point between target t and natural continuation n.
            share = CONTINUITY_SHARE * min(max(continuity, 0.0), 1.0) ** 1.5
            blend_targets(self._query, self._table[natural], share / (1.0 - share), self._query)
        hint = natural if natural >= 0 else max(self._unit, 0)
        count = self._index.search(self._query, self._candidates, self._banned, BAN_RADIUS, natural, hint, self._found, self._distance)
        if count == 0:
            count = self._index.search(self._query, self._candidates, self._none, 0, natural, hint, self._found, self._distance)
        if count == 1 or temperature <= 0.0:
            return int(self._found[0])
        best = float(self._distance[0])
        spread = temperature * (best + 1e-9) * 0.25
        weights = np.exp(-(self._distance[:count] - best) / spread)
        return int(self._found[min(int(np.searchsorted(np.cumsum(weights), self._random.random() * weights.sum())), count - 1)])

    def _leaps(self, natural: int) -> bool:
        """Tell whether the sequencer asks for something quite else than what would come naturally."""
        size = self._next.shape[0]
        np.subtract(self._units[natural], self._next, out=self._apart)
        self._apart -= (self._offset @ self._slope)[:size]
        apart = float(self._apart @ self._apart) / size
        leaps = apart > max(LEAP, LEAP_RATIO * self._usually_apart)
        self._usually_apart += LEAP_MEMORY * (apart - self._usually_apart)
        return leaps

    def _ban(self, unit: int) -> None:
        self._banned[self._ban_slot] = unit
        self._ban_slot = (self._ban_slot + 1) % MEMORY_UNITS


def _regression(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ridge regression with a bias as last row, shape (source columns + 1, target columns)."""
    padded = np.hstack([source, np.ones((len(source), 1), np.float32)]).astype(np.float64)
    ridge = RIDGE * len(source) * np.eye(padded.shape[1])
    ridge[-1, -1] = 0.0
    return np.asarray(np.linalg.solve(padded.T @ padded + ridge, padded.T @ target.astype(np.float64)), np.float32)


def _load_arrays(name: str, content: bytes) -> dict[str, NDArray[Any]]:
    """The corpus' arrays, checked against the table.

    Raises
    ------
    VoiceError — an array is missing, of another rank or type, not finite, empty, or of another length than its fellows.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files if key in _CORPUS_ARRAYS}
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise VoiceError(f"{name}: not a readable corpus", got=str(error)) from None
    for key, (rank, kind) in _CORPUS_ARRAYS.items():
        array = arrays.get(key)
        if array is None:
            raise VoiceError(f"{name}: no array {key}", got=", ".join(arrays), allowed=", ".join(_CORPUS_ARRAYS))
        if array.ndim != rank or array.dtype.kind != kind or array.size == 0:
            raise VoiceError(f"{name}: array {key} is not of the shape or type agreed", got=f"{array.dtype} {array.shape}")
        if kind == "f" and not np.isfinite(array).all():
            raise VoiceError(f"{name}: array {key} holds numbers that are not finite")
    units, size = arrays["descriptors"].shape
    wanted = {
        "attributes": (units, len(ATTRIBUTES)),
        "mean": (size,),
        "std": (size,),
        "weights": (size,),
        "attribute_mean": (len(ATTRIBUTES),),
        "attribute_std": (len(ATTRIBUTES),),
        "start_frames": (units,),
        "file_index": (units,),
        "prime": (len(arrays["prime"]), size),
    }
    for key, shape in wanted.items():
        if arrays[key].shape != shape:
            raise VoiceError(f"{name}: array {key} does not fit the others", got=str(arrays[key].shape), allowed=str(shape))
    if not math.isfinite(float(arrays["weights"].sum())) or arrays["weights"].min() < 0:
        raise VoiceError(f"{name}: a weight is negative", got=str(float(arrays["weights"].min())), allowed="0 or more")
    return arrays
