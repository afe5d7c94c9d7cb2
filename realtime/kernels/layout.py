"""Where everything is in the shared block. It knows positions only, not who reads or writes them when (see docs/threads.md).

The block is one piece of memory seen through two flat views: ``words`` (int64) and ``floats`` (float32). Positions are plain integers, so
that Numba freezes them into the kernels as constants. A field with more than one writer does not exist: the owner is named beside each.

Values that one side writes and another polls at audio rate stand on cache lines of their own.
"""

from typing import Final

VERSION: Final = 3
MAGIC: Final = 0x53_54_41_52_4C_49_4E_47  # "STARLING"

MAX_DECKS: Final = 8
MAX_CONTROLS: Final = 64
"""Controls one patch may have: the bound of the patch format."""
RINGS: Final = 2
"""A deck has two rings, so that a patch change can cross-fade."""
CHANNELS: Final = 2
RING_FRAMES: Final = 65_536
"""Power of two, so that a position wraps by masking; 1.4 s at 48 kHz. What finds no room waits in the deck."""
RING_MASK: Final = RING_FRAMES - 1
GUARD_FRAMES: Final = 2_048
"""Frames behind the reader that the writer leaves alone: what an underrun is concealed with."""
MAX_LEAD_FRAMES: Final = 32_768
TAP_FRAMES: Final = 524_288
"""Tap ring: 10.9 s at 48 kHz, so that a recording survives a slow disk."""
TAP_MASK: Final = TAP_FRAMES - 1
STEM_FRAMES: Final = 131_072
"""Stem ring of a deck: 2.7 s at 48 kHz. Eight of them as long as the tap would be more memory than everything else."""
STEM_MASK: Final = STEM_FRAMES - 1
INPUT_FRAMES: Final = 131_072
"""Input ring: 2.7 s at 48 kHz. Nobody frees it: who reads later than that has missed something, and counts it."""
INPUT_MASK: Final = INPUT_FRAMES - 1
PIECE_FRAMES: Final = 512
"""The mixer works in pieces of at most this many frames, whatever the block."""
TIMINGS: Final = 8_192
"""Callback durations kept: 22 s of 128-frame blocks at 48 kHz."""

SCHEDULE_SLOTS: Final = 1_024
"""Changes of the mixer's values that can wait for their frame. A power of two, as are the next three."""
RING_SCHEDULE_SLOTS: Final = 256
"""The same for the controls of the patch on one ring."""
JOURNAL_SLOTS: Final = 4_096
"""What the callback did, until the host has read it."""
RING_JOURNAL_SLOTS: Final = 2_048
"""What the deck process on a ring heeded, until the host has read it: thirty steps in which every control moves."""

MIXED: Final = 4
"""Values of a deck that the mixer heeds, in this order: gain, pan, mute, solo."""

_LINE: Final = 8  # int64 words in a 64-byte cache line

# --- words: a queue (see `realtime.kernels.queue`) ----------------------------------------------------------------------
Q_HEAD: Final = 0  # producer
Q_DROPPED: Final = 1  # producer: entries that found no room
Q_TAIL: Final = 1 * _LINE  # consumer
Q_SLOTS: Final = 2 * _LINE  # producer: three words an entry: when, what, number. Its value is among the floats
Q_ENTRY: Final = 3

# --- words: what waits for its time, sorted (see `realtime.kernels.schedule`) ---------------------------------------------
P_FIRST: Final = 0
P_END: Final = 1
P_SLOTS: Final = 1 * _LINE  # two words an entry: when, what. Its value is among the floats
P_ENTRY: Final = 2


def _queue_words(slots: int) -> int:
    return Q_SLOTS + Q_ENTRY * slots


def _waiting_words(slots: int) -> int:
    return P_SLOTS + P_ENTRY * slots


