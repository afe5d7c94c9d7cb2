"""The command line as a table, and the set-up it describes. It plays nothing."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from realtime.errors import OptionError, UnknownControlError

if TYPE_CHECKING:
    from patches.manifest import Manifest
    from realtime.setup import Setting, Setup
    from realtime.show_settings import ShowSettings

DEFAULT_PATCH = "textures"
COMMANDS = ("attach", "doctor", "machine", "devices")
"""What may stand in place of patches."""
MAX_PORT = 65_535
LIVE_ONLY = (
    "--osc-host", "--osc-port", "--oscquery-port", "--no-osc", "--midi-port", "--midi-backend", "--mapping", "--no-midi",
    "--record", "--record-folder", "--stems",
)  # fmt: skip
"""Options about who is heard and what is recorded, which a render has no use for."""

_EPILOG = """\
commands instead of a patch:
  attach    a screen for the stage that plays, on this terminal; closing it leaves the sound on
  doctor    devices, PortAudio, priorities, providers, step time of each patch, what to install
  machine   the same without the patches: it measures nothing, also while a stage plays
  devices   the output and input devices

decks are numbered from 1 in the order of the patches; --set reaches the controls of a patch (python -m patches show SLUG) and of
every deck: gain (dB), pan, mute, solo, freeze; --set master.gain=-6 the master. --corpus, --label and --prime are for patches of kind
mosaic; with more than one deck they begin with its number: --corpus 2:corpora/glass.

  python -m realtime field --corpus corpora/glass --label struck,bowed      units of one corpus, of two labels
  python -m realtime field --corpus @patch,corpora/glass                    the patch's own corpus and another
  python -m realtime field --input default --set 1.follow=1                 follows what it hears
  python -m realtime field --render out.wav --prime seed.wav --hops 40      hears a seed, predicts 40 hops, plays them
  python -m realtime field --render takes --prime seeds --seconds 20        the same for every seed in a folder
  python -m realtime textures --automation storm.toml                       moves controls as a file says
  python -m realtime --performance take.performance.json --render again.wav what was played, once more
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m realtime",
        description="Play patches, live or to a file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("patches", nargs="*", metavar="SLUG", help=f"patch (slug or folder) for each deck; none: {DEFAULT_PATCH}")
    made.add_argument("--rack", type=Path, metavar="FILE", help="decks, patches and values from a TOML file")
    made.add_argument("--resume", action="store_true", help="the stage as it was when it last ended, or was cut off")
    made.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="DECK.CONTROL=VALUE",
        help="set a control, also by its address: /deck/1/pan=-1; may be given again",
    )
    made.add_argument("--seed", type=int, metavar="N", help="repeat a performance; default: another one each time, and it is shown")
    made.add_argument("--headless", action="store_true", help="neither screen nor status line; messages only")
    made.add_argument("--no-screen", action="store_true", help="a status line instead of the screen")
    made.add_argument("--sample-rate", type=int, metavar="HZ", help="the device's rate (patches are resampled to it)")
    made.add_argument("--block-frames", type=int, metavar="N", help="frames the device asks for at once")
    made.add_argument("--seconds", type=float, metavar="S", help="how long; without --render, play this long and end")

    corpus = made.add_argument_group("corpora and primes")
    corpus.add_argument(
        "--corpus",
        action="append",
        default=[],
        metavar="[N:]DIR[,DIR...]",
        help="folders of `python -m training corpus` to play from; @patch is the patch's own; may be given again",
    )
    corpus.add_argument("--label", action="append", default=[], metavar="[N:]NAME[,NAME...]", help="only units of these labels")
    corpus.add_argument(
        "--prime", action="append", default=[], metavar="[N:]FILE|DIR", help="a sound the sequencer hears before it predicts"
    )

    live = made.add_argument_group("live")
    live.add_argument("--device", metavar="NAME", help="output device by name or number, or null")
    live.add_argument("--input", metavar="NAME", help="listen to an input device by name or number, or default")
    live.add_argument("--automation", type=Path, metavar="FILE", help="play a breakpoint file from the start; in a render as well")
    live.add_argument("--lead-frames", type=int, metavar="N", help="frames a deck keeps ready; default: from its measured step time")

    reach = made.add_argument_group("control and recording")
    reach.add_argument("--osc-host", metavar="HOST", help="where OSC and OSCQuery listen; default: 127.0.0.1, this computer only")
    reach.add_argument("--osc-port", type=int, metavar="N", help="UDP port of OSC; default: 9000, 0 lets the system choose")
    reach.add_argument("--oscquery-port", type=int, metavar="N", help="TCP port of OSCQuery; default: 9001")
    reach.add_argument("--no-osc", action="store_true", help="no OSC and no OSCQuery")
    reach.add_argument(
        "--midi-port", action="append", default=[], metavar="NAME", help="controllers to hear, by name or part of it; default: all"
    )
    reach.add_argument("--midi-backend", metavar="NAME", help="alsa, jack, coremidi or winmm; default: what there is")
    reach.add_argument("--mapping", metavar="FILE", help="what controllers do; default: eight knobs and eight pads (docs/midi.md)")
    reach.add_argument("--no-midi", action="store_true", help="no MIDI")
    reach.add_argument("--record", action="store_true", help="record from the start")
    reach.add_argument("--record-folder", type=Path, metavar="DIR", help="where takes go; default: Starling in your music folder")
    reach.add_argument("--stems", action="store_true", help="record every deck for itself as well")

    render = made.add_argument_group("render")
    render.add_argument(
        "--render", type=Path, metavar="FILE|DIR", help="write a WAV file instead of playing; a folder of them for --prime DIR"
    )
    render.add_argument("--performance", type=Path, metavar="FILE", help="render again what was played live, from the file beside a take")
    render.add_argument("--hops", type=int, metavar="N", help="how long, in steps of the patch, instead of --seconds")
    render.add_argument("--input-file", type=Path, metavar="FILE", help="a sound file that is heard as if it were the live input")
    render.add_argument("--units", action="store_true", help="write which units sounded, as JSON and as labels; always with --prime")
    render.add_argument("--replace", action="store_true", help="with --prime DIR: replace files of an earlier render")
    return made


