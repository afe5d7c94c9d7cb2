import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.control.automation_file import MAX_FILE_BYTES, AutomationFile, automation_text, read_automation
from realtime.control.lane import AutomationError, Lane, Point

WHOLE = """
format = 1
unit = "beats"
loop = true
length = 32

[[lane]]
address = "/deck/1/class/bees"
shape = "exponential"
points = [[0, 0.5], [8.0, 1.0, "linear"], [8.0, 0.25, "step"], [16.0, 0.0]]
"""

SEQUENCE = """
format = 1
[[sequence]]
addresses = ["/deck/1/class/rain", "/deck/1/class/wind", "/deck/1/param/strength"]
length = 20.0
times = [0.0, 0.5, 0.5, 1.0]
vectors = [[1.0, 0.0, 0.2], [1.0, 0.0, 0.8], [0.0, 1.0, 0.8], [0.0, 1.0, 0.2]]
"""


def read(tmp_path, text) -> AutomationFile:
    path = tmp_path / "a.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_automation(path)


def test_every_key_is_read(tmp_path):
    file = read(tmp_path, WHOLE)
    assert (file.unit, file.loop, file.length, file.points) == ("beats", True, 32.0, 4)
    assert file.lanes == (
        Lane(
            "/deck/1/class/bees",
            (Point(0.0, 0.5, "exponential"), Point(8.0, 1.0, "linear"), Point(8.0, 0.25, "step"), Point(16.0, 0.0, "exponential")),
        ),
    )


def test_condition_vectors_and_times_are_lanes(tmp_path):
    file = read(tmp_path, SEQUENCE)
    assert file.length == 20.0
    rain, wind, strength = file.lanes
    assert [rain.at(t) for t in (0.0, 9.999, 10.0, 20.0)] == [1.0, 1.0, 0.0, 0.0]
    assert [wind.at(t) for t in (9.999, 10.0)] == [0.0, 1.0]
    assert strength.at(5.0) == pytest.approx(0.5)
    assert strength.at(15.0) == pytest.approx(0.5)


def test_it_ends_at_the_last_point_unless_it_says_more(tmp_path):
    assert read(tmp_path, 'format = 1\n[[lane]]\naddress = "/a"\npoints = [[3.5, 1.0]]').length == 3.5


def test_only_some_lanes_end_where_the_whole_does(tmp_path):
    file = read(tmp_path, SEQUENCE).only(lambda address: address.endswith("strength"))
    assert [lane.address for lane in file.lanes] == ["/deck/1/param/strength"]
    assert file.length == 20.0


def lane_with(points: str, head: str = "", shape: str = "") -> str:
    return f'format = 1\n{head}\n[[lane]]\naddress = "/deck/1/gain"\n{shape}\npoints = {points}\n'


