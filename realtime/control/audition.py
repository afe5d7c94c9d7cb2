"""What the addresses under /audition do: a patch is tried in a deck that is hidden. It knows the core, not who listens.

What is tried is heard in the master (and so is in a take of it), 12 dB down at first; no scene, rack, stem or status has it.
A panic ends it, and the solo of a deck silences it.
"""

from realtime import commands as do
from realtime.control.address import Address, Value
from realtime.control.core import ControlCore
from realtime.control.outcome import Origin
from realtime.control.table import AUDITION_GAIN_DB


class Audition:
    """Serves the rows of the hidden deck. Where there is none, each request is refused and says so.

    Parameters
    ----------
    core : ControlCore

    Thread
    ------
    The core's callers.
    """

    def __init__(self, core: ControlCore) -> None:
        self._stage = core.stage
        self._gain_db = AUDITION_GAIN_DB
        core.serve("/audition/load", self._load)
        core.serve("/audition/load/cancel", self._cancel)
        core.serve("/audition/stop", self._stop)
        core.hold("/audition/gain", lambda: self._gain_db, self._set_gain)
        if self._stage.snapshot().audition is not None:
            self._set_gain(AUDITION_GAIN_DB)

    def _load(self, address: Address, values: tuple[Value, ...], origin: Origin) -> int:
        return self._stage.send(do.Load(do.AUDITION, str(values[0])))

    def _cancel(self, address: Address, values: tuple[Value, ...], origin: Origin) -> None:
        self._stage.send(do.CancelLoad(do.AUDITION))

    def _stop(self, address: Address, values: tuple[Value, ...], origin: Origin) -> None:
        self._stage.send(do.Unload(do.AUDITION))

    def _set_gain(self, value: Value) -> None:
        self._stage.send(do.SetControl(do.AUDITION, "gain", float(value)))
        self._gain_db = float(value)