# --- words: the head of the block -----------------------------------------------------------------------------------
W_MAGIC: Final = 0
W_VERSION: Final = 1
W_SAMPLE_RATE_HZ: Final = 2  # host, before the stream opens
W_RUN: Final = 3  # host: 1 sounds, 0 fades to silence and stays there
W_FADE_FRAMES: Final = 4  # host: length of a patch cross-fade
W_RAMP_FRAMES: Final = 5  # host: frames a gain takes from 0 to 1
W_TAP_ON: Final = 6  # host: bit 0 the tap, bit 1 + d the stem of deck d
W_INPUT_CHANNELS: Final = 7  # host, before the stream opens: 0 no input, else 1 or 2

W_CLOCK: Final = 1 * _LINE  # callback: frames since the stream opened, the clock of everything
W_CALLBACKS: Final = 2 * _LINE  # callback, as are the next six
W_CALLBACK_MAX_NS: Final = W_CALLBACKS + 1
W_BLOCK_FRAMES: Final = W_CALLBACKS + 3
W_DEVICE_XRUNS: Final = W_CALLBACKS + 4
W_NONFINITE: Final = W_CALLBACKS + 5
W_LIMITED: Final = W_CALLBACKS + 6
W_THREAD_ID: Final = W_CALLBACKS + 7
W_INPUT_HEAD: Final = 3 * _LINE  # callback: frames of input since the stream opened; as are the next two
W_INPUT_NONFINITE: Final = W_INPUT_HEAD + 1
W_INPUT_OVERFLOWS: Final = W_INPUT_HEAD + 2
W_TAP_HEAD: Final = 4 * _LINE  # callback
W_TAP_DROPPED: Final = 5 * _LINE  # callback
W_TAP_TAIL: Final = 6 * _LINE  # the one tap reader
W_NOW: Final = 7 * _LINE  # callback: two words the clock writes into
W_GATE: Final = 8 * _LINE  # host: 1 open, 0 closed by a panic
W_CLOCK_OFFSET_NS: Final = 9 * _LINE  # callback: monotonic time at which frame 0 would have been, smoothed; as are the next ones
W_RUN_SET: Final = W_CLOCK_OFFSET_NS + 1  # in force
W_GATE_SET: Final = W_CLOCK_OFFSET_NS + 2
W_TAP_OFFSET: Final = W_CLOCK_OFFSET_NS + 3  # clock less tap head, when the last block was put there
W_SCHEDULE: Final = 10 * _LINE  # queue: host to callback
W_WAITING: Final = W_SCHEDULE + _queue_words(SCHEDULE_SLOTS)  # callback
W_JOURNAL: Final = W_WAITING + _waiting_words(SCHEDULE_SLOTS)  # queue: callback to host
W_TIMINGS: Final = W_JOURNAL + _queue_words(JOURNAL_SLOTS)  # callback: duration in ns, slot = callback number modulo TIMINGS

# --- words: one deck ---------------------------------------------------------------------------------------------------
W_DECKS: Final = W_TIMINGS + TIMINGS
D_ACTIVE: Final = 0  # host: ring to be heard, -1 none
D_LEAD_FRAMES: Final = 1  # host: frames kept ready ahead of the device
D_UNDERRUNS: Final = _LINE  # callback, as are the next ones
D_MISSING_FRAMES: Final = _LINE + 1
D_NONFINITE: Final = _LINE + 2
D_ACTIVE_SET: Final = _LINE + 3  # in force
D_STEM_OFFSET: Final = _LINE + 4  # as W_TAP_OFFSET
D_STEM_HEAD: Final = 2 * _LINE  # callback
D_STEM_DROPPED: Final = 3 * _LINE  # callback
D_STEM_TAIL: Final = 4 * _LINE  # the one reader of the stem
D_RINGS: Final = 5 * _LINE