def read_setup(arguments: argparse.Namespace) -> "Setup":
    """The set-up a command line describes.

    Raises
    ------
    UsageError — patches beside a rack, too many of them, an option out of range or not of its form.
    """
    from realtime.instance import stage_folder
    from realtime.kernels.layout import MAX_DECKS, MAX_LEAD_FRAMES
    from realtime.last_rack import find_last
    from realtime.rack import read_rack
    from realtime.setup import DeckSetup, Setup, apply_corpora, apply_settings

    if arguments.rack is not None and arguments.patches:
        raise OptionError("--rack names the patches itself", got=" ".join(arguments.patches), hint="give patches or --rack, not both")
    if arguments.resume and (arguments.patches or arguments.rack is not None):
        got = " ".join(arguments.patches or ("--rack", str(arguments.rack)))
        raise OptionError("--resume brings back what played", got=got, hint="leave out the patches and --rack")
    if arguments.lead_frames is not None and not 1 <= arguments.lead_frames <= MAX_LEAD_FRAMES:
        raise OptionError("--lead-frames", got=str(arguments.lead_frames), allowed=f"1 to {MAX_LEAD_FRAMES}")
    if arguments.seed is not None and not 0 <= arguments.seed < 2**63:
        raise OptionError("--seed", got=str(arguments.seed), allowed="0 to 2^63-1")
    rack = arguments.rack
    if arguments.resume:
        folder = stage_folder()
        rack = find_last(folder)
        if rack is None:
            raise OptionError("--resume: no stage has played here yet", got=f"none in {folder}", hint="name patches, or --rack FILE")
    if rack is not None:
        setup = read_rack(rack)
        if arguments.resume and arguments.lead_frames is not None:
            # Every deck of a stage that was started with a lead names it.
            setup = replace(setup, decks=tuple(replace(deck, lead_frames=None) for deck in setup.decks))
    else:
        patches = arguments.patches or [DEFAULT_PATCH]
        if len(patches) > MAX_DECKS:
            raise OptionError("number of patches", got=str(len(patches)), allowed=f"up to {MAX_DECKS}")
        setup = Setup(tuple(DeckSetup(patch) for patch in patches))
    settings = [_setting(text, setup) for text in arguments.set]
    setup = replace(setup, show=_show_settings(setup.show, arguments))
    return apply_corpora(apply_settings(setup, settings), arguments.corpus, arguments.label, arguments.prime)


