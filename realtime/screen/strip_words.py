"""What the master strip says in words, from a view: what sounds and how late, and the machine. It draws nothing."""

from typing import Final

from realtime.attach.view import DeckView, RecordView, StageView, TransportView
from realtime.screen.amounts import length
from realtime.screen.cpu import CpuMeter
from realtime.screen.memory import Growth
from realtime.screen.words import Word

GAIN: Final = "gain"
CLIP: Final = "clip"
"""What the mouse does on gain and meter; everywhere else it is an action's id."""
LIGHT_S: Final = 0.4
"""How long a light stays on: long enough to be seen."""
LIMIT_S: Final = 0.6
BUSY_PERCENT: Final = 80.0
"""Of one core: a deck that uses more has little to spare."""


class Lights:
    """Counts whose growth is shown as a light."""

    def __init__(self) -> None:
        self.osc, self.midi, self.limited, self.xruns, self.callback = Growth(), Growth(), Growth(), Growth(), Growth()


def performer_words(view: StageView, lights: Lights, now_s: float, gain_db: float | None) -> tuple[Word, ...]:
    """The first row: panic, recording, limiter, lateness, gain."""
    late_ms = max((deck.latency_ms for deck in view.decks if deck.patch), default=0.0)
    limits = lights.limited.fresh(view.limited_frames, now_s, LIMIT_S)
    words = [_record(view.record)]
    if view.panicked:
        words.insert(0, Word((" ✖ PANIC ",), "meter-high", 99, reverse=True, bold=True, does="stage.panic"))
    words.append(
        Word((" LIM ",) if limits else (" lim ", ""), "meter-mid" if limits else "dim", 8 if limits else 0, reverse=limits, bold=limits)
    )
    if late_ms:
        words.append(Word((f"{late_ms:.0f} ms to sound", f"{late_ms:.0f} ms"), "foreground", 7, bold=True))
    if gain_db is not None:
        text = "-inf" if gain_db <= -60.0 else f"{gain_db:+.1f}"
        words.append(Word((f"gain {text} dB", f"{text} dB", ""), "slider", 3, does=GAIN))
    words.append(_clock(view.transport))
    if view.automation.playing or view.automation.recording:
        words.append(Word(("automation", "auto", ""), "slider", 1, does="panel.takes"))
    if view.input_name:
        level = "guarded" if view.input_guarded else f"{max(view.input_peak_db, -60.0):.0f} dB"
        words.append(Word((f"in {level}", ""), "meter-mid" if view.input_guarded else "dim", 2, bold=view.input_guarded))
    return tuple(words)


def machine_words(view: StageView, lights: Lights, cpu: CpuMeter, now_s: float) -> tuple[Word, ...]:
    """The second row: OSC and MIDI, device, processor time, drop-outs."""
    tight = lights.callback.fresh(round(view.callback_share * 1000.0), now_s) and view.callback_share >= 0.7
    words = [
        _light("OSC", bool(view.osc.port), lights.osc.fresh(view.osc.packets, now_s, LIGHT_S)),
        _light("MIDI", bool(view.midi.ports), lights.midi.fresh(view.midi.messages, now_s, LIGHT_S)),
        *_cpu(view, cpu),
        Word((view.device, _short(view.device), ""), "foreground", 2, does="panel.doctor"),
        Word(
            (
                f"{view.sample_rate_hz / 1000.0:g} kHz · {view.block_frames} frames",
                f"{view.sample_rate_hz / 1000.0:g}k/{view.block_frames}",
                "",
            ),
            "dim",
            3,
        ),
        Word((f"audio {view.callback_share * 100.0:.0f} %", ""), "meter-mid" if tight else "dim", 1),
    ]
    if view.device_xruns:
        fresh = lights.xruns.fresh(view.device_xruns, now_s)
        words.insert(
            2,
            Word(
                (f" xruns {view.device_xruns} ",), "meter-high" if fresh else "meter-mid", 8, reverse=fresh, bold=fresh, does="panel.doctor"
            ),
        )
    else:
        lights.xruns.fresh(0, now_s)
    if view.nonfinite:
        words.append(Word((f"bad samples {view.nonfinite}", "bad"), "meter-high", 6, does="panel.doctor"))
    return tuple(words)


def _record(record: RecordView) -> Word:
    if not record.recording:
        return Word((" ○ rec ",), "dim", 4, does="record.toggle")
    return Word(
        (f" ● REC {length(record.seconds)}{' !' if record.problem else ''} ",),
        "meter-high",
        9,
        reverse=True,
        bold=True,
        does="record.toggle",
    )


def _clock(transport: TransportView) -> Word:
    """Bar and beat from 1, tempo, and whether it runs."""
    sign = "▶" if transport.running else "■"
    quantum = transport.quantum_beats
    beat = max(transport.beat, 0.0)
    place = f"{int(beat // quantum) + 1}.{int(beat % quantum) + 1}" if quantum else f"{int(beat) + 1}"
    tempo = f"{transport.tempo_bpm:.4g}"
    texts = (f"{sign} {place} {tempo} bpm", f"{sign} {place} {tempo}", f"{sign} {place}", "")
    return Word(texts, "foreground" if transport.running else "dim", 2, does="panel.takes")


def _short(device: str) -> str:
    """A device's name without its system, as much as there is room for."""
    return device.partition(" (")[0][:12]


def _light(name: str, there: bool, active: bool) -> Word:
    if not there:
        return Word((f"{name} off", f"{name} -"), "dim", 5, does="panel.mapping")
    return Word((f"{name} {'●' if active else '○'}",), "meter-low" if active else "foreground", 5, bold=active, does="panel.mapping")


def _cpu(view: StageView, cpu: CpuMeter) -> list[Word]:
    """Processor time of every deck, and of the stage itself, in per cent of one core."""
    decks = [(deck, cpu.percent(deck.pid)) for deck in view.decks if deck.pid]
    stage = cpu.percent(view.pid)
    if stage is None and all(share is None for _, share in decks):
        return []
    busy = any(share is not None and share >= BUSY_PERCENT for _, share in decks)
    long = "  ".join(_of(deck, share) for deck, share in decks)
    short = " ".join("?" if share is None else f"{share:.0f}" for _, share in decks)
    host = "" if stage is None else f"stage {stage:2.0f} %  "
    texts = (f"cpu {host}{long}", f"cpu {long}", f"cpu {short} %")
    return [Word(texts, "meter-mid" if busy else "dim", 4, bold=busy, does="panel.doctor")]


def _of(deck: DeckView, share: float | None) -> str:
    return f"deck {deck.number} {'?' if share is None else f'{share:2.0f}'} %"
