import pytest

from patches.descriptors import (
    ALL_NAMES,
    ATTRIBUTES,
    CLASSIC,
    DEFAULT_SPEC,
    GROUPS,
    MFCC,
    OTHERS,
    SEED_CLASSIC_ORDER,
    SEED_MFCC_ORDER,
    SETS,
    STATIC,
    DescriptorSpec,
    f0_range_hz,
    group_of,
)
from patches.errors import DuplicateNameError, PatchError, WrongTypeError, WrongValueError


def test_the_names():
    assert len(MFCC) == 39
    assert MFCC[0] == "mfcc0"
    assert MFCC[13] == "delta0"
    assert MFCC[38] == "delta_delta12"
    assert CLASSIC == ("cent", "flat", "rolloff", "rms", "f0")
    assert OTHERS == ("loudness", "onset")
    assert len(set(ALL_NAMES)) == len(ALL_NAMES) == 46
    assert set(STATIC) == set(ALL_NAMES) - set(MFCC[13:])
    assert not set(SETS) & set(ALL_NAMES)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("mfcc", MFCC),
        ("classic", CLASSIC),
        ("mfcc,loudness,onset", (*MFCC, "loudness", "onset")),
        (" onset , classic", ("onset", *CLASSIC)),
        ("mfcc3,delta_delta3,f0", ("mfcc3", "delta_delta3", "f0")),
        ("cent,flat", ("cent", "flat")),
    ],
)
def test_parse(text, names):
    spec = DescriptorSpec.parse(text)
    assert spec.names == names
    assert len(spec) == len(names)
    assert DescriptorSpec.parse(spec.text) == spec


def test_the_text_folds_whole_sets_back():
    assert DescriptorSpec((*MFCC, *CLASSIC, "onset")).text == "mfcc,classic,onset"
    assert DescriptorSpec(tuple(reversed(CLASSIC))).text == "f0,rms,rolloff,flat,cent"
    assert DescriptorSpec(MFCC[:-1]).text == ",".join(MFCC[:-1])
    assert DEFAULT_SPEC.text == "mfcc"


@pytest.mark.parametrize(
    "text", ["", ",", "mfcc,", "mfcc13", "mfcc-1", "delta", "delta_delta13", "MFCC", "cent;flat", "mfcc\x00", "mfcc01"]
)
def test_an_unknown_name_is_refused_by_name(text):
    with pytest.raises(WrongValueError, match="descriptors") as caught:
        DescriptorSpec.parse(text)
    assert "mfcc" in caught.value.allowed


@pytest.mark.parametrize("text", ["mfcc,mfcc", "mfcc,delta3", "onset,onset", "classic,f0"])
def test_a_name_twice_is_refused(text):
    with pytest.raises(DuplicateNameError):
        DescriptorSpec.parse(text)


@pytest.mark.parametrize("hop", [0, -1024, 255, 192, 8256, 1000, 1025, 10**30])
def test_a_hop_out_of_bounds_is_refused(hop):
    with pytest.raises(WrongValueError, match="hop_frames"):
        DescriptorSpec.parse("mfcc", hop_frames=hop)


@pytest.mark.parametrize("rate", [0, -1, 7999, 192_000])
def test_a_rate_out_of_bounds_is_refused(rate):
    with pytest.raises(WrongValueError, match="sample_rate_hz"):
        DescriptorSpec.parse("mfcc", sample_rate_hz=rate)


@pytest.mark.parametrize(
    "arguments",
    [(["mfcc0"],), ("mfcc0",), (None,), (MFCC, 1024.0), (MFCC, True), (MFCC, "1024"), (MFCC, 1024, 44100.0), (MFCC, 1024, None)],
)
def test_a_wrong_type_is_refused(arguments):
    with pytest.raises(WrongTypeError):
        DescriptorSpec(*arguments)


@pytest.mark.parametrize("text", [None, 39, b"mfcc", ["mfcc"]])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(WrongTypeError):
        DescriptorSpec.parse(text)


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(PatchError):
        DescriptorSpec((3,))


@pytest.mark.parametrize(
    ("text", "hop", "lookahead"),
    [("mfcc", 1024, 5120), ("delta_delta3", 256, 2048), ("mfcc0,mfcc5", 1024, 1024), ("classic,onset", 8192, 1024)],
)
def test_only_derivatives_look_ahead_of_the_window(text, hop, lookahead):
    assert DescriptorSpec.parse(text, hop_frames=hop).lookahead_frames == lookahead


def test_every_name_has_a_group():
    groups = {name: group_of(name) for name in (*ALL_NAMES, *ATTRIBUTES)}
    assert set(groups.values()) == set(GROUPS)
    assert [groups[name] for name in ("mfcc12", "delta0", "delta_delta9", "f0", "rms", "loudness")] == [
        "timbre",
        "movement",
        "movement",
        "pitch",
        "loudness",
        "loudness",
    ]
    assert [groups[name] for name in ("cent", "rolloff", "brightness", "flat", "noisiness", "onset")] == [
        "brightness",
        "brightness",
        "brightness",
        "noisiness",
        "noisiness",
        "onset",
    ]
    assert DEFAULT_SPEC.group_of("mfcc0") == "timbre"
    for name in ("delta", "mfcc", "mfcc13", "label", "", "f00"):
        with pytest.raises(WrongValueError):
            group_of(name)


def test_seed_fault_the_models_order_of_columns_was_not_stored():
    """The seeds sort their names as text, and nothing says so: mfcc2 is their 23rd column."""
    theirs = sorted(f"mfcc{index}" for index in range(39))
    assert theirs[2] == "mfcc10"
    assert tuple(MFCC[int(name[4:])] for name in theirs) == SEED_MFCC_ORDER
    assert SEED_CLASSIC_ORDER == ("cent", "f0", "flat", "rms", "rolloff")


@pytest.mark.parametrize(("rate", "range_hz"), [(44_100, (80.0, 10_000.0)), (16_000, (80.0, 8_000.0)), (96_000, (96.0, 10_000.0))])
def test_the_range_of_fundamentals_fits_the_rate(rate, range_hz):
    assert f0_range_hz(rate) == range_hz
