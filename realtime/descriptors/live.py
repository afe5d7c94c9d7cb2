"""Descriptors of a sound as it arrives, equal to the studio's and without librosa.

It does not know where the sound comes from or who asks: samples in, one row per hop out, as in `training.descriptors`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patches.descriptors import ALL_NAMES, ATTRIBUTES, DEFAULT_SPEC, MEL_BANDS, STATIC, WINDOW_FRAMES, DescriptorSpec, f0_range_hz
from realtime.descriptors import kernels, tables

__all__ = ["LiveDescriptors", "Rows"]

# Room for the autocorrelation of a window without wrapping around, and the length librosa takes.
PADDED_FRAMES = 2 * WINDOW_FRAMES

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of description in time order.

    Attributes
    ----------
    frames : float32 array, shape (n, D)
        In the order of the spec's names.
    attributes : float32 array, shape (n, 3)
        Loudness (dBFS), brightness (log2 Hz), noisiness (dB).
    f0_hz : float32 array, shape (n,)
        0 where the sound has no pitch.
    """

    frames: Floats
    attributes: Floats
    f0_hz: Floats

    def __len__(self) -> int:
        return len(self.frames)


class LiveDescriptors:
    """Describe a sound block by block; row i is centred on sample i * hop_frames of what was pushed.

    Parameters
    ----------
    spec : DescriptorSpec
    static_only : bool
        Do not wait for the four hops after a row: it comes out with the last sample of its own window, 1024 samples after its centre,
        and its derivatives are 0. For following a sound rather than describing it.
    with_f0 : bool
        Whether fundamentals are looked for, which is two thirds of the cost. If not, `Rows.f0_hz` and a column "f0" are 0.

    Attributes
    ----------
    lookahead_frames : int
        Samples after a row's centre that must have come before the row does.
    faults : int
        Samples so far that were NaN, infinite or over +80 dBFS, and were taken for silence.

    Owner
    -----
    One caller; nothing is shared.

    Capacity
    --------
    One window of samples and nine rows, whatever comes; a push allocates its rows and nothing else that lasts.

    Thread
    ------
    Worker. Never raises for what is in the samples.
    """

    def __init__(self, spec: DescriptorSpec = DEFAULT_SPEC, *, static_only: bool = False, with_f0: bool = True) -> None:
        self.spec = spec
        self.lookahead_frames = WINDOW_FRAMES // 2 if static_only else spec.lookahead_frames
        self.faults = 0
        self._with_f0 = with_f0
        self._reach = (self.lookahead_frames - WINDOW_FRAMES // 2) // spec.hop_frames
        self._columns = np.array([ALL_NAMES.index(name) for name in spec.names], dtype=np.int64)
        least_hz, greatest_hz = f0_range_hz(spec.sample_rate_hz)
        self._shortest, self._longest = int(np.floor(spec.sample_rate_hz / greatest_hz)), int(np.ceil(spec.sample_rate_hz / least_hz))
        self._hann = tables.hann()
        self._mel = tables.mel_basis(spec.sample_rate_hz)
        heard = self._mel > 0.0
        self._mel_bins = np.stack([heard.argmax(1), np.where(heard.any(1), tables.BINS - heard[:, ::-1].argmax(1), 0)], 1).astype(np.int64)
        self._dct = tables.dct_basis()
        self._weights = tables.delta_weights()
        self._window = np.zeros(WINDOW_FRAMES)
        self._windowed = np.zeros(WINDOW_FRAMES)
        self._spectrum = np.zeros(tables.BINS, dtype=np.complex128)
        self._magnitude = np.zeros(tables.BINS)
        self._padded = np.zeros(PADDED_FRAMES // 2 + 1, dtype=np.complex128)
        self._overlap = np.zeros(PADDED_FRAMES)
        self._scratch = np.zeros(WINDOW_FRAMES)
        self._log_mel = np.zeros(MEL_BANDS)
        self._kept = np.zeros((kernels.BACK_ROWS, len(STATIC)), dtype=np.float32)
        self._kept_attributes = np.zeros((kernels.BACK_ROWS, len(ATTRIBUTES)), dtype=np.float32)
        self._kept_f0_hz = np.zeros(kernels.BACK_ROWS, dtype=np.float32)
        self.reset()

    def prepare(self) -> None:
        """Make the first row as fast as the others: every kernel and transform runs once. The stream is as new afterwards."""
        self.push(np.ones(WINDOW_FRAMES, dtype=np.float32))
        self.flush()
        self.faults = 0

    def reset(self) -> None:
        """Forget the sound so far: the stream is as new, its count of faults apart."""
        self._window[:] = 0.0
        # Half a window of silence before the sound centres row 0 on sample 0.
        self._filled = WINDOW_FRAMES // 2
        # Samples still to come that lie between two windows: a hop may be longer than a window.
        self._between = 0
        self._known = 0
        self._given = 0

    def push(self, samples: Floats) -> Rows:
        """Take the next samples and return the rows that are now complete.

        Parameters
        ----------
        samples : float32 array, shape (T,), linear amplitude at the spec's rate
            Any length, none included.

        Returns
        -------
        Rows
            In time order; often none.
        """
        if not samples.flags.writeable:
            samples = samples.copy()  # a compiled function takes no read-only array where it was promised another
        out, first, at = self._room_for(self._known_after(len(samples)) - self._reach), self._given, 0
        while at < len(samples):
            if self._between:
                passed = min(self._between, len(samples) - at)
                self._between -= passed
                at += passed
                continue
            taken = min(WINDOW_FRAMES - self._filled, len(samples) - at)
            self.faults += kernels.place(samples[at : at + taken], self._window, self._filled)
            self._filled += taken
            at += taken
            if self._filled == WINDOW_FRAMES:
                self._measure()
                self._advance()
                self._give(self._known - self._reach, out, first)
        return out

    def flush(self) -> Rows:
        """End the sound, return its last rows, and be as new.

        Returns
        -------
        Rows
            Those whose look-ahead reaches past the end, where silence is taken for sound and the last row for its successors.
        """
        ready = self.push(np.zeros(WINDOW_FRAMES // 2, dtype=np.float32))
        rest = self._room_for(self._known)
        self._give(self._known, rest, self._given)
        self.reset()
        return Rows(*(np.concatenate(pair) for pair in zip(_columns(ready), _columns(rest), strict=True)))

    def _known_after(self, frames: int) -> int:
        """Return how many windows are complete once so many more samples have come."""
        missing = self._between + WINDOW_FRAMES - self._filled
        return self._known + (0 if frames < missing else 1 + (frames - missing) // self.spec.hop_frames)

    def _room_for(self, until: int) -> Rows:
        count = max(0, until - self._given)
        return Rows(
            np.empty((count, len(self._columns)), dtype=np.float32),
            np.empty((count, len(ATTRIBUTES)), dtype=np.float32),
            np.empty(count, dtype=np.float32),
        )

    def _measure(self) -> None:
        """Describe the full window as the next static row."""
        slot = self._known % kernels.BACK_ROWS
        static, attributes = self._kept[slot], self._kept_attributes[slot]
        np.multiply(self._window, self._hann, out=self._windowed)
        np.fft.rfft(self._windowed, out=self._spectrum)
        bin_hz = self.spec.sample_rate_hz / WINDOW_FRAMES
        kernels.spectral(
            self._spectrum,
            bin_hz,
            self._mel,
            self._mel_bins,
            self._dct,
            self._log_mel,
            self._known == 0,
            self._magnitude,
            static,
            attributes,
        )
        if self._with_f0:
            np.fft.rfft(self._window, n=PADDED_FRAMES, out=self._padded)
            kernels.power_of(self._padded)
            np.fft.irfft(self._padded, n=PADDED_FRAMES, out=self._overlap)
        self._kept_f0_hz[slot] = kernels.temporal(
            self._window,
            self._overlap,
            self._with_f0,
            float(self.spec.sample_rate_hz),
            self._shortest,
            self._longest,
            self._scratch,
            static,
            attributes,
        )
        self._known += 1

    def _advance(self) -> None:
        """Move the window on by one hop."""
        self._filled = max(0, WINDOW_FRAMES - self.spec.hop_frames)
        self._between = max(0, self.spec.hop_frames - WINDOW_FRAMES)
        self._window[: self._filled] = self._window[WINDOW_FRAMES - self._filled :]

    def _give(self, until: int, out: Rows, first: int) -> None:
        """Write the rows that are not out yet, up to `until`; `first` is the number of the row that `out` begins with."""
        while self._given < until:
            row, slot = self._given - first, self._given % kernels.BACK_ROWS
            kernels.release(self._kept, self._given, self._known, self._weights, self._columns, self._reach > 0, out.frames[row])
            out.attributes[row] = self._kept_attributes[slot]
            out.f0_hz[row] = self._kept_f0_hz[slot]
            self._given += 1


def _columns(rows: Rows) -> tuple[Floats, Floats, Floats]:
    return rows.frames, rows.attributes, rows.f0_hz
