"""What the addresses under `/record` do. It knows the recorder and the core's registry, not who asks."""

from realtime.control.address import Address, Value
from realtime.control.core import ControlCore, Handler
from realtime.control.outcome import Origin
from realtime.recording.recorder import Recorder
from realtime.recording.take import TakeSummary


def serve(core: ControlCore, recorder: Recorder) -> None:
    """Let the recorder answer the rows under `/record`.

    A start is done with the path of the master, a stop and a pre-roll with path, length in seconds, frames lost, and what went wrong.
    """

    def start(address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        return (str(recorder.record(_path(values), stems=_stems(values))[0]),)

    def stop(address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        return _told(recorder.stop())

    def preroll(address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        return _told(recorder.preroll(_path(values), stems=_stems(values)))

    def state(address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        now = recorder.snapshot()
        return int(now.recording), now.seconds, now.lost_frames, now.path

    waiting: dict[str, Handler] = {"/record/start": start, "/record/stop": stop, "/record/preroll": preroll}
    for path, handler in waiting.items():
        # Each of them waits for a disk.
        core.serve(path, handler, slow=True)
    core.serve("/record/state", state)


def _path(values: tuple[Value, ...]) -> str:
    return str(values[0]) if values else ""


def _stems(values: tuple[Value, ...]) -> bool | None:
    return bool(values[1]) if len(values) > 1 else None


def _told(summary: TakeSummary) -> tuple[Value, ...]:
    return (str(summary.paths[0]), summary.seconds, summary.lost_frames, summary.problem)
