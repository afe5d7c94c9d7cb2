"""What is thrown at a show, each kind in a process of its own: `python -m tests.integration.show_load KIND JSON`.

`osc` and `midi` send at a rate, all their controls in turn, then the last value of each. `listen` is many OSCQuery clients at once; it
ends with its standard input. Each prints one JSON object at its end.
"""

import asyncio
import json
import math
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import rtmidi
from websockets.asyncio.client import ClientConnection, connect

from realtime.osc.packet import encode
from realtime.oscquery.listener import say

CLIENT = "showload"
MIDI_PORT = f"{CLIENT} (capture):midi"
SETTLE_S = 2.0
STEPS = 97
"""Values on the way from the least to the most and back; a prime, so that every control goes through all."""


def _paced(rate_hz: float, seconds: float, send: Callable[[int], None]) -> int:
    """Call `send` with a number at a rate; what a busy machine held up is made up for, a little at a time."""
    sent = 0
    begun_s = time.monotonic()
    while (passed_s := time.monotonic() - begun_s) < seconds:
        for _ in range(min(int(passed_s * rate_hz) - sent, 20)):
            send(sent)
            sent += 1
        time.sleep(0.0008)
    return sent


def _share(number: int) -> float:
    return 0.5 - 0.5 * math.cos(2.0 * math.pi * (number % STEPS) / STEPS)


def osc(port: int, rate_hz: float, seconds: float, controls: Sequence[tuple[str, float, float, float]]) -> dict[str, float]:
    """Controls are address, least, most and last value."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        heads = [encode(path, (0.0,))[:-4] for path, _, _, _ in controls]

        def send(number: int) -> None:
            place = number % len(controls)
            _, least, most, _ = controls[place]
            sender.send(heads[place] + struct.pack(">f", least + _share(number // len(controls)) * (most - least)))

        sent = _paced(rate_hz, seconds, send)
        for head, (_, _, _, last) in zip(heads, controls, strict=True):
            sender.send(head + struct.pack(">f", last))
    return {"sent": sent + len(controls), "rate_hz": sent / seconds}


def midi(rate_hz: float, seconds: float, controls: Sequence[tuple[int, int]]) -> dict[str, float]:
    """Controls are the number of a control change and its last value."""
    sender = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=f"{CLIENT} (capture)")
    sender.open_virtual_port("midi")
    # The stage looks for new ports every quarter of a second, and pauses between looks.
    time.sleep(SETTLE_S)

    def send(number: int) -> None:
        place = number % len(controls)
        sender.send_message([0xB0, controls[place][0], round(127 * _share(number // len(controls)))])

    sent = _paced(rate_hz, seconds, send)
    for number, last in controls:
        sender.send_message([0xB0, number, last])
    # What the client library still holds is gone with its client.
    time.sleep(SETTLE_S)
    sender.delete()
    return {"sent": sent + len(controls), "rate_hz": sent / seconds}


async def _hear(connection: ClientConnection, last: dict[str, float], heard: list[int]) -> None:
    async for packet in connection:
        if isinstance(packet, bytes):
            last[packet[: packet.index(b"\0")].decode()] = struct.unpack(">f", packet[-4:])[0]
            heard[0] += 1


async def _listen(port: int, clients: int, paths: Sequence[str]) -> dict[str, Any]:
    lasts: list[dict[str, float]] = [{} for _ in range(clients)]
    heard = [0]
    connections = [await connect(f"ws://127.0.0.1:{port}/", compression=None, max_queue=1_024) for _ in range(clients)]
    tasks = [asyncio.create_task(_hear(connection, last, heard)) for connection, last in zip(connections, lasts, strict=True)]
    for connection in connections:
        for path in paths:
            await connection.send(say("LISTEN", path))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    alive = sum(not task.done() for task in tasks)
    for connection in connections:
        await connection.close()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"alive": alive, "heard": heard[0], "lasts": lasts}


def listen(port: int, clients: int, paths: Sequence[str]) -> dict[str, Any]:
    """That many clients, each of which listens to all paths; the last value each of them heard."""
    return asyncio.run(_listen(port, clients, paths))


KINDS: dict[str, Callable[..., dict[str, Any]]] = {"osc": osc, "midi": midi, "listen": listen}

if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[1]](**json.loads(sys.argv[2]))))
