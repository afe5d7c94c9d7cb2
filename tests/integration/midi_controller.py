"""A controller as a program: two JACK clients with a port each that send the lines they are given and say what they are sent.

Lines are messages as hexadecimal bytes; several in one line are sent without a pause.
"""

import sys
import threading
import time

import rtmidi

_POLL_S = 0.001


def _say(port: rtmidi.MidiIn, ended: threading.Event) -> None:
    while not ended.is_set():
        got = port.get_message()
        if got is None:
            time.sleep(_POLL_S)
        else:
            print(bytes(got[0]).hex(" "), flush=True)


def main(name: str) -> None:
    sender = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=f"{name} (capture)")
    sender.open_virtual_port("midi")
    hearer = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=f"{name} (playback)")
    hearer.ignore_types(sysex=False, timing=False, active_sense=True)
    hearer.open_virtual_port("midi")
    ended = threading.Event()
    saying = threading.Thread(target=_say, args=(hearer, ended), daemon=True)
    saying.start()
    print("ready", flush=True)
    for line in sys.stdin:
        for message in line.split(","):
            sender.send_message(list(bytes.fromhex(message)))
    ended.set()
    saying.join()
    sender.delete()
    hearer.delete()


if __name__ == "__main__":
    main(sys.argv[1])