HOSTILE = {
    "empty": ("", "format"),
    "not TOML": ("=", "not TOML"),
    "not UTF-8": (b"format = 1 # \xff", "not TOML"),
    "another format": ("format = 2", "allowed: 1"),
    "no lane": ("format = 1", "lanes"),
    "unknown key": (lane_with("[[0, 1]]", "speed = 2"), "'speed'"),
    "unknown key of a lane": (lane_with("[[0, 1]]", shape="colour = 1"), "'colour'"),
    "unit": (lane_with("[[0, 1]]", 'unit = "bars"'), "seconds, beats"),
    "a loop of nothing": (lane_with("[[0, 1]]", "loop = true"), "loop"),
    "ends before its last point": (lane_with("[[0, 1], [4, 1]]", "length = 3"), "not before the last point"),
    "no points": (lane_with("[]"), "at least one"),
    "points no list": (lane_with("3"), "points"),
    "a point of one": (lane_with("[[0]]"), "point 1"),
    "a point of four": (lane_with('[[0, 1, "step", 2]]'), "point 1"),
    "a point that is a text": (lane_with('[["0", "1"]]'), "a number"),
    "true is no number": (lane_with("[[0, true]]"), "a number"),
    "not finite": (lane_with("[[0, nan]]"), "finite"),
    "infinite time": (lane_with("[[inf, 1]]"), "finite"),
    "a number of too many digits": (lane_with("[[0, 1" + "0" * 400 + "]]"), "number"),
    "a number of far too many digits": (lane_with("[[0, 1" + "0" * 5000 + "]]"), "not TOML"),
    "before the beginning": (lane_with("[[-1, 1]]"), "a time from 0"),
    "after a day": (lane_with("[[90000, 1]]"), "a time from 0"),
    "times fall": (lane_with("[[2, 1], [1, 1]]"), "do not fall"),
    "shape": (lane_with('[[0, 1, "wobbly"]]'), "linear, step, exponential"),
    "exponential through 0": (lane_with('[[0, 0, "exponential"], [1, 1]]'), "neither of them 0"),
    "exponential across 0": (lane_with('[[0, -1, "exponential"], [1, 1]]'), "one sign"),
    "an address twice": (lane_with("[[0, 1]]") + '[[lane]]\naddress = "/deck/1/gain"\npoints = [[0, 1]]', "once"),
    "no address": ("format = 1\n[[lane]]\npoints = [[0, 1]]", "no address"),
    "no slash": ('format = 1\n[[lane]]\naddress = "gain"\npoints = [[0, 1]]', "an address as"),
    "an endless address": (f'format = 1\n[[lane]]\naddress = "/{"a" * 999}"\npoints = [[0, 1]]', "an address as"),
    "a lane that is no table": ("format = 1\nlane = [1]", "a table"),
    "vectors and times differ": (SEQUENCE.replace("times = [0.0, 0.5, 0.5, 1.0]", "times = [0.0, 1.0]"), "4 vectors, 2 times"),
    "a vector too short": (SEQUENCE.replace("[1.0, 0.0, 0.2]", "[1.0]"), "vector 1"),
    "times over 1": (SEQUENCE.replace("0.5, 1.0]\nv", "0.5, 1.5]\nv"), "as shares"),
    "times are texts": (SEQUENCE.replace("times = [0.0", 'times = ["0.0"'), "a number"),
    "vectors are texts": (SEQUENCE.replace("[1.0, 0.0, 0.2]", '"one"'), "vector 1"),
    "sequence without length": (SEQUENCE.replace("length = 20.0", ""), "no length"),
    "an address in lane and sequence": (SEQUENCE + '[[lane]]\naddress = "/deck/1/class/rain"\npoints = [[0, 1]]', "once"),
    "too deep": (lane_with("[" * 5000 + "]" * 5000), ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_wrong_is_named(tmp_path, name):
    text, said = HOSTILE[name]
    with pytest.raises(AutomationError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_missing_folder_and_huge_files(tmp_path):
    with pytest.raises(AutomationError, match="not a file"):
        read_automation(tmp_path / "none.toml")
    with pytest.raises(AutomationError, match="not a file"):
        read_automation(tmp_path)
    huge = tmp_path / "huge.toml"
    with huge.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(AutomationError, match="too big"):
        read_automation(huge)
    with pytest.raises(AutomationError, match="cannot be read"):
        read_automation(tmp_path / ("x" * 5000))


def test_more_points_than_a_file_may_have(tmp_path, monkeypatch):
    monkeypatch.setattr("realtime.control.automation_file.MAX_POINTS", 100)
    points = "[" + "[0,1]," * 101 + "]"
    with pytest.raises(AutomationError, match="100 in all"):
        read(tmp_path, lane_with(points))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.floats(0, 86400), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(("linear", "step"))),
            min_size=1,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_reads_the_same(tmp_path, lanes):
    made = [Lane(f'/x/"{n}\\', tuple(Point(*p) for p in sorted(points, key=lambda p: p[0]))) for n, points in enumerate(lanes)]
    file = AutomationFile(tuple(made), "beats", False, max(lane.end for lane in made))
    assert read(tmp_path, automation_text(file)) == file


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300))
def test_junk_is_refused_and_never_more(tmp_path, junk):
    with pytest.raises(AutomationError):
        read(tmp_path, junk)


_ANYTHING = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.sampled_from(("", "/deck/1/gain", "step", "beats", "x"))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(("format", "unit", "loop", "length", "lane", "address", "points", "times", "vectors")), inner, max_size=4
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(st.sampled_from(("unit", "loop", "length", "lane", "sequence")), _ANYTHING, min_size=1),
    st.lists(
        st.dictionaries(st.sampled_from(("address", "addresses", "shape", "points", "length", "times", "vectors")), _ANYTHING), max_size=3
    ),
)
def test_keys_with_anything_in_them_are_read_or_refused(tmp_path, head, lanes):
    for raw in ({"format": 1, **head}, {"format": 1, "lane": lanes}, {"format": 1, "sequence": lanes}):
        try:
            file = read(tmp_path, tomli_w.dumps(raw))
        except AutomationError:
            continue
        assert file.lanes
