"""The plain status line, until there is a screen. It knows snapshots only."""

from realtime.snapshot import DeckSnapshot, Snapshot

_METER = " ▁▂▃▄▅▆▇█"
_FLOOR_DB = -48.0


def meter(level_db: float) -> str:
    """One character whose height is a level between the floor and 0 dBFS."""
    share = min(max((level_db - _FLOOR_DB) / -_FLOOR_DB, 0.0), 1.0)
    return _METER[round(share * (len(_METER) - 1))]


def deck_text(deck: DeckSnapshot, sample_rate_hz: int) -> str:
    """One deck in a few words: level, lead, step time against its budget, underruns."""
    if deck.state in ("empty", "loading", "failed", "restarting"):
        return f"{deck.number + 1} {deck.patch or '-'} {deck.state}{_load(deck)}"
    levels = meter(deck.peak_db[0]) + meter(deck.peak_db[1])
    return (
        f"{deck.number + 1} {deck.patch} {levels} {max(deck.rms_db):5.1f} dB  lead {1000 * deck.lead_frames / sample_rate_hz:.0f} ms"
        f"  step {deck.step_ms:.1f} ms ({100 * deck.step_share:.0f} %)  underruns {deck.recent_underruns}"
        + (f"  loading{_load(deck)}" if deck.loading else "")
    )


def _load(deck: DeckSnapshot) -> str:
    """How far a load is, to be put behind the word that says that there is one; nothing where there is none."""
    return f" {100 * deck.load_share:.0f} % {deck.load_text}" if deck.loading else ""


def short_text(deck: DeckSnapshot, sample_rate_hz: int) -> str:
    """The same for a narrow terminal: lead in ms, step time in percent of its budget, u for underruns."""
    if deck.state in ("empty", "loading", "failed", "restarting"):
        return deck_text(deck, sample_rate_hz)
    levels = meter(deck.peak_db[0]) + meter(deck.peak_db[1])
    return (
        f"{deck.number + 1} {levels} {1000 * deck.lead_frames / sample_rate_hz:.0f}ms {100 * deck.step_share:.0f}% u{deck.recent_underruns}"
    )


def status_line(snapshot: Snapshot, width: int) -> str:
    """The whole stage in one line of at most `width` characters."""
    rate = snapshot.sample_rate_hz
    line = " │ ".join([_head(snapshot) + _input(snapshot), *(deck_text(deck, rate) for deck in snapshot.decks)])
    if len(line) > width:
        line = " │ ".join([_head(snapshot) + _short_input(snapshot), *(short_text(deck, rate) for deck in snapshot.decks)])
    return line if len(line) <= width else line[: width - 1] + "…"


def _head(snapshot: Snapshot) -> str:
    head = f"{snapshot.clock_frames / snapshot.sample_rate_hz:7.1f} s  {meter(snapshot.peak_db[0])}{meter(snapshot.peak_db[1])} "
    head += f"{max(snapshot.rms_db):5.1f} dB"
    return f"{head}  device xruns {snapshot.recent_xruns}" if snapshot.recent_xruns else head


def _input(snapshot: Snapshot) -> str:
    """Level of the live input, and whether anybody may hear it; nothing where there is none."""
    if not snapshot.input_name:
        return ""
    muted = " input hears the output: muted" if snapshot.input_guarded else ""
    return f"  in {meter(snapshot.input_peak_db)} {snapshot.input_rms_db:5.1f} dB{muted}"


def _short_input(snapshot: Snapshot) -> str:
    if not snapshot.input_name:
        return ""
    return "  in muted" if snapshot.input_guarded else f"  in {meter(snapshot.input_peak_db)}"


def summary(snapshot: Snapshot) -> list[str]:
    """What is said once at the end."""
    lines = [
        f"played {snapshot.clock_frames / snapshot.sample_rate_hz:.1f} s on {snapshot.device}: {snapshot.underruns} underruns, "
        f"{snapshot.device_xruns} device xruns, longest callback {100 * snapshot.callback_share:.0f} % of a block"
    ]
    if snapshot.input_name:
        lines.append(
            f"input: {snapshot.input_name}, {snapshot.input_overflows} overflows, {snapshot.input_nonfinite} non-finite, "
            f"muted {snapshot.input_guards} times because it heard the output"
        )
    lines += [
        f"deck {deck.number + 1}: {deck.patch}, {deck.restarts} restarts, {deck.late_steps} late steps, "
        f"longest step {deck.step_max_ms:.1f} ms"
        for deck in snapshot.decks
        if deck.patch
    ]
    return lines
