"""``python -m patches``: list, show, validate and install patches.

Only parses, calls and prints. Exit code 0 done, 1 what failed, 2 what was typed wrong.
"""

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from patches import library
from patches.codec import encode
from patches.corpus_folder import check_corpus_folder, is_corpus_folder
from patches.errors import PatchError, PatchExistsError, UnknownPatchError, printable
from patches.limits import MANIFEST_NAME, MIB
from patches.manifest import Manifest
from patches.reader import read_manifest
from patches.validate import validate


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line and exit with 2."""
        complain(message)
        sys.exit(2)


def complain(message: object) -> None:
    """Print one line of error."""
    print(f"patches: error: {printable(str(message))}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a name must not end the program
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except PatchError as error:
        complain(error)
        return 2 if isinstance(error, (UnknownPatchError, PatchExistsError)) else 1
    except BrokenPipeError:
        # The reader (head, less) has gone; Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(prog="patches", description="Starling's patches.", epilog="Exit code: 0 done, 1 it failed, 2 typed wrong.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("list", help="show every patch, broken ones with the reason")
    command.add_argument("--json", action="store_true", help="as one JSON list")
    command.set_defaults(run=_list)
    command = commands.add_parser("show", help="show what a patch's manifest says")
    command.add_argument("patch", metavar="SLUG", help="slug, or path of a patch folder")
    command.add_argument("--json", action="store_true", help="as canonical JSON")
    command.set_defaults(run=_show)
    command = commands.add_parser("validate", help="check everything in folders of patches or corpora")
    command.add_argument("patches", metavar="PATH_OR_SLUG", nargs="+", help="slugs, or paths of folders of patches or corpora")
    command.set_defaults(run=_validate)
    command = commands.add_parser("install", help="copy a patch folder to your patches")
    command.add_argument("folder", metavar="FOLDER", help="path of a patch folder")
    command.add_argument("--replace", action="store_true", help="replace an installed patch of the same slug")
    command.set_defaults(run=_install)
    return parser


def _list(options: argparse.Namespace) -> int:
    """Print all patches."""
    entries = library.available()
    if options.json:
        rows = [
            {"slug": entry.slug, "folder": str(entry.folder)}
            | ({"manifest": json.loads(encode(entry.manifest))} if entry.manifest else {"error": str(entry.error)})
            for entry in entries
        ]
        print(json.dumps(rows, indent=2, sort_keys=True, ensure_ascii=False))
        return 0
    width = max((len(entry.slug) for entry in entries), default=0)
    for entry in entries:
        said = f"{entry.manifest.kind:8}{entry.manifest.name}: {entry.manifest.summary}" if entry.manifest else f"broken  {entry.error}"
        print(f"{printable(entry.slug):{width}}  {said}")
    if not entries:
        print("no patches in " + ", ".join(map(str, library.search_folders())))
    return 0


def _show(options: argparse.Namespace) -> int:
    """Print one manifest."""
    folder = library.find(options.patch)
    manifest = read_manifest(folder)
    print(encode(manifest).decode("utf-8") if options.json else _described(manifest, folder), end="" if options.json else "\n")
    return 0


def _described(manifest: Manifest, folder: Path) -> str:
    """Return a manifest for people."""
    audio, licence, origin = manifest.audio, manifest.licence, manifest.origin
    step_ms = 1000 * audio.step_frames / audio.sample_rate_hz
    lines = [
        f"{manifest.name} ({manifest.slug}), {manifest.kind}: {manifest.summary}",
        f"by {', '.join(manifest.authors)}; licence: code {licence.code}, weights {licence.weights}, data {licence.data}",
        f"audio: {audio.sample_rate_hz} Hz, {'stereo' if audio.channels == 2 else 'mono'}, "
        f"steps of {audio.step_frames} frames ({step_ms:.1f} ms), {audio.lookahead_frames} frames of look-ahead",
        f"step time: p50 {manifest.verify.step_ms_p50:g} ms, p99 {manifest.verify.step_ms_p99:g} ms on {manifest.verify.machine}",
        f"origin: {origin.recipe}, source {origin.git}, {origin.created}, seed {origin.seed}, trained {origin.training_seconds:g} s",
        f"folder: {printable(str(folder))}",
        *(f"file: {entry.file} ({entry.role}), {entry.bytes} bytes" for entry in manifest.entries),
        *(
            f"control: {c.id}, {c.label}: {f'{c.min:g} to {c.max:g} {c.unit}'.rstrip()}, {c.default:g} at first, {c.curve}"
            for c in manifest.controls
        ),
        *(f"setting: {key} = {value}" for key, value in manifest.settings.items()),
    ]
    return "\n".join(lines)


def _validate(options: argparse.Namespace) -> int:
    """Check several patches and corpora, each whatever became of the others; the worst exit code wins."""
    code = 0
    for patch in options.patches:
        try:
            folder = library.find(patch)
            if is_corpus_folder(folder) and not os.path.lexists(folder / MANIFEST_NAME):
                corpus = check_corpus_folder(folder)
                size_mib = (corpus.audio.bytes + sum(array.bytes for array in corpus.arrays.values())) / MIB
                print(f"{printable(str(folder))}: valid corpus, {corpus.units} units of {len(corpus.files)} sounds, {size_mib:.2f} MiB")
                continue
            manifest = validate(folder)
        except PatchError as error:
            complain(error)
            code = max(code, 2 if isinstance(error, UnknownPatchError) else 1)
        else:
            size_mib = sum(entry.bytes for entry in manifest.entries) / MIB
            print(f"{manifest.slug}: valid, {len(manifest.entries)} files, {size_mib:.2f} MiB")
    return code


def _install(options: argparse.Namespace) -> int:
    """Install one patch."""
    if not options.folder:  # which pathlib would take for the current folder
        raise UnknownPatchError(got="nothing", allowed="the path of a patch folder")
    print(f"installed {printable(str(library.install(Path(options.folder), replace=options.replace)))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