# --- words: one ring of a deck ------------------------------------------------------------------------------------------
R_HEAD: Final = 0  # deck process: frames written since the ring was opened
R_TAIL: Final = 1 * _LINE  # callback: frames read
R_FLOWING: Final = 1 * _LINE + 1  # callback: 1 while frames come, 0 while it waits for a full lead
R_CONCEALED: Final = 1 * _LINE + 2  # callback: frames of concealment played since the ring ran dry
R_CONSUMED: Final = 1 * _LINE + 3  # callback: 1 once it has read a frame since the ring was opened
R_HEARTBEAT_NS: Final = 2 * _LINE  # deck process, as are the next nine
R_STEPS: Final = 2 * _LINE + 1
R_STEP_NS: Final = 2 * _LINE + 2
R_STEP_MAX_NS: Final = 2 * _LINE + 3
R_STEP_MEAN_NS: Final = 2 * _LINE + 4
R_BUDGET_NS: Final = 2 * _LINE + 5
R_LATE_STEPS: Final = 2 * _LINE + 6
R_MODE: Final = 2 * _LINE + 7
R_FAULTS: Final = 3 * _LINE
R_LOAD: Final = 3 * _LINE + 1  # how far its load is (see `realtime.load_progress`)
R_SCHEDULE: Final = 4 * _LINE  # queue: host to deck process
R_WAITING: Final = R_SCHEDULE + _queue_words(RING_SCHEDULE_SLOTS)  # deck process
R_JOURNAL: Final = R_WAITING + _waiting_words(RING_SCHEDULE_SLOTS)  # queue: deck process to host
RING_WORDS: Final = R_JOURNAL + _queue_words(RING_JOURNAL_SLOTS)

DECK_WORDS: Final = D_RINGS + RINGS * RING_WORDS
WORDS_END: Final = W_DECKS + MAX_DECKS * DECK_WORDS

# --- floats ---------------------------------------------------------------------------------------------------------------
F_MASTER_GAIN: Final = 2 * WORDS_END  # host: linear
F_INPUT_GAIN: Final = F_MASTER_GAIN + 1  # host: linear
F_INPUT_OPEN: Final = F_MASTER_GAIN + 2  # host's feedback guard: 1 open, 0 closed
F_MASTER_NOW: Final = F_MASTER_GAIN + 16  # callback, as are the next ones: the ramped master gain
F_RUN_NOW: Final = F_MASTER_NOW + 1
F_ENVELOPE: Final = F_MASTER_NOW + 2
F_MASTER_PEAK: Final = F_MASTER_NOW + 3  # left, right
F_MASTER_SQUARE: Final = F_MASTER_NOW + 5  # left, right: smoothed square
F_INPUT_NOW: Final = F_MASTER_NOW + 7  # the ramped input gain
F_INPUT_OPEN_NOW: Final = F_MASTER_NOW + 8
F_INPUT_PEAK: Final = F_MASTER_NOW + 9
F_INPUT_SQUARE: Final = F_MASTER_NOW + 10  # smoothed square
F_INPUT_LAST: Final = F_MASTER_NOW + 11  # last finite sample, mono
F_MASTER_SEEN: Final = F_MASTER_NOW + 12  # the host's value when it last looked: master gain, input gain
F_MASTER_SET: Final = F_MASTER_NOW + 14  # in force: master gain, input gain
F_GATE_NOW: Final = F_MASTER_NOW + 16  # the ramped gate
F_SCRATCH: Final = F_MASTER_NOW + 32  # callback: two pieces, interleaved stereo
F_SCHEDULE: Final = F_SCRATCH + 2 * PIECE_FRAMES * CHANNELS  # host: values of the queue
F_WAITING: Final = F_SCHEDULE + SCHEDULE_SLOTS  # callback
F_JOURNAL: Final = F_WAITING + SCHEDULE_SLOTS  # callback: values of the queue
F_DECKS: Final = F_JOURNAL + JOURNAL_SLOTS

DF_GAIN: Final = 0  # host: linear
DF_PAN: Final = 1  # host: -1 left .. 1 right
DF_MUTE: Final = 2  # host: 0 or 1
DF_SOLO: Final = 3  # host: 0 or 1
DF_LEFT_NOW: Final = 16  # callback, as are the next ones: ramped channel gains
DF_RIGHT_NOW: Final = 17
DF_PEAK: Final = 18  # left, right
DF_SQUARE: Final = 20  # left, right
DF_LAST: Final = 22  # left, right: last finite sample
DF_SEEN: Final = 24  # gain, pan, mute, solo: the host's value when it last looked
DF_SET: Final = DF_SEEN + MIXED  # the same four, in force
DF_RINGS: Final = 32

