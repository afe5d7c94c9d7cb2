"""A target for atheris, which finds packets by watching which lines they reach: `python tests/fuzz/atheris_osc.py -max_len=8192`.

Not a test: atheris is not among what `.[dev]` installs (`pip install atheris`). What it finds goes into `osc_corpus` under a name.
"""

import sys

import atheris

with atheris.instrument_imports():
    from realtime.osc.bounds import check
    from realtime.osc.packet import decode
    from realtime.osc.pattern import AddressTree, PatternError, is_pattern

TREE = AddressTree(f"/deck/{deck}/{name}" for deck in range(1, 5) for name in ("gain", "pan", "param/density", "class/bees"))


def look(datagram: bytes) -> None:
    """What passes the check is decoded, and its patterns are looked up; nothing else than a refusal may come out."""
    found = check(datagram)
    if isinstance(found, str):
        return
    messages = decode(datagram, found)
    assert not isinstance(messages, str), messages
    for message in messages:
        if is_pattern(message.path):
            try:
                TREE.find(message.path)
            except PatternError:
                continue


if __name__ == "__main__":
    atheris.Setup(sys.argv, look)
    atheris.Fuzz()
