"""Every control of a mosaic, as one literal table. It knows what can be turned, not how the voice answers.

The exporter writes these rows into a patch's manifest; the stage takes the default of a row that an older patch does not have.
"""

from patches.limits import MAX_CONTROLS
from patches.manifest import Control

SIGMA = "\N{GREEK SMALL LETTER SIGMA}"

MOSAIC_CONTROLS: tuple[Control, ...] = (
    # What is asked for: offsets of the target, in standard deviations of the corpus.
    Control("loudness", "Loudness", SIGMA, -3.0, 3.0, 0.0, "linear", 50.0),
    Control("brightness", "Brightness", SIGMA, -3.0, 3.0, 0.0, "linear", 50.0),
    Control("noisiness", "Noisiness", SIGMA, -3.0, 3.0, 0.0, "linear", 50.0),
    # How the sequencer goes on. The temperature is not smoothed: a draw between two temperatures is no draw at all.
    Control("temperature", "Temperature", "", 0.0, 2.0, 1.0, "linear", 0.0),
    Control("autonomy", "Autonomy", "", 0.0, 1.0, 0.0, "linear", 50.0),
    # Which unit is chosen, and when.
    Control("continuity", "Continuity", "", 0.0, 1.0, 0.5, "linear", 50.0),
    Control("density", "Density", "units/s", 1.0, 43.0, 8.0, "exponential", 50.0),
    Control("candidates", "Candidates", "units", 1.0, 32.0, 8.0, "linear", 0.0),
    Control("radius", "Radius", SIGMA, 0.0, 20.0, 0.0, "linear", 0.0),
    Control("foresight", "Foresight", "hops", 1.0, 8.0, 1.0, "linear", 0.0),
    Control("taboo", "Taboo time", "s", 0.0, 30.0, 0.4, "linear", 0.0),
    Control("weight_timbre", "Weight of timbre", "", 0.0, 4.0, 1.0, "linear", 0.0),
    Control("weight_movement", "Weight of movement", "", 0.0, 4.0, 1.0, "linear", 0.0),
    Control("weight_pitch", "Weight of pitch", "", 0.0, 4.0, 1.0, "linear", 0.0),
    Control("weight_loudness", "Weight of loudness", "", 0.0, 4.0, 1.0, "linear", 0.0),
    Control("weight_brightness", "Weight of brightness", "", 0.0, 4.0, 1.0, "linear", 0.0),
    Control("weight_noisiness", "Weight of noisiness", "", 0.0, 4.0, 1.0, "linear", 0.0),
    Control("weight_onset", "Weight of onset", "", 0.0, 4.0, 1.0, "linear", 0.0),
    # How units are played.
    Control("one_shot", "One-shot", "", 0.0, 1.0, 0.0, "linear", 0.0),
    Control("unit_length", "Unit length", "ms", 0.0, 2000.0, 0.0, "linear", 0.0),
    Control("overlap", "Overlap", "ms", 0.0, 500.0, 0.0, "linear", 0.0),
    Control("attack", "Attack", "ms", 1.0, 500.0, 11.61, "exponential", 0.0),
    Control("release", "Release", "ms", 1.0, 2000.0, 11.61, "exponential", 0.0),
    Control("rate", "Playback rate", "", 0.25, 4.0, 1.0, "exponential", 20.0),
    Control("reverse", "Reverse", "", 0.0, 1.0, 0.0, "linear", 0.0),
    Control("streams", "Streams", "", 1.0, 4.0, 1.0, "linear", 0.0),
    Control("spread", "Stereo spread", "", 0.0, 1.0, 0.0, "linear", 50.0),
    Control("pitch_join", "Pitch-synchronous join", "", 0.0, 1.0, 1.0, "linear", 0.0),
    # Live input.
    Control("follow", "Follow the input", "", 0.0, 1.0, 0.0, "linear", 50.0),
    Control("answer", "Call and response", "", 0.0, 1.0, 0.0, "linear", 0.0),
    Control("listen_time", "Listening time", "s", 0.5, 16.0, 2.0, "exponential", 0.0),
)
"""Switches are on from a half up: controllers send anything between 0 and 1."""

WEIGHT_PREFIX = "weight_"
"""What follows it in an id is one of `patches.descriptors.GROUPS`."""
LABEL_PREFIX = "label_"
MAX_LABEL_TEXT = 48
"""The manifest's bound for the name of a control: longer labels are cut there."""
MAX_LABELS = MAX_CONTROLS - len(MOSAIC_CONTROLS)


def label_control(label: str, control_id: str) -> Control:
    """The weight of one label: 0 leaves its units out, 1 takes them as they are."""
    return Control(control_id, label, "", 0.0, 1.0, 1.0, "linear", 50.0)