def _setting(text: str, setup: "Setup") -> "Setting":
    """One ``--set``: DECK.CONTROL=VALUE, or an address as in OSC."""
    from patches.library import find
    from patches.reader import read_manifest
    from realtime.control.settings import parse_address_setting
    from realtime.setup import parse_setting

    if not text.startswith("/"):
        return parse_setting(text)
    return parse_address_setting(text, [read_manifest(find(deck.patch)) if deck.patch else None for deck in setup.decks])


def _show_settings(rack: "ShowSettings", arguments: argparse.Namespace) -> "ShowSettings":
    """What the command line says of the sound device, OSC, MIDI and recording, laid over what a rack says."""
    from realtime.midi.mapping_file import find_mapping
    from realtime.midi.port_name import BACKENDS

    for name in ("osc_port", "oscquery_port"):
        value = getattr(arguments, name)
        if value is not None and not 0 <= value <= MAX_PORT:
            raise OptionError(f"--{name.replace('_', '-')}", got=str(value), allowed=f"0 to {MAX_PORT}")
    backends = ("auto", *BACKENDS)
    if arguments.midi_backend is not None and arguments.midi_backend not in backends:
        raise OptionError("--midi-backend", got=arguments.midi_backend, allowed=", ".join(backends))
    sound = {
        "device": arguments.device,
        "sample_rate_hz": arguments.sample_rate,
        "block_frames": arguments.block_frames,
        "lead_frames": arguments.lead_frames,
        "input": arguments.input,
    }
    osc = {
        "host": arguments.osc_host,
        "port": arguments.osc_port,
        "query_port": arguments.oscquery_port,
        "on": False if arguments.no_osc else None,
    }
    midi = {
        "on": False if arguments.no_midi else None,
        "backend": arguments.midi_backend,
        "ports": tuple(arguments.midi_port) or None,
        "mapping": None if arguments.mapping is None else find_mapping(arguments.mapping),
    }
    record = {"folder": arguments.record_folder, "stems": True if arguments.stems else None}
    return replace(
        rack,
        sound=replace(rack.sound, **{key: value for key, value in sound.items() if value is not None}),
        osc=replace(rack.osc, **{key: value for key, value in osc.items() if value is not None}),
        midi=replace(rack.midi, **{key: value for key, value in midi.items() if value is not None}),
        record=replace(rack.record, **{key: value for key, value in record.items() if value is not None}),
    )


def check_setup(setup: "Setup") -> "list[Manifest | None]":
    """Refuse what cannot be played before a device or a file is opened for it; returns the manifest of every deck, None of an empty one.

    Raises
    ------
    PatchError, UsageError
    """
    from patches.library import find
    from patches.reader import read_manifest
    from realtime.controls import DECK_CONTROLS, MASTER_CONTROLS, check_patch_values, check_stage_values, ids
    from realtime.corpora import check_options

    stray = check_stage_values("master", MASTER_CONTROLS, setup.master)
    if stray:
        raise UnknownControlError("the master has no such control", got=stray[0][0], allowed=ids(MASTER_CONTROLS))
    manifests: list[Manifest | None] = []
    for number, deck in enumerate(setup.decks):
        where = f"deck {number + 1}"
        own = check_stage_values(where, DECK_CONTROLS, deck.controls)
        manifests.append(read_manifest(find(deck.patch)) if deck.patch else None)
        manifest = manifests[-1]
        if manifest is not None:
            check_patch_values(number, manifest, own)
            check_options(where, manifest, deck.choices, deck.prime)
        elif own or deck.choices or deck.prime is not None:
            what = own[0][0] if own else "a corpus, label or prime"
            raise UnknownControlError(f"{where} is empty", got=what, allowed=ids(DECK_CONTROLS), hint="name its patch")
    return manifests


def refuse(arguments: argparse.Namespace, names: tuple[str, ...], why: str, hint: str) -> None:
    """Refuse options that mean nothing here.

    Raises
    ------
    OptionError — one of them was given.
    """
    for name in names:
        value = getattr(arguments, name.removeprefix("--").replace("-", "_"))
        if value is not None and value is not False and value != []:
            raise OptionError(f"{name} {why}", got=name if value is True else f"{name} {value}", hint=hint)
