"""What came of something that a screen asked for: a plain record. It knows no socket and no screen."""

from dataclasses import dataclass

from realtime.control.address import Value


@dataclass(frozen=True)
class Told:
    """What came of something that was asked for. `state`: `done`, `clipped`, `failed` (then `why`), `answer`."""

    path: str
    state: str
    values: tuple[Value, ...] = ()
    why: str = ""
