"""The `corpus` command: what can be asked of it, and how that becomes a corpus. It only parses and calls."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from patches.descriptors import DEFAULT_SPEC
from training.descriptor_options import add_spec_options, spec_given
from training.errors import OptionError

__all__ = ["add_corpus_parser", "run_corpus"]

Say = Callable[[str], None]


def add_corpus_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Say = print) -> argparse.ArgumentParser:
    """Add the `corpus` command to a command line and return its parser."""
    parser = subparsers.add_parser(
        "corpus",
        help="make a corpus of folders of sounds, for any mosaic to play",
        description="Describe every sound of some folders and cut it into units. A sub-folder is a label; what lies in a folder "
        "itself has the folder's name. The stage plays a corpus with --corpus DIR.",
    )
    parser.add_argument(
        "--audio", nargs="+", action="extend", default=[], metavar="[LABEL=]DIR", help="folders of sounds, as many as you like"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="CORPUS", help="folder to make; must not exist or be empty")
    add_spec_options(parser.add_argument_group("descriptors", "as those of the model that is to play the corpus"))
    parser.add_argument("--segments", default="hop", metavar="hop|onset", help="units of a hop each, or from onset to onset (default hop)")
    parser.add_argument("--shortest", type=float, metavar="S", help="least seconds of a unit from onset to onset (default 0.05)")
    parser.add_argument("--longest", type=float, metavar="S", help="most seconds of a unit from onset to onset (default 2)")
    parser.add_argument(
        "--weight", nargs="+", action="extend", default=[], metavar="LABEL=W", help="wish for a label or folder (default 1)"
    )
    parser.add_argument("--channels", choices=("as_is", "mono", "stereo"), default="as_is", help="default: stereo where any sound is")
    parser.add_argument(
        "--descriptor-json",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="descriptor files of the Descriptor Transformer",
    )
    parser.add_argument("--keep-duplicates", action="store_true", help="keep the same sound in another file, format or level")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default 2)")
    parser.add_argument("--replace", action="store_true", help="put it in the place of a corpus that is there")
    parser.add_argument("--progress", action="store_true", help="a line `progress N of M` for every sound, for a program that reads along")
    parser.set_defaults(run=partial(run_corpus, say=say))
    return parser


def run_corpus(options: argparse.Namespace, say: Say = print) -> int:
    """Run the `corpus` command and return its exit code; a `StudioError` is left to the caller."""
    # Local: librosa takes seconds to import, and --help or a mistyped option should not wait for it.
    from training.corpus_build import Wishes, build_corpus
    from training.corpus_cut import make_segmentation
    from training.corpus_seed import match_descriptors
    from training.corpus_sources import check_weights, find_sounds, parse_sources, parse_weights

    if options.workers < 1:
        raise OptionError("the number is too small", where="--workers", got=options.workers, allowed="1 and up")
    spec = spec_given(options) or DEFAULT_SPEC
    segmentation = make_segmentation(options.segments, spec, options.shortest, options.longest)
    weights = parse_weights(options.weight)
    sources = parse_sources(options.audio) if options.audio or not options.descriptor_json else ()
    if options.descriptor_json:
        given, rows = match_descriptors(options.descriptor_json, sources, spec)
    else:
        given, rows = find_sounds(sources), None
    check_weights(weights, given.found)
    channels = {"as_is": None, "mono": 1, "stereo": 2}[options.channels]
    wishes = Wishes(spec, segmentation, channels, weights, options.keep_duplicates, options.workers)
    progress = (lambda done, count: say(f"progress {done} of {count}")) if options.progress else None
    build_corpus(options.out, given, wishes, rows=rows, replace=options.replace, say=say, progress=progress)
    return 0
