"""The options that say how sounds are described, the same under every command; it knows no sound and no file.

Starling, the Descriptor Transformer and librosa each have names of their own for hop and rate. All of them are taken, with ``_`` or ``-``.
"""

from typing import Any

from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from training.errors import OptionError

__all__ = ["add_option", "add_spec_options", "spec_given"]

HOP, RATE = ("hop_frames", "hop_length"), ("sample_rate_hz", "sample_rate", "sr")
"""Our name, then those it also goes by."""


def add_option(parser: Any, *names: str, **how: Any) -> None:
    """Add an option under its names, each with ``_`` and with ``-``; its value is under the first."""
    spelled = (f"--{said}" for name in names for said in (name, name.replace("_", "-")))
    parser.add_argument(*dict.fromkeys(spelled), dest=names[0], **how)


def add_spec_options(parser: Any) -> None:
    """Add ``--descriptors``, ``--hop_frames`` and ``--sample_rate_hz``, None where they are left out; `spec_given` reads them."""
    names = "mfcc, classic, loudness, onset or single names, with commas (default: mfcc)"
    parser.add_argument("--descriptors", metavar="NAMES", help=names)
    hop, rate = DEFAULT_SPEC.hop_frames, DEFAULT_SPEC.sample_rate_hz
    add_option(parser, *HOP, metavar="N", help=f"samples from one row of descriptors to the next (default: {hop})")
    add_option(parser, *RATE, metavar="HZ", help=f"of the sounds as they are described (default: {rate})")


def spec_given(options: Any, known: DescriptorSpec = DEFAULT_SPEC) -> DescriptorSpec | None:
    """Return the descriptors that the options ask for, what they leave out from `known`; None where they ask for nothing.

    Raises
    ------
    OptionError
        A hop or rate is no whole number.
    DescriptorSpecError
        As `training.descriptor_table.spec_of`.
    """
    # Local: it imports librosa's part, and --help should not wait for it.
    from training.descriptor_table import spec_of

    if (options.descriptors, options.hop_frames, options.sample_rate_hz) == (None, None, None):
        return None
    numbers = {}
    for name in (HOP[0], RATE[0]):
        text = getattr(options, name)
        try:
            numbers[name] = getattr(known, name) if text is None else int(text)
        except ValueError as error:
            raise OptionError("not a whole number", where=f"--{name}", got=text) from error
    return spec_of(known.text if options.descriptors is None else options.descriptors, **numbers)
