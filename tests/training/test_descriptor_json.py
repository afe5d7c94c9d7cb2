import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patches.descriptors import ALL_NAMES, CLASSIC, MFCC, SEED_MFCC_ORDER, DescriptorSpec
from training import descriptor_errors as errors
from training import descriptor_json_file
from training.descriptor_folder import json_places, read_descriptor_folder
from training.descriptor_json import (
    OURS,
    THEIRS,
    read_descriptor_json,
    read_query_json,
    write_descriptor_json,
    write_query_json,
)
from training.descriptor_table import UNKNOWN_SAMPLE, DescriptorTable, joined_tables, spec_of, table_of
from training.descriptors import describe
from training.errors import EmptyFolderError, MissingFolderError, OutputExistsError, OutputFailedError

HOP = 1024


def seed_json(rows=5, name="/sounds/a.wav", hop=HOP, start=0.0) -> dict:
    """A file as `wav2descriptor` writes it."""
    data = {"_id": [name] * rows, "_sample": [hop * row for row in range(rows)]}
    return data | {f"mfcc{column}": [start + column + row / 7 for row in range(rows)] for column in range(39)}


def classic_json(rows=4) -> dict:
    data = {"_id": ["a.wav"] * rows, "_sample": [HOP * row for row in range(rows)]}
    return data | {name: [column + row / 3 for row in range(rows)] for column, name in enumerate(CLASSIC)}


def rows_json(rows=4, hop=15_400) -> list:
    """A list as process_descriptor_json.ipynb writes it, where row x holds the description of x - 1."""
    return [{str(row * hop): {name: str(10.0 * column + (row - 1) % rows) for column, name in enumerate(CLASSIC)}} for row in range(rows)]


def saved(tmp_path, data, name="a.json") -> Path:
    path = tmp_path / name
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def assert_same(a: DescriptorTable, b: DescriptorTable):
    assert (a.names, a.file_ids, a.hop_frames, a.metadata) == (b.names, b.file_ids, b.hop_frames, b.metadata)
    assert np.array_equal(a.frames, b.frames)
    assert np.array_equal(a.sample_positions, b.sample_positions)


def test_names_are_mapped_one_to_one():
    assert [THEIRS[name] for name in MFCC] == [f"mfcc{index}" for index in range(39)]
    assert THEIRS["delta0"] == "mfcc13"
    assert THEIRS["delta_delta12"] == "mfcc38"
    assert OURS["mfcc26"] == "delta_delta0"
    assert set(THEIRS) == set(ALL_NAMES)
    assert {OURS[THEIRS[name]] for name in ALL_NAMES} == set(ALL_NAMES)
    assert not any("_" in name for name in OURS)  # that would be metadata to the seeds


def test_the_seeds_columns(tmp_path):
    table = read_descriptor_json(saved(tmp_path, seed_json()))
    assert table.names == MFCC
    assert table.frames.shape == (5, 39)
    assert table.frames[3, 20] == 20 + 3 / 7
    assert table.file_ids == ("/sounds/a.wav",) * 5
    assert table.sounds == ("/sounds/a.wav",)
    assert table.sample_positions.tolist() == [0, 1024, 2048, 3072, 4096]
    assert (table.hop_frames, table.sample_rate_hz) == (1024, None)


def test_the_older_columns(tmp_path):
    table = read_descriptor_json(saved(tmp_path, classic_json()))
    assert table.names == CLASSIC
    assert table.frames[2].tolist() == [column + 2 / 3 for column in range(5)]


def test_a_prediction_has_features_only(tmp_path):
    data = {key: values for key, values in seed_json().items() if key.startswith("mfcc")}
    table = read_descriptor_json(saved(tmp_path, data))
    assert table.frames.shape == (5, 39)
    assert set(table.sample_positions.tolist()) == {UNKNOWN_SAMPLE}
    assert table.file_ids == ("",) * 5
    assert table.hop_frames is None
    write_descriptor_json(tmp_path / "again.json", table)
    assert json.loads((tmp_path / "again.json").read_text()) == data