RF_PRESENCE: Final = 0  # callback: 0 out .. 1 in, of the patch cross-fade
RF_LEVEL: Final = 1  # callback: fade-in after a wait
RF_CONTROLS: Final = 16  # host: control values of the patch on this ring, in manifest order
RF_FREEZE: Final = RF_CONTROLS + MAX_CONTROLS  # host: 0 or 1
RF_SEEN: Final = RF_FREEZE + 16  # deck process: the host's values when it last looked
RF_SET: Final = RF_SEEN + MAX_CONTROLS  # deck process: control values in force
RF_NOTED: Final = RF_SET + MAX_CONTROLS  # deck process: those that stand in the journal, and the freeze
RF_SCHEDULE: Final = RF_NOTED + MAX_CONTROLS + 16  # host: values of the queue
RF_WAITING: Final = RF_SCHEDULE + RING_SCHEDULE_SLOTS  # deck process
RF_JOURNAL: Final = RF_WAITING + RING_SCHEDULE_SLOTS  # deck process: values of the queue
RF_DATA: Final = RF_JOURNAL + RING_JOURNAL_SLOTS
RING_FLOATS: Final = RF_DATA + RING_FRAMES * CHANNELS

DECK_FLOATS: Final = DF_RINGS + RINGS * RING_FLOATS
F_TAP: Final = F_DECKS + MAX_DECKS * DECK_FLOATS
F_INPUT_HEARD: Final = F_TAP + TAP_FRAMES * CHANNELS  # callback: mono input after gain and guard, for the decks
F_INPUT_RAW: Final = F_INPUT_HEARD + INPUT_FRAMES  # callback: mono input as it came
F_INPUT_OUTPUT: Final = F_INPUT_RAW + INPUT_FRAMES  # callback: mono output of the same block
F_STEMS: Final = F_INPUT_OUTPUT + INPUT_FRAMES  # callback: a ring for each deck, after its gains, before the master's
FLOATS_END: Final = F_STEMS + MAX_DECKS * STEM_FRAMES * CHANNELS

BLOCK_BYTES: Final = 4 * FLOATS_END

# --- what stands in a journal ---------------------------------------------------------------------------------------------
J_MASTER: Final = 0  # mixer: master gain, run and gate take a new target
J_RUN: Final = 1
J_GATE: Final = 2
J_ACTIVE: Final = 3  # another ring is to be heard
J_FLOW: Final = 4  # frames of a ring begin to be heard
J_DRY: Final = 5  # the first frame that a ring did not have
J_TAKE: Final = 6  # host: what is heard of a ring from here on is another take
J_MIXED: Final = 8  # gain; pan, mute and solo follow
JOURNAL_PLACES: Final = 64
"""What the mixer notes is one of these times this, plus `MAX_DECKS` times the ring plus the deck."""
J_FREEZE: Final = MAX_CONTROLS
"""What a deck process notes is the place of a control, or this, or one of the next."""
J_RESET: Final = MAX_CONTROLS + 1  # the step begins a voice reset with the seed in `number`
J_MODE: Final = MAX_CONTROLS + 2  # the step is the first in the mode in `number`
J_HEARD: Final = MAX_CONTROLS + 3  # the voice was handed live input


def deck_words(deck: int) -> int:
    """Position in ``words`` where deck `deck` (0-based) begins."""
    return W_DECKS + deck * DECK_WORDS


def deck_floats(deck: int) -> int:
    """Position in ``floats`` where deck `deck` (0-based) begins."""
    return F_DECKS + deck * DECK_FLOATS


def ring_words(deck: int, ring: int) -> int:
    """Position in ``words`` where ring `ring` (0 or 1) of deck `deck` begins."""
    return deck_words(deck) + D_RINGS + ring * RING_WORDS


def ring_floats(deck: int, ring: int) -> int:
    """Position in ``floats`` where ring `ring` (0 or 1) of deck `deck` begins."""
    return deck_floats(deck) + DF_RINGS + ring * RING_FLOATS
