"""One take: its files, and how far they are. It knows the reel and the files, no thread."""

import contextlib
import errno
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from realtime.control.event_log import EventLog
from realtime.recording.disk_file import DiskFile
from realtime.recording.errors import RecordingError
from realtime.recording.reel import Reel
from realtime.recording.take_file import TakeFile, open_take_file
from realtime.recording.take_names import TakeNames

CHANNEL = "record"
"""Where in the log recordings speak."""
PIECE_S = 0.25
"""Copied and written at once: while one is copied the tape stands still for nobody longer than a tenth of a millisecond."""
UPDATE_S = 0.25
"""Headers are put right this often: with what waits in the writer and in the encoder, a kill costs at most half a second."""
COMMIT_S = 5.0
"""The disk itself is waited for this often: what a power cut costs. Waiting more often wears the disk and helps nobody else."""
LEAST_ROOM_S = 10.0
"""A disk with less room than this is called full before anything is begun."""
SHORT_ROOM_S = 300.0
"""With less room than this a take says how long it will fit, and again whenever it is half of what was said."""
_FRAME_BYTES = 8


@dataclass(frozen=True)
class TakeSummary:
    """What came of a take."""

    paths: tuple[Path, ...]
    """The master first."""
    seconds: float
    lost_frames: int = 0
    """Frames that came too fast for the machine or its disk; silence stands for them."""
    clipped: int = 0
    """Samples over full scale that were cut."""
    performance: Path | None = None
    problem: str = ""
    """What went wrong first, if something did; what the files hold plays all the same."""


@dataclass
class _Track:
    number: int
    path: Path
    disk: DiskFile
    file: TakeFile
    size_bytes: int = 0


