"""A rack written from a stage that plays: what `realtime.rack` reads. It knows snapshots and tables, no engine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from realtime.controls import DECK_CONTROLS, MASTER_CONTROLS
from realtime.errors import RackError
from realtime.rack import MAX_RACK_BYTES
from realtime.show_settings import ShowSettings, SoundSettings
from realtime.snapshot import DeckSnapshot, Snapshot
from realtime.text_file import TextFileWriter
from realtime.voices.voice import OWN_CORPUS

_SOUND_KEYS = ("device", "sample_rate", "block_frames", "lead_frames")


def sound_table(sound: SoundSettings) -> dict[str, Any]:
    """The tables of a rack file that say what a stage is heard and listened to with."""
    values = (sound.device, sound.sample_rate_hz, sound.block_frames, sound.lead_frames)
    asked = {key: value for key, value in zip(_SOUND_KEYS, values, strict=True) if value is not None}
    return ({"sound": asked} if asked else {}) | ({"input": {"device": sound.input}} if sound.input is not None else {})


def wanted_sound(sound: SoundSettings, now: Snapshot) -> SoundSettings:
    """What was asked for, had or not; what was asked for by a number, which is another device tomorrow, as it is called."""
    device = now.device if (sound.device or "").isdecimal() else sound.device
    return replace(sound, device=device, input=plain_name(now.input_name) if (sound.input or "").isdecimal() else sound.input)


def plain_name(shown: str) -> str:
    """The name by which a device is found that is shown with its system: `USB Audio` of `USB Audio (ALSA)`."""
    return shown.rpartition(" (")[0] or shown


def rack_table(snapshot: Snapshot, settings: ShowSettings, midi: dict[str, Any], scenes: list[dict[str, Any]]) -> dict[str, Any]:
    """The stage as the table of a rack file.

    Parameters
    ----------
    snapshot : Snapshot
    settings : ShowSettings
        How it is reached now.
    midi : dict
        The mapping as a table.
    scenes : list of dict
        As `SceneStore.tables`.
    """
    osc, transport = settings.osc, settings.transport
    record: dict[str, Any] = {"stems": settings.record.stems}
    if settings.record.folder is not None:
        record["folder"] = str(settings.record.folder.resolve())
    return {
        "master": {control.id: value for control, value in zip(MASTER_CONTROLS, snapshot.master, strict=True)},
        **({"input": {"device": plain_name(snapshot.input_name)}} if snapshot.input_name else {}),
        "osc": {"on": osc.on, "host": osc.host, "port": osc.port, "query_port": osc.query_port},
        "record": record,
        "transport": {
            "tempo": transport.tempo_bpm,
            "quantum": transport.quantum_beats,
            "source": transport.source,
            "run": transport.run,
        },
        "midi": {"on": settings.midi.on, "backend": settings.midi.backend, "ports": list(settings.midi.ports), **midi},
        "deck": [_deck(deck) for deck in snapshot.decks],
        "scene": scenes,
    }


def write_rack(path: Path, table: dict[str, Any]) -> None:
    """Write a rack file, whole or not at all; what was there before is replaced.

    Raises
    ------
    RackError — bigger than a rack file may be.
    RenderError — not writable.
    """
    write_rack_text(path, tomli_w.dumps(table))


def write_rack_text(path: Path, text: str, *, private: bool = False) -> None:
    """The same for the text of a rack file; `private` as in `TextFileWriter`."""
    size = len(text.encode())
    if size > MAX_RACK_BYTES:
        raise RackError(f"rack {path}: too big", got=f"{size} bytes", allowed=f"up to {MAX_RACK_BYTES}", hint="delete some scenes")
    with TextFileWriter(private=private) as file:
        file.write(path, text)


def _deck(deck: DeckSnapshot) -> dict[str, Any]:
    stage = {control.id: value for control, value in zip(DECK_CONTROLS, deck.stage, strict=True)}
    lead = {"lead_frames": deck.lead_asked} if deck.lead_asked is not None else {}
    if deck.manifest is None:
        return {**lead, "controls": stage}
    own = {control.id: value for control, value in zip(deck.manifest.controls, deck.values, strict=True)}
    # A folder in full: the rack may stand elsewhere than the program was started.
    patch = str(Path(deck.folder).resolve()) if deck.folder else deck.patch
    table: dict[str, Any] = {"patch": patch, "seed": deck.seed, **lead}
    if deck.mode_asked is not None:
        table["mode"] = deck.mode_asked
    if deck.options.corpora:
        table["corpus"] = [
            {"path": choice.path, "weight": choice.weight, "labels": list(choice.labels)} if choice.path != OWN_CORPUS or choice.labels
            else {"path": choice.path, "weight": choice.weight}
            for choice in deck.options.corpora
        ]  # fmt: skip
    if deck.options.prime is not None:
        table["prime"] = str(deck.options.prime)
    return {**table, "controls": {**stage, **own}}
