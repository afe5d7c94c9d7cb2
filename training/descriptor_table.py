"""Rows of descriptors with the sounds and moments they are of, as files of descriptors hold them. It does not know file formats.

Columns go by name and never by place: two files may hold the same ones in different orders, and both give the same rows to who asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patches.descriptors import HOP_FRAMES, SAMPLE_RATE_HZ, DescriptorSpec
from patches.errors import PatchError, WrongValueError
from training.descriptor_errors import DescribedTwiceError, DescriptorSpecError, HopError, MissingColumnError, RateError
from training.descriptors import Descriptors

__all__ = ["UNKNOWN_SAMPLE", "DescriptorTable", "joined_tables", "spec_of", "table_of"]

UNKNOWN_SAMPLE = -1
"""Sample position of a row whose file says none, as in the seeds' predictions."""
SPEC_FAULTS = {"descriptors": "no such descriptor", "hop_frames": "no such hop", "sample_rate_hz": "no such rate"}


@dataclass(frozen=True, eq=False)
class DescriptorTable:
    """Rows of description of one or more sounds.

    Attributes
    ----------
    names : tuple of str
        Ours (`patches.descriptors.ALL_NAMES`), in the order of the columns.
    frames : float64 array, shape (N, D)
        Exactly the file's numbers.
    file_ids : tuple of str, length N
        The sound of each row, usually its path; "" where the file says none.
    sample_positions : int64 array, shape (N,)
        The sample each row is centred on; `UNKNOWN_SAMPLE` where the file says none.
    hop_frames : int or None
        Between two rows of a sound; None where no sound has two.
    sample_rate_hz : int or None
        None where the file does not say, as the seeds' usual layout does not.
    metadata : dict of str to tuple, each of length N
        What else the file says of each row; kept, and not looked at.
    where : Path or None
        The file, for messages.
    """

    names: tuple[str, ...]
    frames: NDArray[np.float64]
    file_ids: tuple[str, ...]
    sample_positions: NDArray[np.int64]
    hop_frames: int | None
    sample_rate_hz: int | None = None
    metadata: dict[str, tuple[object, ...]] = field(default_factory=dict)
    where: Path | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def sounds(self) -> tuple[str, ...]:
        """The sounds, each once, in the order they first come in."""
        return tuple(dict.fromkeys(self.file_ids))

    def frames_for(self, spec: DescriptorSpec) -> NDArray[np.float32]:
        """Return the columns that a spec asks for, in its order.

        Parameters
        ----------
        spec : DescriptorSpec

        Returns
        -------
        float32 array, shape (N, D)

        Raises
        ------
        MissingColumnError
            A name of the spec is not among the columns.
        HopError, RateError
            The file is known to be at another hop or rate.
        """
        missing = [name for name in spec.names if name not in self.names]
        if missing:
            allowed = ", ".join(self.names[:6]) + (" …" if len(self.names) > 6 else "")
            hint = f"Describe the sounds again with --descriptors {spec.text}, or ask for what it has"
            raise MissingColumnError("a column is missing", where=self.where, got=allowed, allowed=f"one named {missing[0]}", hint=hint)
        if self.hop_frames is not None and self.hop_frames != spec.hop_frames:
            raise HopError(
                "described at another hop", where=self.where, got=self.hop_frames, allowed=spec.hop_frames, hint="Describe the sounds again"
            )
        if self.sample_rate_hz is not None and self.sample_rate_hz != spec.sample_rate_hz:
            raise RateError(
                "described at another sample rate",
                where=self.where,
                got=f"{self.sample_rate_hz} Hz",
                allowed=f"{spec.sample_rate_hz} Hz",
                hint="Describe the sounds again",
            )
        return self.frames[:, [self.names.index(name) for name in spec.names]].astype(np.float32)


