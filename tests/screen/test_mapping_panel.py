from dataclasses import replace
from pathlib import Path

from realtime.attach.view import MidiView
from realtime.screen.link import Told
from realtime.screen.mapping import rows
from realtime.screen.prompt import Confirm, Prompt
from tests.screen.desk import at_panel, played
from tests.screen.views import stage_view

VIEW = stage_view()
RAIN, GAIN, PAN = "/deck/1/class/rain", "/deck/1/gain", "/deck/1/pan"


def with_midi(**changes):
    return replace(VIEW, midi=replace(VIEW.midi, **changes))


def select(desk, path):
    desk.app.session.selected[1] = path


@played
async def test_learn_is_for_the_selected_row_and_leaves_it_again():
    async with at_panel("mapping", VIEW) as desk:
        assert await desk.press("home", "enter") == [("/midi/learn", (RAIN,))]
        assert await desk.press("down", "l") == [("/midi/learn", (GAIN,))]
        await desk.show(with_midi(learning=GAIN))
        assert "turn a knob now: /deck/1/gain" in desk.rows()[1]
        assert await desk.press("enter") == [("/midi/learn/cancel", ())]
        await desk.show(with_midi(learning=RAIN))
        assert await desk.press("enter") == [("/midi/learn", (GAIN,))], "another row is another wish"


@played
async def test_the_selected_control_can_be_learned_before_anything_is_mapped_to_it():
    async with at_panel("mapping", VIEW) as desk:
        select(desk, PAN)
        await desk.press("home")
        assert "—" in desk.rows()[4]
        assert "not mapped" in desk.rows()[4]
        assert await desk.press("x") == []
        assert "nothing is mapped there" in desk.said
        assert await desk.press("enter") == [("/midi/learn", (PAN,))]


@played
async def test_it_opens_at_the_selected_control():
    async with at_panel("takes", VIEW) as desk:
        select(desk, GAIN)
        desk.app.open_panel("mapping")
        await desk.settle()
        assert await desk.press("enter") == [("/midi/learn", (GAIN,))]


@played
async def test_learn_with_a_range():
    async with at_panel("mapping", VIEW) as desk:
        await desk.press("home", "i")
        assert isinstance(desk.app.screen, Prompt)
        assert await desk.press("enter") == [("/midi/learn", (RAIN, 0.0, 1.0))], "offers the whole range"
        await desk.press("i")
        assert await desk.type("0,8 0.2") == [("/midi/learn", (RAIN, 0.8, 0.2))]
        await desk.press("i")
        for wrong in ("loud", "1", "nan 1"):
            assert await desk.type(wrong) == []
            assert f"got {wrong!r}; allowed: two numbers" in desk.said
        assert isinstance(desk.app.screen, Prompt), "asks again"
        await desk.press("escape")
        await desk.show(with_midi(learning=RAIN))
        await desk.press("i")
        assert await desk.type("0 0.5") == [("/midi/learn", (RAIN, 0.0, 0.5))], "a range given while it listens is another wish"


@played
async def test_what_was_learned_and_what_was_taken_away_for_it_is_said():
    async with at_panel("mapping", VIEW) as desk:
        heard = []
        select(desk, RAIN)
        desk.link.ask = lambda path, *arguments, then=None: heard.append(then)
        await desk.press("home", "enter")
        heard[0](Told("/midi/learn", "done", (RAIN,)))
        heard[0](Told("/midi/learn", "answer", (RAIN, "cc 71, channel 1, nanoKONTROL2", "follow", "cc 71 from /deck/1/gain")))
        await desk.settle()
        desk.app.look()
        await desk.settle()
        assert desk.rows()[1:3] == [" cc 71 now moves /deck/1/class/rain", " taken away for it: cc 71 from /deck/1/gain"]
        desk.app.perform("control.learn")
        heard[1](Told("/midi/learn", "answer", (RAIN, "cc 9", "follow", "cc 9 from /deck/1/pan")))
        await desk.settle()
        assert "cc 9 drives /deck/1/class/rain; taken away: cc 9 from /deck/1/pan" in desk.said, "said at the decks too"


@played
async def test_unlearn():
    async with at_panel("mapping", VIEW) as desk:
        assert await desk.press("home", "down", "x") == [("/midi/unlearn", (GAIN,))]
        assert await desk.press("up", "delete") == [("/midi/unlearn", (RAIN,))]


