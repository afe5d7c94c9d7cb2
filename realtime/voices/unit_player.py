"""Plays units of a corpus in up to four streams and joins them. It knows frames, files' limits and pitches, not descriptors.

A stream is one line of units. Units begin at step boundaries; the one that sounded there is let go: it sounds on at full level for the
overlap and fades out over the release, while the new one fades in over the attack. Fades go on through later steps, so several units of a
stream can ring at once; when a stream has no slot left the oldest is faded out within the step. Every step puts out exactly as many frames
as it is long, whatever begins or ends in it, so duration is conserved at every rate.

A unit that goes on where it is has no fade in it: `begin` with the frame that comes next anyway changes nothing but the unit's clock.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from realtime.errors import VoiceError
from realtime.kernels.views import Floats
from realtime.voices.audio_source import AudioSource
from realtime.voices.unit_envelope import (
    ACTIVE,
    AGE,
    ATTACK,
    BIRTH,
    COLUMNS,
    DIRECTION,
    EDGE,
    FIRST,
    GUARD_FRAMES,
    HURRY,
    LAST,
    LIFE,
    LIKENESS,
    PARTNER,
    PITCH_HZ,
    POSITION,
    RATE,
    RELEASE,
    RELEASED,
    SHIFT,
    balance_join,
    bound_power,
    envelope,
    release_slot,
)
from realtime.voices.unit_join import Aligner, read_within
from realtime.voices.unit_resample import MARGIN_FRAMES, RATE_MAX, ZEROS, render, sinc_table
from realtime.voices.unit_shape import STREAMS, Shape

SLOTS: Final = 6
"""Units of one stream that can ring at once; one more row is kept for the one that is hurried out."""
_ROWS = SLOTS + 1
EDGE_FRAMES: Final = 256
"""Fade before the end of a file (5.8 ms at 44.1 kHz), at most the release: long enough not to click, short enough to leave a unit whole."""
HURRY_FRAMES: Final = 256


class UnitPlayer:
    """Streams of units from one source of sound.

    Parameters
    ----------
    audio : AudioSource
    step_frames : int
    channels_out : int, 1 or 2
        A mono source is doubled, a stereo one averaged for one output and balanced by the spread for two.
    sample_rate_hz : int
        Of the source and of the output.

    Raises
    ------
    VoiceError — channels_out or step_frames is not in range.

    Thread
    ------
    The deck's. `begin` and `step` allocate no arrays.

    Source
    ------
    Granular and concatenative playback, Roads 2001, *Microsound*; pitch-synchronous joins as in WSOLA, see `unit_join`.
    """

    def __init__(self, audio: AudioSource, *, step_frames: int, channels_out: int, sample_rate_hz: int) -> None:
        if channels_out not in (1, 2):
            raise VoiceError("unit player: not a number of output channels", got=str(channels_out), allowed="1 or 2")
        if step_frames < 1 or sample_rate_hz < 1:
            raise VoiceError("unit player: no step or no rate", got=f"{step_frames} frames, {sample_rate_hz} Hz", allowed="1 or more")
        self._audio = audio
        self._step_frames = step_frames
        self._channels_out = channels_out
        self._sample_rate_hz = sample_rate_hz
        self._slots = np.zeros((STREAMS * _ROWS, COLUMNS))
        self._gains = np.zeros((STREAMS * _ROWS, step_frames), np.float32)
        self._ringing = np.zeros(_ROWS, np.int64)
        self._places = np.zeros((STREAMS, 4))
        self._current = [-1] * STREAMS
        self._born = 0
        self._table = sinc_table()
        block_frames = math.ceil(step_frames * RATE_MAX) + 2 * MARGIN_FRAMES + 2
        self._block = np.zeros((block_frames, min(audio.channels, channels_out)), np.float32)
        self._aligner = Aligner(audio, sample_rate_hz)

    def reset(self) -> None:
        """Silence, at once: as after the constructor."""
        self._slots.fill(0.0)
        self._places.fill(0.0)
        self._current = [-1] * STREAMS
        self._born = 0

    def begin(self, stream: int, start_frame: int, length_frames: int, f0_hz: float, limit: tuple[int, int], shape: Shape) -> int:
        """Begin a unit with the next step; what sounds in this stream is let go. A second call before the step replaces the first.

        Parameters
        ----------
        stream : int, 0..3
        start_frame, length_frames : int
            The unit; brought into its file.
        f0_hz : float
            0 or not a number where unknown.
        limit : (int, int)
            First and last frame of the unit's file, both inside. Nothing beyond is played.
        shape : Shape

        Returns
        -------
        int
            Frame that is played first: the start, backwards the end, or what the pitch-synchronous join has made of it.

        Raises
        ------
        Nothing.
        """
        slots = self._slots
        stream = min(max(stream, 0), STREAMS - 1)
        first, last = max(limit[0], 0), min(limit[1], self._audio.frames - 1)
        direction = -1 if shape.reverse else 1
        start = start_frame + max(length_frames, 1) - 1 if shape.reverse else start_frame
        start = min(max(start, first), max(last, first))
        life = shape.life_frames(self._sample_rate_hz)
        pitch_hz = f0_hz if math.isfinite(f0_hz) else 0.0
        attack = shape.attack_frames(self._sample_rate_hz)
        if life > 0:
            # A unit that ends before it has risen would hardly be heard.
            attack = min(attack, max(life, GUARD_FRAMES))
        release = shape.release_frames(self._sample_rate_hz)
        row = self._sounding_row(stream)
        if row >= 0 and slots[row, AGE] == 0.0:
            partner = int(slots[row, PARTNER])
        else:
            if row >= 0 and direction == slots[row, DIRECTION] and first == slots[row, FIRST] and self._meets(row, start):
                slots[row, LIFE] = life
                slots[row, PITCH_HZ] = pitch_hz
                slots[row, RELEASE] = release
                return self.position(stream)
            partner = row
            if partner >= 0:
                self._let_go(partner, shape.overlap_frames(self._sample_rate_hz), release)
            row = self._free_row(stream)
        if last < first:
            slots[row, ACTIVE] = 0.0
            return int(start)
        likeness, shift = 0.0, 0
        rate = shape.valid_rate()
        if shape.pitch_join and partner >= 0:
            fade = round(max(attack, release) * rate)
            shift, likeness = self._aligner.align(slots[partner], start, direction, pitch_hz, (first, last), fade)
        self._born += 1
        slot = slots[row]
        slot.fill(0.0)
        slot[ACTIVE], slot[POSITION], slot[DIRECTION], slot[RATE] = 1.0, start + shift, direction, rate
        slot[FIRST], slot[LAST], slot[LIFE], slot[BIRTH] = first, last, life, self._born
        slot[ATTACK], slot[RELEASE], slot[EDGE] = attack, release, min(release, EDGE_FRAMES)
        slot[PITCH_HZ], slot[PARTNER], slot[LIKENESS], slot[SHIFT] = pitch_hz, partner, likeness, shift
        self._current[stream] = row
        return int(start + shift)

    def step(self, shape: Shape, out: Floats) -> None:
        """Fill one step.

        Parameters
        ----------
        shape : Shape
            Rate, spread and number of streams take effect now; the rest when a unit begins.
        out : float32 array, shape (step_frames, channels_out), linear amplitude
            Overwritten completely.

        Raises
        ------
        Nothing.
        """
        out.fill(0.0)
        slots = self._slots
        rate = shape.valid_rate()
        streams = shape.valid_streams()
        sounding = 0
        for stream in range(STREAMS):
            row = self._sounding_row(stream)
            if row >= 0 and stream >= streams:
                self.let_go(stream, shape)
            elif row >= 0:
                sounding += 1
        for stream in range(STREAMS):
            rows = [row for row in range(stream * _ROWS, (stream + 1) * _ROWS) if slots[row, ACTIVE]]
            if not rows:
                continue
            self._move_place(stream, streams, sounding, shape.valid_spread(), any(slots[row, AGE] for row in rows))
            self._play(rows, rate, self._places[stream], out)

    def let_go(self, stream: int, shape: Shape) -> None:
        """Let what sounds in a stream fade out over the release, with nothing in its place."""
        row = self._sounding_row(stream)
        if row >= 0:
            self._let_go(row, 0, shape.release_frames(self._sample_rate_hz))

    def position(self, stream: int) -> int:
        """Corpus frame that comes next in a stream (with a fraction: the nearest); -1 when nothing sounds there but what was let go."""
        row = self._sounding_row(stream)
        return round(float(self._slots[row, POSITION])) if row >= 0 else -1

    def sounding(self, stream: int) -> bool:
        """Tell whether a unit sounds in a stream that was not let go."""
        return self._sounding_row(stream) >= 0

    def left_frames(self, stream: int) -> int:
        """Frames until the unit of a stream lets itself go or its file ends, at the rate it has; 0 when nothing sounds.

        Less than a step: a unit that begins now is joined to it, one that begins later comes after a gap.
        """
        row = self._sounding_row(stream)
        if row < 0:
            return 0
        left = math.floor(self._left(row) / self._slots[row, RATE]) + 1
        life = int(self._slots[row, LIFE])
        return int(max(left if life < 0 else min(left, life), 0))

    def _play(self, rows: list[int], rate: float, place: NDArray[np.float64], out: Floats) -> None:
        slots = self._slots
        for row in rows:
            envelope(slots, row, rate, self._gains[row])
        for row in rows:
            if slots[row, LIKENESS] > 0.0:
                balance_join(self._gains[row], self._gains[int(slots[row, PARTNER])], slots[row, LIKENESS])
        self._ringing[: len(rows)] = rows
        bound_power(self._gains, self._ringing, len(rows))
        for row in rows:
            block, start = self._around(row, rate)
            render(slots, row, rate, block, start, self._gains[row], place, self._table, out)
        for row in rows:
            if not slots[row, ACTIVE]:
                # Its row may be another unit's next time.
                for other in rows:
                    if slots[other, PARTNER] == row:
                        slots[other, PARTNER], slots[other, LIKENESS] = -1.0, 0.0

    def _around(self, row: int, rate: float) -> tuple[Floats, int]:
        """Corpus that one step of a unit needs, and the frame it begins with."""
        slot = self._slots[row]
        position, before = float(slot[POSITION]), float(slot[RATE])
        if before == rate == 1.0 and position.is_integer():
            start = int(position) if slot[DIRECTION] > 0 else int(position) - self._step_frames + 1
            count = self._step_frames
        else:
            travelled = self._step_frames * (before + rate) / 2
            margin = math.ceil(ZEROS * max(before, rate, 1.0)) + 1
            start = math.floor(position if slot[DIRECTION] > 0 else position - travelled) - margin
            count = math.ceil(travelled) + 2 * margin + 1
        block = self._block[:count]
        read_within(self._audio, start, block, int(slot[FIRST]), int(slot[LAST]))
        return block, start

    def _move_place(self, stream: int, streams: int, sounding: int, spread: float, goes_on: bool) -> None:
        """Set where a stream goes from and to in this step: equal power between left and right, and over the streams that sound."""
        place = self._places[stream]
        scale = 1.0 / math.sqrt(max(sounding, 1))
        aside = spread * (2.0 * stream / (streams - 1) - 1.0) if streams > 1 and stream < streams else 0.0
        angle = (aside + 1.0) * math.pi / 4
        centred = aside == 0.0 or self._channels_out == 1
        left, right = (1.0, 1.0) if centred else (math.sqrt(2.0) * math.cos(angle), math.sqrt(2.0) * math.sin(angle))
        place[0], place[1] = place[2], place[3]
        place[2], place[3] = scale * left, scale * right
        if not goes_on:
            place[0], place[1] = place[2], place[3]

    def _sounding_row(self, stream: int) -> int:
        row = self._current[min(max(stream, 0), STREAMS - 1)]
        return row if row >= 0 and self._slots[row, ACTIVE] and not self._slots[row, RELEASED] else -1

    def _meets(self, row: int, start: int) -> bool:
        """Tell whether a unit comes to `start` next anyway, or would if its own join had not moved it."""
        slot = self._slots[row]
        return bool(abs(slot[POSITION] - start) < 1.0 or abs(slot[POSITION] - slot[SHIFT] - start) < 1.0)

    def _left(self, row: int) -> float:
        slot = self._slots[row]
        return float(slot[LAST] - slot[POSITION] if slot[DIRECTION] > 0 else slot[POSITION] - slot[FIRST])

    def _let_go(self, row: int, hold: int, release: int) -> None:
        release_slot(self._slots, row, hold, release, self._slots[row, RATE], self._left(row))

    def _free_row(self, stream: int) -> int:
        """Take a row that is silent; where too many are not, hurry the oldest out: it is gone after the step."""
        slots = self._slots
        rows = range(stream * _ROWS, (stream + 1) * _ROWS)
        active = [row for row in rows if slots[row, ACTIVE]]
        if len(active) >= SLOTS:
            oldest = min(active, key=lambda row: float(slots[row, BIRTH]))
            if slots[oldest, HURRY] == 0.0:
                slots[oldest, HURRY] = min(HURRY_FRAMES, self._step_frames)
        return next(row for row in rows if not slots[row, ACTIVE])
