"""A core at the edge: it holds a few addresses and notes what it is asked, so that a test sees exactly what came out of a packet."""

from collections.abc import Callable, Mapping, Sequence

from realtime.control.address import Address, Argument, Value, take_arguments
from realtime.control.outcome import Origin, Outcome

RATE_HZ = 48_000
WALL_S = 1_800_000_000.0


def _value(path: str) -> Address:
    return Address(path, "value", (Argument(path.rpartition("/")[2], "f", -90.0, 12.0, "dB"),), "")


class RecordingCore:
    """Answers at once and in the thread that asks."""

    def __init__(self) -> None:
        paths = ["/master/gain", *(f"/deck/{deck}/{name}" for deck in (1, 2) for name in ("gain", "pan", "param/density", "class/bees"))]
        self.namespace: dict[str, Address] = {path: _value(path) for path in paths}
        for deck in (1, 2):
            path = f"/deck/{deck}/load"
            self.namespace[path] = Address(path, "command", (Argument("patch", "s", 1, 64), Argument("seed", "i", 0, 9, optional=True)), "")
        self.namespace["/status"] = Address("/status", "query", (), "")
        self.values: dict[str, tuple[Value, ...]] = dict.fromkeys(paths, (0.0,))
        self.asked: list[tuple[str, tuple[Value, ...]]] = []
        self.scheduled: list[tuple[int, list[tuple[str, tuple[Value, ...]]]]] = []
        self.log_of_changes: list[str] = list(paths)
        self.origins: list[Origin] = []
        self.waiting: list[Callable[[], None]] = []

    def addresses(self) -> Mapping[str, Address]:
        return self.namespace

    def read(self, path: str) -> tuple[Value, ...] | None:
        return self.values.get(path)

    def change(self, path: str, value: float) -> None:
        self.values[path] = (value,)
        self.log_of_changes.append(path)

    def changes(self, since: int) -> tuple[int, dict[str, tuple[Value, ...]]]:
        return len(self.log_of_changes), {path: self.values[path] for path in self.log_of_changes[since:]}

    def request(self, path: str, arguments: Sequence[Value], origin: Origin) -> None:
        self.asked.append((path, tuple(arguments)))
        self.origins.append(origin)
        address = self.namespace.get(path)
        if address is None:
            origin.tell(Outcome(path, "failed", tuple(arguments), "no such address now"))
            return
        try:
            values, clipped = take_arguments(address, arguments)
        except ValueError as error:
            origin.tell(Outcome(path, "failed", tuple(arguments), str(error)))
            return
        if address.kind == "value":
            self.change(path, float(values[0]))
            if clipped:
                origin.tell(Outcome(path, "clipped", (arguments[0], values[0])))
        elif address.kind == "query":
            origin.tell(Outcome(path, "answer", (2, 0.25), reply=f"{path}.reply"))
        else:
            origin.tell(Outcome(path, "done", values))

    def schedule(self, frame: int, messages: Sequence[tuple[str, Sequence[Value]]], origin: Origin) -> bool:
        self.scheduled.append((frame, [(path, tuple(arguments)) for path, arguments in messages]))
        return True

    def sync(self, then: Callable[[], None]) -> None:
        self.waiting.append(then)

    def frame_at(self, unix_s: float) -> int:
        return round((unix_s - WALL_S) * RATE_HZ)