@played
async def test_save_and_load_send_whole_paths_and_offer_the_last_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with at_panel("mapping", VIEW) as desk:
        await desk.press("n")
        assert await desk.press("enter") == [("/midi/save", (str(tmp_path / "mapping.toml"),))]
        assert "mapping saved" in desk.said
        (tmp_path / "mine.toml").touch()
        await desk.press("n")
        assert await desk.type("mine.toml") == []
        assert isinstance(desk.app.screen, Confirm), "nothing is written over unasked"
        assert await desk.press("y") == [("/midi/save", (str(tmp_path / "mine.toml"),))]
        await desk.press("o")
        assert await desk.press("enter") == [("/midi/load", (str(tmp_path / "mine.toml"),))]
        await desk.press("o")
        assert await desk.type("eight-knobs-eight-pads") == [("/midi/load", ("eight-knobs-eight-pads",))], "a name of those that ship"
        await desk.press("o")
        assert await desk.type("~/knobs.toml") == [("/midi/load", (str(Path.home() / "knobs.toml"),))]


@played
async def test_takeover_goes_round_and_can_be_taken_back():
    async with at_panel("mapping", VIEW) as desk:
        assert "takeover pickup" in desk.rows()[0]
        assert await desk.press("v") == [("/midi/takeover", ("scale",))]
        assert await desk.press("v", "v") == [("/midi/takeover", ("off",)), ("/midi/takeover", ("pickup",))]
        assert await desk.click("takeover") == [("/midi/takeover", ("scale",))]
        assert "takeover scale" in desk.rows()[0]
        assert await desk.press("u") == [("/midi/takeover", ("pickup",))]


@played
async def test_a_click_selects_and_another_one_learns():
    async with at_panel("mapping", VIEW) as desk:
        await desk.press("home")
        assert await desk.click("cc 71") == []
        assert await desk.click("cc 71", button=3) == []
        assert await desk.click("cc 71") == [("/midi/learn", (GAIN,))]
        assert await desk.click("unlearn") == [("/midi/unlearn", (GAIN,))]
        select(desk, RAIN)
        await desk.show(replace(VIEW, clock_frames=1))
        assert await desk.press("enter") == [("/midi/learn", (RAIN,))], "the row of a control that is selected at the decks"


@played
async def test_without_a_controller_it_says_so():
    async with at_panel("mapping", replace(VIEW, midi=MidiView())) as desk:
        assert "no controller is connected" in desk.rows()[0]
        desk.app.session.deck = 3
        desk.app.session.selected[3] = ""
        await desk.show(replace(VIEW, midi=MidiView(), addresses={}))
        assert await desk.press("enter") == []
        assert "nothing is mapped there" in desk.said


def test_rows_tell_pick_up_sleep_and_conflicts():
    midi = MidiView(
        bindings=(
            ("cc 70", RAIN, RAIN),
            ("cc 71", GAIN, GAIN),
            ("cc 71", PAN, PAN),
            ("cc 72", "/deck/1/class/@9", "asleep: no patch that is loaded has it"),
            ("note 36", "/deck/1/class/@1", "/deck/1/class/applause"),
            ("cc 73", "/master/gain", "/master/gain"),
            ("cc 74", "/master/gain", "/master/gain"),
        ),
        waiting=(("cc 70, channel 1, nano", RAIN, -0.2), ("note 36, channel 1, nano", "/deck/1/class/applause", 0.456)),
        ways=("follow 0 to 1", "follow -60 to 12 dB", "toggle -1 to 1"),
    )
    found = rows(midi, RAIN)
    states = ["‹ turn it 20 %", "≡ it moves 2", "≡ it moves 2", f"· {midi.bindings[3][2]}", "turn it 46 % ›", "≡ 2 move it", "≡ 2 move it"]
    assert [row.state for row in found] == states
    assert [row.way for row in found][:4] == ["0 to 1", "-60 to 12 dB", "toggle -1 to 1", ""]
    assert [row.state for row in rows(replace(midi, learning="/deck/1/class/applause"), RAIN)][4] == "● turn a knob"
    assert rows(midi, "/deck/1/class/applause") == found, "what is mapped by its place is mapped"
    assert rows(midi, "/deck/2/gain")[0].state == "not mapped"
    assert rows(replace(midi, learning="/deck/2/gain"), "/deck/2/gain")[0].state == "● turn a knob"


@played
async def test_every_row_of_a_long_mapping_can_be_reached():
    bindings = tuple((f"cc {n}", f"/deck/1/param/@{n}", f"/deck/1/param/control{n}") for n in range(1, 64))
    for size in ((80, 24), (120, 40)):
        async with at_panel("mapping", with_midi(bindings=bindings, waiting=(), ways=("follow 0 to 1",) * 63), size) as desk:
            assert await desk.press("end", "enter") == [("/midi/learn", ("/deck/1/param/@63",))]
            assert "cc 63" in "\n".join(desk.rows())
            assert "control" in desk.rows()[3], "the titles stay"
            assert await desk.press("pageup", "enter") == [("/midi/learn", ("/deck/1/param/@53",))]
            assert "/deck/1/param/@53" in "\n".join(desk.rows()), "an address is shown whole where there is room"
