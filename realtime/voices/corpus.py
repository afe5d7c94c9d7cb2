"""The corpora of the stage, one door: what a corpus is, and the ways to get one. See the modules it names for each."""

from realtime.voices.corpus_join import join_corpora
from realtime.voices.corpus_open import open_corpus_folder
from realtime.voices.corpus_patch import PatchTables, load_patch_corpus, load_patch_tables
from realtime.voices.corpus_units import NO_LABEL, Ivf, UnitCorpus, choose_labels, follow_flags, kept_units

__all__ = [
    "NO_LABEL",
    "Ivf",
    "PatchTables",
    "UnitCorpus",
    "choose_labels",
    "follow_flags",
    "join_corpora",
    "kept_units",
    "load_patch_corpus",
    "load_patch_tables",
    "open_corpus_folder",
]
