"""`--render`: a take into a file, or one for every seed of a folder. It knows files and options, not how a take is made."""

import argparse
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from patches.manifest import Manifest
from realtime.audio_file import AudioFileWriter
from realtime.control.automation_file import read_automation
from realtime.errors import ClipError, OptionError, RenderError
from realtime.options import LIVE_ONLY, check_setup, read_setup, refuse
from realtime.performance_render import render_performance_command
from realtime.render import DEFAULT_BLOCK_FRAMES, DEFAULT_RATE_HZ, MAX_SECONDS, RenderConfig, render
from realtime.seed_clip import CLIP_SUFFIXES, SeedClip, find_clips, open_clip
from realtime.setup import DeckSetup, Setup
from realtime.text_file import TextFileWriter
from realtime.unit_log import LoggedDeck, UnitLog
from realtime.voices.voice import CORPUS_KINDS

_BAR = "{desc} {percentage:3.0f}%|{bar}| {n:.1f}/{total:.1f} s [{elapsed}<{remaining}]"
_SHOWN = 3


class Say(Protocol):
    """Tells the user something, on standard output or as an error."""

    def __call__(self, text: str, *, error: bool = False) -> None:
        """Say a line or more."""


@dataclass(frozen=True)
class Take:
    """What is rendered into one file."""

    setup: Setup
    manifests: tuple[Manifest | None, ...]
    """Of each deck; None of an empty one."""
    config: RenderConfig
    file: Path
    log: bool
    quiet: bool


def log_files(file: Path) -> tuple[Path, Path]:
    """Where the unit log of a take is: the JSON, and the label track."""
    return file.with_name(f"{file.stem}.units.json"), file.with_name(f"{file.stem}.labels.txt")


def render_command(arguments: argparse.Namespace, say: Say) -> int:
    """Render what a command line describes and say what was made; returns the exit code.

    Raises
    ------
    StageError, PatchError — nothing was written for the take that failed; what was there before is still there.
    """
    refuse(arguments, ("--device", "--input"), "is for playing live", "leave it out: --render needs no device, --input-file hears a file")
    refuse(arguments, LIVE_ONLY, "is for playing live", "leave it out: a render has nobody to listen to, and is a recording itself")
    if arguments.performance is not None:
        return _performance(arguments, say)
    setup = read_setup(arguments)
    folders = [number for number, deck in enumerate(setup.decks) if deck.prime is not None and Path(deck.prime).is_dir()]
    clips = []
    if len(folders) > 1:
        raise OptionError("--prime: a folder for more than one deck", got=" ".join(str(n + 1) for n in folders), allowed="one of them")
    if folders:
        clips = find_clips(Path(str(setup.decks[folders[0]].prime)))
        # A link that leads nowhere is said when its turn comes.
        manifests = check_setup(_primed(setup, folders[0], next((clip for clip in clips if clip.path.is_file()), clips[0])))
    else:
        refuse(arguments, ("--replace",), "is for --prime DIR", "a single file is always replaced, once the new one is whole")
        manifests = check_setup(setup)
    played = [manifest for manifest in manifests if manifest is not None]
    if not played:
        raise OptionError("--render: every deck is empty", got=str(setup.file), hint="name a patch, or a rack with one")
    config = _config(arguments, played)
    log = arguments.units or any(deck.prime is not None for deck in setup.decks)
    if log and not any(manifest.kind in CORPUS_KINDS for manifest in played):
        slugs = ", ".join(manifest.slug for manifest in played)
        raise OptionError("--units: no deck plays a corpus", got=slugs, allowed=f"patches of kind {', '.join(sorted(CORPUS_KINDS))}")
    take = Take(setup, tuple(manifests), config, arguments.render, log, arguments.headless)
    if not folders:
        _check_target(take)
        say(_write(take, say))
        return 0
    _check_folder(Path(str(setup.decks[folders[0]].prime)), take.file, clips, replaces=arguments.replace)
    return _render_folder(take, folders[0], clips, say)


