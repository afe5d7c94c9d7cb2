from pathlib import PurePosixPath

import pytest

from training.data_errors import NameParametersError
from training.name_parameters import name_parameters


@pytest.mark.parametrize(
    ("name", "class_name", "values"),
    [
        ("DSWind--Gust-01.00--c-02--x-88.dac", "DSWind", {"Gust": 1.0}),
        ("pistons--rpm-00.25.wav", "pistons", {"rpm": 0.25}),
        ("Bees--swarm size-12.5--heat-0.5--n-3.flac", "Bees", {"swarm size": 12.5, "heat": 0.5}),
        ("sol --p-00.10--v-01.dac", "sol", {"p": 0.1}),
        ("Foo--c-02.wav", "Foo", {}),
        ("a/b/Rain--d-00.75.wav", "Rain", {"d": 0.75}),
    ],
)
def test_the_convention(name, class_name, values):
    assert name_parameters(PurePosixPath(name)) == (class_name, values)


@pytest.mark.parametrize(
    "name",
    [
        "wind_0001.flac",
        "My song--live-take.wav",
        "Wind--gust--0.5.wav",
        "Wind--gust-0.5.5.wav",
        "Wind--gust--0.5-.wav",
        "Wind-gust-0.5.wav",
        "Wind--gust-0.5--.wav",
        "Wind--gust-nan.wav",
        "Wind--gust-٠.٥.wav",
        "--gust-0.5.wav",
        " --gust-0.5.wav",
        "Wi\x1bnd--gust-0.5.wav",
    ],
)
def test_other_names_say_nothing(name):
    assert name_parameters(PurePosixPath(name)) is None


def test_a_parameter_said_twice_is_refused():
    with pytest.raises(NameParametersError, match=r"Wind--g-0\.5--g-0\.7\.wav.*'g' twice; got 0\.5 and 0\.7"):
        name_parameters(PurePosixPath("Wind--g-0.5--g-0.7.wav"))


def test_a_long_name_is_read_in_no_time():
    assert name_parameters(PurePosixPath("a" + "--b-1" * 20_000 + "x")) is None