def table_of(described: Descriptors, spec: DescriptorSpec, file_id: str) -> DescriptorTable:
    """Return the description of one sound as a table.

    Parameters
    ----------
    described : Descriptors
    spec : DescriptorSpec
    file_id : str
        What the sound is to be found by, usually its path.
    """
    count = len(described)
    positions = np.arange(count, dtype=np.int64) * spec.hop_frames
    hop_frames = spec.hop_frames if count > 1 else None
    return DescriptorTable(spec.names, described.frames.astype(np.float64), (file_id,) * count, positions, hop_frames, spec.sample_rate_hz)


def joined_tables(tables: Sequence[DescriptorTable]) -> DescriptorTable:
    """Return tables one below the other, in the columns of the first.

    A sound that two tables describe alike, as where a folder holds the originals and their copies, is taken once.

    Parameters
    ----------
    tables : sequence of DescriptorTable
        At least one.

    Raises
    ------
    MissingColumnError
        A table has other columns than the first.
    HopError, RateError
        Two tables are known to be at different hops or rates.
    DescribedTwiceError
        Two tables describe one moment of one sound differently.
    """
    first = tables[0]
    hops = dict.fromkeys(table.hop_frames for table in tables if table.hop_frames is not None)
    rates = dict.fromkeys(table.sample_rate_hz for table in tables if table.sample_rate_hz is not None)
    if len(hops) > 1:
        got = " and ".join(str(hop) for hop in hops)
        raise HopError("the hops differ", where=first.where, got=got, allowed="the same in all", hint="Describe the sounds again")
    if len(rates) > 1:
        got = " and ".join(f"{rate} Hz" for rate in rates)
        raise RateError("the sample rates differ", where=first.where, got=got, allowed="the same in all", hint="Describe the sounds again")
    known: dict[tuple[str, int], NDArray[np.float64]] = {}
    frames, ids, positions = [], [], []
    metadata: dict[str, list[object]] = {key: [] for key in first.metadata if all(key in table.metadata for table in tables)}
    for table in tables:
        if set(table.names) != set(first.names):
            odd = sorted(set(table.names) ^ set(first.names))[0]
            raise MissingColumnError("not the same columns", where=table.where, got=f"{odd} in one of two", allowed=f"as in {first.where}")
        columns = table.frames[:, [table.names.index(name) for name in first.names]]
        kept = []
        for row, moment in enumerate(zip(table.file_ids, table.sample_positions.tolist(), strict=True)):
            earlier = known.get(moment) if moment[0] and moment[1] != UNKNOWN_SAMPLE else None
            if earlier is None:
                known[moment] = columns[row]
                kept.append(row)
            elif not np.array_equal(earlier, columns[row]):
                raise DescribedTwiceError(
                    "one moment has two descriptions", where=table.where, got=f"{moment[0]} at sample {moment[1]}", allowed="one"
                )
        frames.append(columns[kept])
        ids += [table.file_ids[row] for row in kept]
        positions.append(table.sample_positions[kept])
        for key, values in metadata.items():
            values += [table.metadata[key][row] for row in kept]
    return DescriptorTable(
        first.names,
        np.concatenate(frames),
        tuple(ids),
        np.concatenate(positions),
        next(iter(hops), None),
        next(iter(rates), None),
        {key: tuple(values) for key, values in metadata.items()},
        first.where,
    )


def spec_of(text: str, *, hop_frames: int = HOP_FRAMES, sample_rate_hz: int = SAMPLE_RATE_HZ) -> DescriptorSpec:
    """Read a spec as it is given on a command line.

    Raises
    ------
    DescriptorSpecError
        As `DescriptorSpec.parse` refuses it, but an error of the studio.
    """
    try:
        return DescriptorSpec.parse(text, hop_frames=hop_frames, sample_rate_hz=sample_rate_hz)
    except PatchError as error:
        what = SPEC_FAULTS[error.field] if isinstance(error, WrongValueError) else error.problem
        raise DescriptorSpecError(what, where=f"--{error.field}", got=error.got, allowed=error.allowed, hint=error.hint or None) from error
