"""Asks the system for priority and says what it got. It knows processes and threads, not what they do.

The audio thread comes first, the decks below it: a model step that runs above the callback would delay the very block it works for.
"""

import os
import sys

AUDIO_PRIORITY = 60
"""SCHED_FIFO level of the audio thread when the device's own system did not raise it: below JACK's server (usually 70 and over)."""
DECK_NICE = -11
"""What desktop audio systems give their clients; needs no real-time rights where limits.conf allows it."""


def raise_audio_thread(thread_id: int) -> str:
    """Ask for real-time scheduling of the audio thread.

    Parameters
    ----------
    thread_id : int
        The kernel's id of the thread (0: not known on this system).

    Returns
    -------
    str
        What it has now, for the performer.
    """
    if sys.platform != "linux" or thread_id <= 0:
        return "as the device gave it"
    try:
        if os.sched_getscheduler(thread_id) in (os.SCHED_FIFO, os.SCHED_RR):
            return f"real-time {os.sched_getparam(thread_id).sched_priority} (device)"
        os.sched_setscheduler(thread_id, os.SCHED_FIFO, os.sched_param(AUDIO_PRIORITY))
    except PermissionError:
        return "normal (no right to real-time: see `python -m realtime doctor`)"
    except OSError as error:
        return f"normal ({error.strerror})"
    return f"real-time {AUDIO_PRIORITY}"


def raise_deck() -> str:
    """Ask for high priority of this process; returns what it got, for the performer.

    Deliberately not real-time: a model that is too slow would then starve the audio server and the screen, which is what the degrade
    ladder exists to avoid.
    """
    return _nice(DECK_NICE, "high")


def rest_deck() -> str:
    """Back to normal priority, so that loading a patch keeps out of the way of decks that play; returns what it got."""
    return _nice(0, "normal")


def _nice(value: int, name: str) -> str:
    if not hasattr(os, "setpriority"):
        return "normal (not supported on this system)"
    try:
        os.setpriority(os.PRIO_PROCESS, 0, value)
    except PermissionError:
        return f"normal (no right to nice {value}: see `python -m realtime doctor`)"
    return f"{name} (nice {value})"
