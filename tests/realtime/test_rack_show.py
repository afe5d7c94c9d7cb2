"""The parts of a rack that are not decks."""

from pathlib import Path

import pytest

from realtime.errors import RackError, UsageError
from realtime.midi.mapping_file import ready_mapping, to_table
from realtime.rack import read_rack
from realtime.rack_show import read_show
from realtime.show_settings import MidiSettings, OscSettings, RecordSettings, ShowSettings, SoundSettings, TransportSettings

WHOLE = """
[sound]
device = "USB Audio (ALSA)"
sample_rate = 48000
block_frames = 16
lead_frames = 2048
[input]
device = "default"
[osc]
on = false
host = "192.168.0.7"
port = 0
query_port = 65535
[midi]
on = true
backend = "jack"
ports = ["nano", "MPK"]
takeover = "scale"
[[midi.binding]]
source = "cc 7"
address = "/deck/1/gain"
[record]
folder = "takes"
stems = true
[transport]
tempo = 96
quantum = 0
source = "midi"
run = true
[[scene]]
name = "verse"
master = { gain = -3 }
[[scene.deck]]
patch = "field"
seed = 4
stage = { pan = -1 }
controls = { density = 3 }
[[deck]]
patch = "field"
"""


def rack(folder: Path, text: str) -> Path:
    path = folder / "rack.toml"
    path.write_text(text)
    return path


def test_everything_that_can_stand_there(tmp_path: Path) -> None:
    show = read_rack(rack(tmp_path, WHOLE)).show
    assert show.sound == SoundSettings("USB Audio (ALSA)", 48_000, 16, 2_048, "default")
    assert show.osc == OscSettings(False, "192.168.0.7", 0, 65535)
    assert (show.midi.on, show.midi.backend, show.midi.ports) == (True, "jack", ("nano", "MPK"))
    assert show.midi.mapping is not None
    assert (show.midi.mapping.takeover, [b.address for b in show.midi.mapping.bindings]) == ("scale", ["/deck/1/gain"])
    assert show.record == RecordSettings(tmp_path / "takes", True)
    assert show.transport == TransportSettings(96.0, 0, "midi", True)
    (scene,) = show.scenes
    assert (scene.name, scene.master, scene.decks[0].controls) == ("verse", {"gain": -3.0}, {"density": 3.0})


def test_nothing_there_is_all_as_it_is_by_itself(tmp_path: Path) -> None:
    assert read_show(tmp_path / "rack.toml", {}) == ShowSettings()
    assert ShowSettings() == ShowSettings(OscSettings(), MidiSettings(), RecordSettings(), TransportSettings(), (), SoundSettings())
    assert ShowSettings().osc.host == "127.0.0.1"


def test_a_mapping_file_is_meant_from_the_folder_of_the_rack(tmp_path: Path) -> None:
    (tmp_path / "knobs.toml").write_text('[[binding]]\nsource = "cc 9"\naddress = "/master/gain"\n')
    mapping = read_show(tmp_path / "rack.toml", {"midi": {"mapping": "knobs.toml"}}).midi.mapping
    assert mapping is not None
    assert mapping.bindings[0].address == "/master/gain"


def test_the_ready_mapping_as_a_table_is_the_ready_mapping(tmp_path: Path) -> None:
    assert read_show(tmp_path / "rack.toml", {"midi": to_table(ready_mapping())}).midi.mapping == ready_mapping()


WRONG = {
    "[sound]\nsample_rate = 7999": "sound: sample_rate; got 7999; allowed: 8000 to 192000",
    "[sound]\nblock_frames = 15": "sound: block_frames; got 15; allowed: 16 to 16384",
    "[sound]\nlead_frames = 0": "sound: lead_frames; got 0; allowed: 1 to",
    "[sound]\ndevice = 3": "sound: unknown key or wrong kind; got device = 3; allowed: device, sample_rate, block_frames, lead_frames",
    '[sound]\ndevice = ""': "sound: device is empty",
    '[sound]\ninput = "USB"': "sound: unknown key or wrong kind",
    "sound = 3": "unknown key or wrong kind; got sound",
    "[osc]\nport = 65536": "osc: port; got 65536; allowed: 0 to 65535",
    "[osc]\nport = -1": "osc: port; got -1",
    "[osc]\nport = 9000.0": "osc: unknown key or wrong kind; got port = 9000.0",
    "[osc]\nport = true": "osc: unknown key or wrong kind",
    "[osc]\non = 1": "osc: unknown key or wrong kind; got on = 1",
    '[osc]\nhost = ""': "osc: host is empty",
    "[osc]\ncolour = 1": "osc: unknown key or wrong kind; got colour = 1; allowed: on, host, port, query_port",
    "osc = 3": "unknown key or wrong kind; got osc",
    '[midi]\nbackend = "carrier pigeon"': "midi: backend; got carrier pigeon; allowed: auto",
    '[midi]\nports = "nano"': "midi: unknown key or wrong kind",
    "[midi]\nports = [1]": "midi: ports",
    '[midi]\nports = [""]': "midi: ports",
    '[midi]\nmapping = "none.toml"': "none.toml",
    '[midi]\nmapping = "a.toml"\ntakeover = "off"': "a mapping file and a mapping",
    '[midi]\ntakeover = "sideways"': "sideways",
    '[record]\nfolder = ""': "record: folder is empty",
    '[record]\nstems = "yes"': "record: unknown key or wrong kind",
    "[transport]\ntempo = nan": "transport: tempo",
    "[transport]\ntempo = inf": "transport: tempo",
    "[transport]\ntempo = 5": "transport: tempo; got 5",
    "[transport]\nquantum = 65": "transport: quantum; got 65; allowed: 0 to 64",
    '[transport]\nsource = "sundial"': "transport: source; got sundial; allowed: internal, midi, link",
    "scene = 3": "unknown key or wrong kind; got scene",
    "[[scene]]": "scene 1: no name",
    '[[scene]]\nname = "a"\n[[scene]]\nname = "a"': "a name twice",
    '[[scene]]\nname = "a"\nmaster = { volume = 1 }': "no such control",
}


@pytest.mark.parametrize("text", sorted(WRONG))
def test_what_is_wrong_is_refused_by_name(text: str, tmp_path: Path) -> None:
    head, _, rest = text.partition("\n")
    path = rack(tmp_path, f'{text}\n[[deck]]\npatch = "field"\n')
    with pytest.raises(UsageError) as caught:
        read_rack(path)
    assert WRONG[text] in str(caught.value), (head, rest)
    assert isinstance(caught.value, RackError) or text.startswith(("[midi]", "[[scene"))