_OF_A_SETUP = (
    "--rack", "--resume", "--set", "--seed", "--seconds", "--hops", "--sample-rate", "--block-frames", "--lead-frames", "--automation",
    "--corpus", "--label", "--prime", "--input-file", "--units", "--replace",
)  # fmt: skip
"""What a performance says itself."""


def _performance(arguments: argparse.Namespace, say: Say) -> int:
    """Render again what was played; everything about it stands in its file."""
    given = [name for name in _OF_A_SETUP if _given(arguments, name)]
    if arguments.patches or given:
        got = " ".join([*arguments.patches, *given])
        raise OptionError("--performance says itself what is played", got=got, hint="give only --performance FILE --render FILE")
    say(render_performance_command(arguments.performance, arguments.render))
    return 0


def _given(arguments: argparse.Namespace, name: str) -> bool:
    value = getattr(arguments, name.removeprefix("--").replace("-", "_"))
    return value is not None and value != [] and value is not False


def _config(arguments: argparse.Namespace, manifests: Sequence[Manifest]) -> RenderConfig:
    if arguments.seconds is not None and arguments.hops is not None:
        raise OptionError(
            "--seconds and --hops both say how long", got=f"{arguments.seconds:g} s and {arguments.hops} hops", hint="give one"
        )
    if arguments.seconds is None and arguments.hops is None:
        raise OptionError("--render needs a length", allowed="--seconds S or --hops N")
    if arguments.input_file is not None:
        open_clip(arguments.input_file).close()
    seconds = arguments.seconds if arguments.hops is None else _hops_s(arguments.hops, manifests)
    return RenderConfig(
        seconds,
        arguments.seed if arguments.seed is not None else secrets.randbelow(2**31),
        DEFAULT_RATE_HZ if arguments.sample_rate is None else arguments.sample_rate,
        DEFAULT_BLOCK_FRAMES if arguments.block_frames is None else arguments.block_frames,
        arguments.input_file,
        None if arguments.automation is None else read_automation(arguments.automation),
    )


def _hops_s(hops: int, manifests: Sequence[Manifest]) -> float:
    """Seconds that so many steps of the patches last; they must agree on it."""
    steps = {manifest.slug: Fraction(manifest.audio.step_frames, manifest.audio.sample_rate_hz) for manifest in manifests}
    step_s = next(iter(steps.values()))
    if any(other != step_s for other in steps.values()):
        got = ", ".join(f"{slug} {1000 * float(step):.2f} ms" for slug, step in steps.items())
        raise OptionError("--hops: the steps of these patches differ", got=got, hint="give --seconds")
    most = int(MAX_SECONDS / step_s)
    if not 1 <= hops <= most:
        raise OptionError("--hops", got=str(hops), allowed=f"1 to {most}")
    return float(hops * step_s)


def _check_target(take: Take) -> None:
    """Refuse a take that would take the place of what it is made from, or whose log has no place."""
    sources = [deck.prime for deck in take.setup.decks if deck.prime is not None]
    sources += [] if take.config.input_file is None else [str(take.config.input_file)]
    for source in sources:
        if take.file.exists() and Path(source).exists() and take.file.samefile(source):
            raise OptionError("--render: would overwrite what is heard", got=str(take.file), hint="name another file")
    if take.log and take.file.exists() and not take.file.is_file() and not take.file.is_dir():
        raise OptionError("--units: a device or pipe has no place for a log", got=str(take.file), hint="render to a file")