def test_the_combined_database(tmp_path):
    one, two = seed_json(3), seed_json(2, "/sounds/b.wav", start=100.0)
    combined = {key: one[key] + two[key] for key in one}
    table = read_descriptor_json(saved(tmp_path, combined, "AUDIOS_database.json"))
    assert table.sounds == ("/sounds/a.wav", "/sounds/b.wav")
    assert table.sample_positions.tolist() == [0, 1024, 2048, 0, 1024]
    assert table.hop_frames == 1024
    parts = [read_descriptor_json(saved(tmp_path, data)) for data in (one, two)]
    assert_same(joined_tables(parts), table)


def test_seed_fault_the_rows_of_the_older_list_were_off_by_one(tmp_path):
    """Its first row held the description of its last frame."""
    table = read_descriptor_json(saved(tmp_path, rows_json(), "a.txt"))
    assert table.names == CLASSIC
    assert table.sample_positions.tolist() == [0, 15_400, 30_800, 46_200]
    assert table.frames[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert table.frames[:, 4].tolist() == [40.0, 41.0, 42.0, 43.0]
    assert table.hop_frames == 15_400
    assert read_descriptor_json(saved(tmp_path, rows_json(1), "one.txt")).hop_frames is None


def test_the_older_list_becomes_columns(tmp_path):
    table = read_descriptor_json(saved(tmp_path, rows_json(), "a.txt"))
    write_descriptor_json(tmp_path / "a.json", table)
    assert_same(read_descriptor_json(tmp_path / "a.json"), table)


def test_a_prediction_joined_to_a_database_is_not_written_half(tmp_path):
    data = seed_json()
    prediction = {key: values for key, values in data.items() if key.startswith("mfcc")}
    both = joined_tables([read_descriptor_json(saved(tmp_path, part)) for part in (data, prediction)])
    assert len(both) == 10
    with pytest.raises(errors.MissingColumnError, match="row 5 without"):
        write_descriptor_json(tmp_path / "both.json", both)
    assert not (tmp_path / "both.json").exists()


def test_seed_fault_the_older_list_was_appended_to_its_file(tmp_path):
    once, twice = (read_descriptor_json(saved(tmp_path, json.dumps(rows_json()) * count, "a.txt")) for count in (1, 2))
    assert_same(twice, once)
    differing = json.dumps(rows_json(3)) + "\n" + json.dumps(rows_json(4))
    with pytest.raises(errors.TableSyntaxError, match=r"several tables.*got 2"):
        read_descriptor_json(saved(tmp_path, differing, "a.txt"))


def test_seed_fault_the_order_of_features_was_the_files(tmp_path):
    """By name, whatever the order in the file: their models sort the names as text, others wrote them as numbers."""
    data = seed_json()
    shuffled = {key: data[key] for key in sorted(data, reverse=True)}
    ordered, reordered = read_descriptor_json(saved(tmp_path, data)), read_descriptor_json(saved(tmp_path, shuffled, "b.json"))
    assert reordered.names != ordered.names
    spec = DescriptorSpec.parse("mfcc")
    assert np.array_equal(reordered.frames_for(spec), ordered.frames_for(spec))
    theirs = reordered.frames_for(DescriptorSpec(SEED_MFCC_ORDER))
    assert theirs[0].tolist() == [float(name[4:]) for name in sorted(key for key in data if key.startswith("mfcc"))]


def test_keys_with_an_underscore_are_metadata_and_kept(tmp_path):
    data = seed_json(3) | {"_label": ["dry", "wet", "dry"], "my_note": [1, None, {"a": [2]}]}
    table = read_descriptor_json(saved(tmp_path, data))
    assert table.metadata == {"_label": ("dry", "wet", "dry"), "my_note": (1, None, {"a": [2]})}
    write_descriptor_json(tmp_path / "again.json", table)
    assert json.loads((tmp_path / "again.json").read_text()) == data


@given(
    st.integers(1, 4).flatmap(
        lambda rows: st.tuples(
            st.lists(
                st.lists(st.floats(-1e9, 1e9) | st.floats(width=32, min_value=-1e9, max_value=1e9), min_size=7, max_size=7),
                min_size=rows,
                max_size=rows,
            ),
            st.text(min_size=1, max_size=20),
            st.integers(1, 100_000),
        )
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_round_trip_is_exact(tmp_path, given_):
    rows, name, hop = given_
    names = (*CLASSIC, "onset", "delta_delta7")
    positions = np.arange(len(rows), dtype=np.int64) * hop
    table = DescriptorTable(names, np.array(rows), (name,) * len(rows), positions, hop if len(rows) > 1 else None)
    write_descriptor_json(tmp_path / "a.json", table, replace=True)
    assert_same(read_descriptor_json(tmp_path / "a.json"), table)


def test_the_bytes_are_those_of_the_seeds_writer(tmp_path):
    data = seed_json() | {"_id": ['/sounds/"é\u2028.wav'] * 5}
    assert write_descriptor_json(tmp_path / "out" / "a.json", read_descriptor_json(saved(tmp_path, data)))
    assert (tmp_path / "out" / "a.json").read_text() == json.dumps(data, indent=2)


def test_a_description_round_trips_bit_by_bit(tmp_path):
    spec = DescriptorSpec.parse("mfcc,loudness,onset", hop_frames=2048)
    sound = 0.1 * np.random.default_rng(0).standard_normal(30_000).astype(np.float32)
    described = describe(sound, spec)
    write_descriptor_json(tmp_path / "a.json", table_of(described, spec, "a.wav"))
    read = read_descriptor_json(tmp_path / "a.json", hop_frames=2048)
    assert np.array_equal(read.frames_for(spec), described.frames)
    assert read.names == spec.names


def without(key):
    return {name: values for name, values in seed_json().items() if name != key}


def with_value(key, index, value):
    data = seed_json()
    data[key][index] = value
    return data


# What is wrong, the error, and what its message must name.
REFUSED = {
    "not json": ("{", errors.TableSyntaxError, "line 1"),
    "empty": ("", errors.TableSyntaxError, "line 1"),
    "cut short": (json.dumps(seed_json())[:-50], errors.TableSyntaxError, "column"),
    "NaN": ('{"mfcc0": [NaN]}', errors.TableSyntaxError, "got NaN; allowed: finite numbers. Its sound or its writer"),
    "-Infinity": ('{"mfcc0": [-Infinity]}', errors.TableSyntaxError, "-Infinity"),
    "deep": ("[" * 200_000, errors.TableSyntaxError, "deep"),
    "endless number": ('{"mfcc0": [' + "9" * 5000 + "]}", errors.TableSyntaxError, "digits"),
    "a key twice": ('{"mfcc0": [1], "mfcc0": [2]}', errors.DuplicateColumnError, "mfcc0"),
    "a key twice in a row": ('[{"0": {"cent": "1", "cent": "2"}}]', errors.DuplicateColumnError, "cent"),
    "a number": ("3", errors.TableLayoutError, "3"),
    "null": ("null", errors.TableLayoutError, "null"),
    "no columns": ({}, errors.TableLayoutError, "empty object"),
    "an empty list": ([], errors.TableLayoutError, "empty list"),
    "no rows": ({"mfcc0": []}, errors.TableLayoutError, "empty columns"),
    "a query result": ({"_id": ["a"], "_sample": [0]}, errors.TableLayoutError, "query result"),
    "a column that is no list": ({"mfcc0": 3}, errors.TableLayoutError, "mfcc0"),
    "metadata that is no list": (seed_json() | {"_version": 3}, errors.TableLayoutError, "_version"),
    "an unknown column": (seed_json() | {"chroma": [0.0] * 5}, errors.UnknownColumnError, "chroma"),
    "a fortieth": (seed_json() | {"mfcc39": [0.0] * 5}, errors.UnknownColumnError, "mfcc39"),
    "our name": (seed_json() | {"delta_delta0": [0.0] * 5}, errors.UnknownColumnError, "mfcc26"),
    "our other name": (seed_json() | {"delta1": [0.0] * 5}, errors.UnknownColumnError, "mfcc14"),
    "no _sample": (without("_sample"), errors.MissingColumnError, "_sample"),
    "no _id": (without("_id"), errors.MissingColumnError, "_id"),
    "ragged": (seed_json() | {"mfcc7": [0.0] * 4}, errors.RaggedColumnsError, "4 in 'mfcc7'"),
    "ragged ids": (seed_json() | {"_id": ["a"]}, errors.RaggedColumnsError, "_id"),
    "text for a number": (with_value("mfcc7", 3, "1.0"), errors.TableValueError, r"mfcc7\[3\]"),
    "null for a number": (with_value("mfcc7", 4, None), errors.TableValueError, r"mfcc7\[4\]"),
    "true for a number": (with_value("mfcc7", 0, True), errors.TableValueError, r"mfcc7\[0\]"),
    "a list for a number": (with_value("mfcc7", 0, [1.0]), errors.TableValueError, r"mfcc7\[0\]"),
    "huge": (with_value("mfcc38", 1, 1e300), errors.TableValueError, r"mfcc38\[1\]"),
    "huge whole": (with_value("mfcc38", 1, 10**400), errors.TableValueError, r"mfcc38\[1\]"),
    "infinite by size": (json.dumps(seed_json()).replace("38.0", "1e999"), errors.TableValueError, r"mfcc38\[0\]"),
    "a number for a name": (with_value("_id", 2, 7), errors.TableValueError, r"_id\[2\]"),
    "a broken sample": (with_value("_sample", 2, 2048.0), errors.TableValueError, r"_sample\[2\]"),
    "a negative sample": (with_value("_sample", 0, -1024), errors.TableValueError, r"_sample\[0\]"),
    "a huge sample": (with_value("_sample", 0, 10**30), errors.TableValueError, r"_sample\[0\]"),
    "uneven": (with_value("_sample", 2, 2000), errors.HopError, "rows 1 and 2"),
    "backwards": (seed_json() | {"_sample": [4096, 3072, 2048, 1024, 0]}, errors.HopError, "time order"),
    "a moment twice": (with_value("_sample", 3, 1024), errors.DescribedTwiceError, "sample 1024"),
    "found twice": ({key: values * 2 for key, values in seed_json().items()}, errors.DescribedTwiceError, "row 5"),
    "a row of no row": ([{"0": {}, "1": {}}], errors.TableLayoutError, r"\[0\]"),
    "a row of text": (["0"], errors.TableLayoutError, r"\[0\]"),
    "a row without value": ([*rows_json()[:2], {"30800": None}], errors.TableLayoutError, r"\[2\]"),
    "a row at no sample": ([{"first": {}}], errors.TableValueError, "first"),
    "a row at a negative sample": ([{"-5": {}}], errors.TableValueError, "-5"),
    "a row of other columns": ([{"0": {"mfcc0": "1"}}], errors.UnknownColumnError, "mfcc0"),
    "a row that lacks one": ([{"0": {name: "1" for name in CLASSIC[:4]}}], errors.MissingColumnError, "f0"),
    "rows unevenly spaced": ([*rows_json(3), {"99999": rows_json()[0]["0"]}], errors.HopError, "rows 2 and 3"),
    **{
        f"a row with {value!r}": ([{"0": dict.fromkeys(CLASSIC, value)}], errors.TableValueError, r"\[0\]\.cent")
        for value in ("nan", "inf", "1e300", "", "loud", "1_000", None, True, ["1"], "9" * 100)
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_named_and_the_file_left_as_it_is(tmp_path, case):
    data, error, named = REFUSED[case]
    path = saved(tmp_path, data)
    before = path.read_bytes()
    with pytest.raises(error, match=named) as caught:
        read_descriptor_json(path)
    assert type(caught.value) is error
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 2
    assert path.read_bytes() == before


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"mfcc0": [1], "_\xff": [1]}')
    with pytest.raises(errors.TableSyntaxError, match="byte 17"):
        read_descriptor_json(tmp_path / "a.json")


def test_what_cannot_be_opened_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent.json"):
        with pytest.raises(errors.UnreadableTableError, match="cannot be read"):
            read_descriptor_json(path)


def test_what_is_too_large_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = saved(tmp_path, seed_json())
    monkeypatch.setattr(descriptor_json_file, "GREATEST_BYTES", path.stat().st_size - 1)
    with pytest.raises(errors.OversizeTableError, match="bytes"):
        read_descriptor_json(path)


@given(st.text(max_size=60) | st.binary(max_size=60))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_whatever_raises_anything_else(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    with pytest.raises(errors.DescriptorFileError):
        read_descriptor_json(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["1.5", "cent", "", "0"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["0", "15400", "_id", "_sample", *OURS]), inner, max_size=6)
    ),
)


@given(JSON)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_json_of_any_shape_is_a_table_or_a_named_error(tmp_path, data):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(data).replace("Infinity", "1e999"))
    try:
        table = read_descriptor_json(path)
    except errors.DescriptorFileError:
        return
    assert len(table) > 0
    assert np.isfinite(table.frames).all()


def test_seed_fault_a_changed_hop_was_not_noticed(tmp_path):
    path = saved(tmp_path, seed_json(hop=512))
    assert read_descriptor_json(path).hop_frames == 512
    with pytest.raises(errors.HopError, match="got 512; allowed: 1024"):
        read_descriptor_json(path, hop_frames=1024)
    with pytest.raises(errors.HopError, match="got 512; allowed: 1024"):
        read_descriptor_json(path).frames_for(DescriptorSpec.parse("mfcc"))
    one = read_descriptor_json(saved(tmp_path, seed_json(rows=1)), hop_frames=256)
    assert one.hop_frames is None


def test_seed_fault_a_changed_sample_rate_was_not_noticed():
    spec = DescriptorSpec.parse("mfcc", sample_rate_hz=22_050)
    table = table_of(describe(np.zeros(5000, np.float32), spec), spec, "a.wav")
    with pytest.raises(errors.RateError, match="22050 Hz; allowed: 44100 Hz"):
        table.frames_for(DescriptorSpec.parse("mfcc"))
    other = DescriptorSpec.parse("mfcc")
    with pytest.raises(errors.RateError, match="22050 Hz and 44100 Hz"):
        joined_tables([table, table_of(describe(np.zeros(5000, np.float32), other), other, "b.wav")])


def test_a_column_that_is_asked_for_and_missing_is_named(tmp_path):
    table = read_descriptor_json(saved(tmp_path, without("mfcc26")))
    with pytest.raises(errors.MissingColumnError, match="delta_delta0"):
        table.frames_for(DescriptorSpec.parse("mfcc"))
    assert table.frames_for(DescriptorSpec.parse("delta_delta1,mfcc0"))[0].tolist() == [27.0, 0.0]


def test_tables_that_do_not_fit_are_not_joined(tmp_path):
    one = read_descriptor_json(saved(tmp_path, seed_json(), "a.json"))
    for data, error, named in (
        (classic_json(), errors.MissingColumnError, "cent|delta|mfcc"),
        (seed_json(hop=512), errors.HopError, "1024 and 512"),
        (seed_json(start=1.0), errors.DescribedTwiceError, "a.wav at sample 0"),
    ):
        with pytest.raises(error, match=named):
            joined_tables([one, read_descriptor_json(saved(tmp_path, data, "b.json"))])
    assert_same(joined_tables([one, one]), one)


def test_seed_fault_each_json_was_found_twice(tmp_path):
    """The original and its copy under processed_descriptors were both counted, so some sounds weighed double."""
    (tmp_path / "processed_descriptors").mkdir()
    saved(tmp_path, seed_json())
    saved(tmp_path, seed_json(), "processed_descriptors/a.json")
    saved(tmp_path, json.dumps(seed_json(), indent=2), "processed_descriptors/again.json")
    saved(tmp_path, seed_json(3, "/sounds/b.wav"), "b.json")
    table, skipped = read_descriptor_folder(tmp_path)
    assert (len(table), skipped) == (8, ())
    assert table.sounds == ("/sounds/a.wav", "/sounds/b.wav")


def test_a_copy_of_the_older_list_counts_once_too(tmp_path):
    saved(tmp_path, rows_json(), "a.txt")
    saved(tmp_path, rows_json(), "copy of a.txt")
    assert len(read_descriptor_folder(tmp_path)[0]) == 4


def test_a_folder_skips_what_is_no_table_and_says_why(tmp_path):
    saved(tmp_path, seed_json())
    saved(tmp_path, "Read me", "README.txt")
    saved(tmp_path, "{", ".hidden.json")
    saved(tmp_path, "{", "model.bin")
    table, skipped = read_descriptor_folder(tmp_path)
    assert len(table) == 5
    assert [skip.path.name for skip in skipped] == ["README.txt"]
    assert isinstance(skipped[0].reason, errors.TableSyntaxError)


def test_a_folder_without_descriptors_is_refused(tmp_path):
    with pytest.raises(MissingFolderError):
        read_descriptor_folder(tmp_path / "absent")
    saved(tmp_path, "{", "a.json")
    with pytest.raises(EmptyFolderError, match="not JSON"):
        read_descriptor_folder(tmp_path)


def test_seed_fault_sounds_of_the_same_name_wrote_the_same_file():
    sounds = [Path(name) for name in ("loud/a.wav", "soft/a.wav", "a.wav", "pair/a.wav", "pair/A.flac", "pair/b.wav")]
    places = json_places(sounds)
    assert len({str(place).casefold() for place in places.values()}) == len(sounds)
    assert places[Path("loud/a.wav")] == Path("loud/a.json")
    assert places[Path("pair/A.flac")] == Path("pair/A.flac.json")
    assert places[Path("pair/b.wav")] == Path("pair/b.wav.json")


def test_a_file_is_replaced_only_if_asked_for(tmp_path):
    path = saved(tmp_path, "precious")
    table = read_descriptor_json(saved(tmp_path, seed_json(), "b.json"))
    with pytest.raises(OutputExistsError, match="says something else"):
        write_descriptor_json(path, table)
    assert path.read_text() == "precious"
    assert write_descriptor_json(path, table, replace=True)
    assert not write_descriptor_json(path, table)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    table = read_descriptor_json(saved(tmp_path, seed_json()))
    with pytest.raises(OutputFailedError):
        write_descriptor_json(tmp_path / "a.json" / "b.json", table)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises((OutputFailedError, OutputExistsError)):
        write_descriptor_json(folder, table, replace=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.json", "folder"]


def test_query_results_round_trip(tmp_path):
    ids, positions = ("/a.wav", "/b.wav", "/a.wav"), [1024, 0, 7]
    assert write_query_json(tmp_path / "q.json", ids, positions)
    assert (tmp_path / "q.json").read_text() == json.dumps({"_id": list(ids), "_sample": positions}, indent=2)
    found_ids, found = read_query_json(tmp_path / "q.json")
    assert found_ids == ids
    assert found.tolist() == positions
    assert write_query_json(tmp_path / "none.json", (), ())
    assert read_query_json(tmp_path / "none.json")[0] == ()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ([], errors.TableLayoutError),
        ({"_id": ["a"]}, errors.MissingColumnError),
        ({"_id": ["a"], "_sample": []}, errors.RaggedColumnsError),
        ({"_id": [3], "_sample": [0]}, errors.TableValueError),
        ({"_id": ["a"], "_sample": [math.pi]}, errors.TableValueError),
        ("{", errors.TableSyntaxError),
    ],
)
def test_a_query_result_that_is_none_is_refused(tmp_path, data, error):
    with pytest.raises(error, match=r"q\.json"):
        read_query_json(saved(tmp_path, data, "q.json"))


def test_a_spec_that_cannot_be_is_an_error_of_the_studio():
    assert spec_of("mfcc,onset", hop_frames=512).hop_frames == 512
    for text, hop, named in (("chroma", 1024, "chroma"), ("mfcc", 1000, "hop_frames"), ("f0,f0", 1024, "f0")):
        with pytest.raises(errors.DescriptorSpecError, match=named):
            spec_of(text, hop_frames=hop)
