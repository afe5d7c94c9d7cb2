"""A rack written from a stage that plays: what `realtime.rack` reads. It knows snapshots and tables, no engine."""

from pathlib import Path
from typing import Any

import tomli_w

from realtime.controls import DECK_CONTROLS, MASTER_CONTROLS
from realtime.errors import RackError
from realtime.rack import MAX_RACK_BYTES
from realtime.show_settings import ShowSettings
from realtime.snapshot import DeckSnapshot, Snapshot
from realtime.text_file import TextFileWriter
from realtime.voices.voice import OWN_CORPUS


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
        **({"input": {"device": snapshot.input_name}} if snapshot.input_name else {}),
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