def _write(take: Take, say: Say) -> str:
    """Render one take, its log with it; all is put in place at the end. Returns what is said about it."""
    faults: list[int] = []
    notes: dict[str, None] = {}
    config, seeds = take.config, [take.config.seed + number for number in range(len(take.setup.decks))]
    log = UnitLog(
        [_logged(*deck) for deck in zip(take.setup.decks, take.manifests, seeds, strict=True)],
        config.sample_rate_hz,
        config.frames,
        config.seed,
    )

    def noted(deck: int, text: str) -> None:
        notes[f"deck {deck + 1}: {text}"] = None

    blocks = render(take.setup, config, log.add if take.log else None, faults.append, noted)
    with (
        TextFileWriter() as texts,
        AudioFileWriter(take.file, config.sample_rate_hz, config.frames) as file,
        tqdm(total=config.frames, unit_scale=1 / config.sample_rate_hz, desc="render", disable=take.quiet, bar_format=_BAR) as bar,
    ):
        for frames in blocks:
            file.write(frames)
            bar.update(len(frames))
        if take.log:
            units, labels = log_files(take.file)
            texts.write(units, log.json_text())
            texts.write(labels, log.labels_text())
    for note in notes:
        say(note, error=True)
    logged = f", {len(log.units)} units" if take.log else ""
    return f"{take.file}: {config.seconds:g} s, {config.sample_rate_hz} Hz, seed {config.seed}{logged}, {sum(faults)} non-finite"


def _logged(deck: DeckSetup, manifest: Manifest | None, seed: int) -> LoggedDeck:
    own = deck.seed if deck.seed is not None else seed
    if manifest is None:
        return LoggedDeck("", own, 0, 0)
    audio = manifest.audio
    return LoggedDeck(manifest.slug, own, audio.sample_rate_hz, audio.step_frames, deck.choices, deck.prime)


# --- a folder of seeds ------------------------------------------------------------------------------------------------------


def _primed(setup: Setup, number: int, clip: SeedClip) -> Setup:
    decks = list(setup.decks)
    decks[number] = replace(decks[number], prime=str(clip.path))
    return replace(setup, decks=tuple(decks))


def _render_folder(take: Take, number: int, clips: Sequence[SeedClip], say: Say) -> int:
    """One take for each seed, in folders as the seeds are; a seed that cannot be heard does not stop the others."""
    out = take.file
    failed = 0
    for done, clip in enumerate(clips):
        one = replace(take, setup=_primed(take.setup, number, clip), file=out / clip.output)
        try:
            one.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RenderError(f"{one.file.parent}: no folder to be made", got=error.strerror or str(error)) from None
        try:
            line = _write(one, say)
        except ClipError as error:
            failed += 1
            say(f"starling: error: {error}", error=True)
            continue
        except KeyboardInterrupt:
            say(f"starling: error: stopped after {done - failed} of {len(clips)} takes; those are whole", error=True)
            return 1
        say(line)
    say(f"{out}: {len(clips) - failed} takes of {len(clips)} seeds")
    return 1 if failed else 0


def _check_folder(seeds: Path, out: Path, clips: Sequence[SeedClip], *, replaces: bool) -> None:
    """Refuse, before anything is written, a folder of outputs that would lose or mix up files."""
    if not out.is_dir() and (out.exists() or out.suffix.lower() in CLIP_SUFFIXES):
        raise OptionError("--render: a file, and --prime is a folder", got=str(out), allowed="a folder, which is made if it is not there")
    if out.resolve().is_relative_to(seeds.resolve()):
        raise OptionError("--render: inside the folder of seeds", got=str(out), hint="its files would be seeds the next time; name another")
    targets = [target for clip in clips for target in (out / clip.output, *log_files(out / clip.output))]
    there = [target for target in targets if os.path.lexists(target)]
    if _identities(there) & _identities([clip.path for clip in clips]):
        raise OptionError("--render: would overwrite the seeds", got=str(out), hint="name another folder")
    if there and not replaces:
        shown = ", ".join(str(target) for target in there[:_SHOWN]) + (f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else "")
        raise OptionError("--render: files of an earlier render are there", got=shown, hint="name another folder, or give --replace")


def _identities(paths: Sequence[Path]) -> set[tuple[int, int]]:
    found = [path.stat() for path in paths if path.exists()]
    return {(status.st_dev, status.st_ino) for status in found}
