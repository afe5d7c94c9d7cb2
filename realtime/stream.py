"""A voice as an endless stream of stereo frames at the device's rate. It knows a voice, not where the frames go.

The deck process and the offline renderer both read from it, so what is rendered is what is played.
"""

import math

import numpy as np

from patches.manifest import Manifest
from realtime.kernels.layout import CHANNELS, MAX_CONTROLS
from realtime.kernels.views import Floats
from realtime.resample import StreamResampler
from realtime.voices.voice import Voice, controls_at_once, listener

JOIN_FRAMES = 512
"""Cross-fade inside the stream where the voice starts anew (reset, seed, a fault): 12 ms at 44.1 kHz."""


class VoiceStream:
    """Steps a voice and delivers stereo frames at another rate; a voice that listens gets the live input at its own.

    Parameters
    ----------
    voice : Voice
        Prepared.
    manifest : Manifest
        Controls and their smoothing.
    output_hz : int
        The device's rate, that of the input too.

    Thread
    ------
    The deck's (or the renderer's).
    """

    def __init__(self, voice: Voice, manifest: Manifest, output_hz: int) -> None:
        self.voice = voice
        self._replaced = 0
        self._seed = 0
        self._resampler = StreamResampler(voice.sample_rate_hz, output_hz, CHANNELS)
        self._listener = listener(voice)
        self._ear = StreamResampler(output_hz, voice.sample_rate_hz, 1)
        self._step = np.zeros((voice.step_frames, voice.channels), np.float32)
        self._spare = np.zeros_like(self._step)
        self._stereo = np.zeros((voice.step_frames, CHANNELS), np.float32)
        self._join = min(JOIN_FRAMES, voice.step_frames)
        angle = (np.arange(self._join, dtype=np.float32) + 0.5) / self._join * (math.pi / 2)
        self._fade_in = np.sin(angle).astype(np.float32)[:, None]
        self._fade_out = np.cos(angle).astype(np.float32)[:, None]
        at_once = controls_at_once(voice)
        step_ms = 1000.0 * voice.step_frames / voice.sample_rate_hz
        self._count = len(manifest.controls)
        self._share = np.array(
            [1.0 if c.smoothing_ms <= 0 or c.id in at_once else 1.0 - math.exp(-step_ms / c.smoothing_ms) for c in manifest.controls],
            np.float32,
        )
        self._minimum = np.array([c.min for c in manifest.controls], np.float32)
        self._maximum = np.array([c.max for c in manifest.controls], np.float32)
        self._controls = np.zeros(self._count, np.float32)
        self._target = np.zeros(self._count, np.float32)
        self._fresh = True

    @property
    def faults(self) -> int:
        """Steps with a sample in them that is no number (they are replaced and the voice is reset), and faults the voice mended itself."""
        return self._replaced + self.voice.faults

    @property
    def step_s(self) -> float:
        """Seconds of sound one step makes."""
        return self.voice.step_frames / self.voice.sample_rate_hz

    def start(self, seed: int) -> None:
        """Begin anew with nothing to join to: the next frames are those of a fresh stream with this seed."""
        self._seed = seed
        self.voice.reset(seed)
        self._resampler.reset()
        self._ear.reset()
        self._fresh = True

    @property
    def listens(self) -> bool:
        """Whether the voice hears the live input."""
        return self._listener is not None

    def next(self, controls: Floats, frozen: bool, heard: Floats | None = None) -> Floats:
        """The frames of the next step.

        Parameters
        ----------
        controls : float32 array, shape (>= n,)
            Targets of the patch's controls in manifest order; a value that is not finite is ignored, one out of range held at its limit.
        frozen : bool
        heard : float32 array, shape (T,), optional
            Live input since the last call, mono, at the device's rate; any T.

        Returns
        -------
        float32 array, shape (any, 2)
            Valid until the next call. Empty while the resampler fills.
        """
        self._smooth(controls)
        self._listen(heard)
        self.voice.step(self._controls, frozen, self._step)
        if not np.isfinite(self._step).all():
            self._replace(frozen)
        return self._deliver()

    def restart(self, seed: int, controls: Floats, frozen: bool, heard: Floats | None = None) -> Floats:
        """As `next`, but the voice starts anew with `seed`, joined to what was playing by an equal-power cross-fade."""
        self._smooth(controls)
        self._listen(heard)
        self.voice.step(self._controls, frozen, self._spare)
        self._seed = seed
        self.voice.reset(seed)
        self.voice.step(self._controls, frozen, self._step)
        if not (np.isfinite(self._step).all() and np.isfinite(self._spare).all()):
            self._replace(frozen)
            return self._deliver()
        head = self._step[: self._join]
        head *= self._fade_in
        head += self._spare[: self._join] * self._fade_out
        return self._deliver()

    def _listen(self, heard: Floats | None) -> None:
        if self._listener is None or heard is None or not len(heard):
            return
        frames = self._ear.push(heard[:, None])[:, 0]
        if len(frames):
            self._listener.listen(frames)

    def _smooth(self, controls: Floats) -> None:
        given = controls[: self._count]
        np.copyto(self._target, given, where=np.isfinite(given))
        np.clip(self._target, self._minimum, self._maximum, out=self._target)
        if self._fresh:
            self._controls[:] = self._target
            self._fresh = False
        else:
            self._controls += self._share * (self._target - self._controls)

    def _replace(self, frozen: bool) -> None:
        """Put the last good step, backwards under a fade, before the start of a reset voice."""
        self._replaced += 1
        self.voice.reset(self._seed + self._replaced)
        self.voice.step(self._controls, frozen, self._step)
        if not np.isfinite(self._step).all():
            self._step.fill(0.0)
        head = self._step[: self._join]
        head *= self._fade_in
        head += self._stereo[-self._join :][::-1][:, : self._step.shape[1]] * self._fade_out

    def _deliver(self) -> Floats:
        # A mono patch is the same on both sides; the transposition to the device's shape is nowhere else.
        self._stereo[:] = self._step
        return self._resampler.push(self._stereo)


def default_controls(manifest: Manifest) -> Floats:
    """Control values of a patch before anybody touched them, shape (MAX_CONTROLS,)."""
    values = np.zeros(MAX_CONTROLS, np.float32)
    values[: len(manifest.controls)] = [c.default for c in manifest.controls]
    return values