class Take:
    """Files that follow the reel from `start` on.

    A file that cannot be written any more is completed with what it has and closed; the others go on. With the last of them the take ends.

    Raises
    ------
    FileExistsError — somebody was faster with one of the names.
    RecordingError — a file cannot be made, or the disk is full; nothing is left of any of them.

    Thread
    ------
    One calls `advance`; `end` and the numbers are for any.
    """

    def __init__(self, reel: Reel, names: TakeNames, tracks: Sequence[int], start: int, sample_rate_hz: int, log: EventLog) -> None:
        self.names = names
        self.start = start
        self.end: int | None = None
        """Frame of the reel where it ends; None while it goes on."""
        self.position = start
        self.missed_frames = 0
        """Frames that the taps dropped: for who listens to count. Silence stands for them in the reel."""
        self.clipped = 0
        self.size_bytes = 0
        self.problem = ""
        self.finished = False
        self._late_frames = 0
        self._room_said_s = SHORT_ROOM_S
        self._reel = reel
        self._rate_hz = sample_rate_hz
        self._log = log
        self._updated = self._committed = start
        self._tracks: list[_Track] = []
        self._check_room(len(tracks))
        try:
            for number, path in zip(tracks, names.tracks, strict=True):
                self._tracks.append(_Track(number, path, *open_take_file(path, sample_rate_hz)))
        except OSError as error:
            for track in self._tracks:
                with contextlib.suppress(OSError):
                    track.file.abandon()
                    track.disk.close()
                    track.path.unlink(missing_ok=True)
            if isinstance(error, FileExistsError):
                raise
            raise RecordingError(f"{path}: cannot be made", got=error.strerror or str(error), hint="choose another place") from None

    @property
    def lost_frames(self) -> int:
        """Frames for which silence stands."""
        return self.missed_frames + self._late_frames

    @property
    def seconds(self) -> float:
        """Length of what was written."""
        return (self.position - self.start) / self._rate_hz

    @property
    def waiting_s(self) -> float:
        """What the disk has not taken yet."""
        end = self._reel.head if self.end is None else self.end
        return 0.0 if self.finished else max(end - self.position, 0) / self._rate_hz

    def summary(self, performance: Path | None = None) -> TakeSummary:
        """What came of it."""
        return TakeSummary(self.names.tracks, self.seconds, self.lost_frames, self.clipped, performance, self.problem)

    def advance(self) -> bool:
        """Write what there is to write; false once the take is finished."""
        piece = round(PIECE_S * self._rate_hz)
        while self._tracks:
            end = self._reel.head if self.end is None else min(self.end, self._reel.head)
            count = min(piece, end - self.position)
            if count > 0:
                self._write(count)
            if self.position - self._updated >= UPDATE_S * self._rate_hz:
                self._update()
            if count <= 0:
                break
        if not self.finished and (not self._tracks or (self.end is not None and self.position >= self.end)):
            self._finish()
        return not self.finished

    def _write(self, count: int) -> None:
        lost_most = 0
        for track in tuple(self._tracks):
            frames, lost = self._reel.read(track.number, self.position, count)
            lost_most = max(lost_most, lost)
            self._try(track, partial(track.file.write, frames))
        if not self._tracks:
            # None took it whole: it does not count.
            return
        self.position += count
        if lost_most:
            self._late_frames += lost_most
            self._log.say(CHANNEL, "the disk is too slow: a part of the recording is silence", "slow disk")

    def _update(self) -> None:
        commit = self.position - self._committed >= COMMIT_S * self._rate_hz
        for track in tuple(self._tracks):
            self._try(track, partial(_keep, track, commit))
        self.size_bytes = sum(track.size_bytes for track in self._tracks)
        self._updated = self.position
        clipped = sum(track.file.clipped for track in self._tracks)
        if clipped > self.clipped:
            self.clipped = clipped
            self._log.say(CHANNEL, f"{self.names.master.name}: over full scale, which FLAC cannot hold; a .wav keeps it", "clipped")
        if commit:
            self._committed = self.position
            self._mind_room()

    def _finish(self) -> None:
        if self.position == self.start:
            # No format holds nothing in a way that every reader takes.
            self.problem = self.problem or "nothing was heard"
            for track in self._tracks:
                track.disk.close()
                track.path.unlink(missing_ok=True)
        else:
            self._update()
            for track in tuple(self._tracks):
                if self._try(track, partial(_complete, track)):
                    self._try(track, track.disk.close)
        self._tracks = []
        self.finished = True

    def _try(self, track: _Track, act: Callable[[], None]) -> bool:
        """Do it, or close the file if that fails; returns whether it was done."""
        try:
            act()
        except OSError as error:
            self._drop(track, error)
            return False
        return True

    def _drop(self, track: _Track, error: OSError) -> None:
        reason = error.strerror or str(error)
        self._tracks.remove(track)
        self.problem = self.problem or f"{track.path.name}: {reason}"
        hint = "/record/preroll with another path saves the last minute"
        self._log.say(CHANNEL, f"{track.path.name} is not written any more, and plays up to here: {reason}; {hint}", f"lost {reason}")
        try:
            track.file.abandon()
        except OSError as second:
            self._log.say(CHANNEL, f"{track.path.name}: not completed: {second.strerror or second}", f"incomplete {reason}")
        with contextlib.suppress(OSError):
            # Some file systems tell here what they could not write before.
            track.disk.close()
        if not track.file.kept_frames:
            track.path.unlink(missing_ok=True)

    def _check_room(self, tracks: int) -> None:
        room_s = disk_room_s(self.names.master.parent, tracks, self._rate_hz)
        if room_s < LEAST_ROOM_S:
            what = f"{self.names.master.parent}: the disk is full"
            raise RecordingError(what, got=f"room for {room_s:.1f} s", allowed=f"{LEAST_ROOM_S:g} s or more", hint="free some space")
        self._mind_room(tracks)

    def _mind_room(self, tracks: int = 0) -> None:
        room_s = disk_room_s(self.names.master.parent, tracks or len(self._tracks), self._rate_hz)
        if room_s < self._room_said_s:
            self._log.say(CHANNEL, f"the disk has room for at least {room_s:.0f} s more", f"room {room_s:.0f}")
            self._room_said_s = 0.5 * room_s


def disk_room_s(folder: Path, tracks: int, sample_rate_hz: int) -> float:
    """How long a take a folder's disk has room for, at least: of floats, which is the most. Infinite where the disk does not say."""
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError:
        return math.inf
    return free_bytes / (_FRAME_BYTES * sample_rate_hz * max(tracks, 1))


def _complete(track: _Track) -> None:
    track.file.finish()
    track.size_bytes = track.disk.size_bytes
    track.disk.commit()


def _keep(track: _Track, commit: bool) -> None:
    if track.disk.gone:
        raise FileNotFoundError(errno.ENOENT, "it was removed while it was written")
    track.file.update()
    track.size_bytes = track.disk.size_bytes
    if commit:
        track.disk.commit()
