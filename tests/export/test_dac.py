import itertools
from pathlib import Path

import numpy as np
import onnx
import pytest

from export.dac import LookaheadRow, decoder_lookahead_frames, export_dac, export_decoder, lookahead_table, show_lookahead_table
from export.errors import CodecExportError
from export.model_file import ExportedModel
from realtime.voices.session import StatefulSession
from tests.dac_reference import odd_codec, tiny_codec, vectors
from training.codecs.dac_stream import shorter_lookahead

# Measured: 2.4e-7.
STREAM_ERROR = 1e-4


def played(model: ExportedModel, codes: np.ndarray, late: int) -> np.ndarray:
    """What a deck makes of a clip: state fed back by the manifest's table, the end flushed by steps without codes."""
    session = StatefulSession(model.entry("decoder.onnx"), model.content)
    shape, audio = session.inputs["codes"].shape, session.outputs["audio"]
    per_call = shape[2] if len(shape) == 3 else 1
    hop = audio.shape[1] // per_call
    calls = -(-(codes.shape[1] * hop + late) // audio.shape[1])
    fed = np.full((shape[1], calls * per_call), -1, np.int64)
    fed[: len(codes), : codes.shape[1]] = codes
    sound = []
    for call in range(calls):
        session.inputs["codes"][...] = fed[:, call * per_call : (call + 1) * per_call].reshape(shape)
        session.step()
        sound.append(audio[0].copy())
    return np.concatenate(sound)[late : late + codes.shape[1] * hop]


@pytest.mark.parametrize(
    "steps", [pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow), 4, pytest.param(8, marks=pytest.mark.slow)]
)
def test_exported_stream_is_the_reference(steps: int) -> None:
    (model,) = export_dac(tiny_codec(), steps=steps)
    codes = vectors()["codes"].astype(np.int64)
    assert (model.role, model.runtime) == ("decoder", "onnx")
    assert model.inputs["codes"] == ("int64", (1, 9) if steps == 1 else (1, 9, steps))
    assert model.outputs["audio"] == ("float32", (1, 512 * steps))
    assert set(model.feedback.values()) == set(model.inputs) - {"codes"}
    assert {model.outputs[after] == model.inputs[name] for after, name in model.feedback.items()} == {True}
    graph = onnx.load_from_string(model.content)
    assert graph.opset_import[0].version == 18
    assert str(Path(__file__).parents[2]).encode() not in model.content
    made = played(model, codes, tiny_codec().lookahead_frames)
    assert np.abs(made - vectors()["decoded_9"]).max() < STREAM_ERROR


@pytest.mark.slow
def test_shorter_lookahead_odd_rates_and_few_codebooks() -> None:
    codes = np.random.default_rng(0).integers(0, 16, (2, 30))
    (model,) = export_dac(odd_codec(), steps=2, codebooks=2)
    assert np.abs(played(model, codes, odd_codec().lookahead_frames) - odd_codec().decode(codes)).max() < STREAM_ERROR
    given = vectors()["codes"].astype(np.int64)
    (model,) = export_decoder(tiny_codec(), held=10, held_levels=5)
    assert np.abs(played(model, given, 0) - vectors()["decoded_9"]).max() < 0.5
    (model, twin) = export_decoder(tiny_codec(), lookahead=shorter_lookahead(tiny_codec().model, 0), torchscript=True)
    assert twin.runtime == "torchscript"
    assert played(model, given, 0).shape == (97_280,)


def test_less_lookahead_as_the_exporter_offers_it() -> None:
    assert decoder_lookahead_frames(tiny_codec()) == 4757
    assert [decoder_lookahead_frames(tiny_codec(), codes) for codes in (0, 1, 4, 10, 99)] == [0, 469, 1685, 4757, 4757]
    (model,) = export_dac(tiny_codec(), steps=4, codebooks=4, lookahead_codes=4)
    made = played(model, vectors()["codes"][:4].astype(np.int64), decoder_lookahead_frames(tiny_codec(), 4))
    error = made - vectors()["decoded_first4"]
    assert np.square(error).sum() < 1e-3 * np.square(vectors()["decoded_first4"]).sum()  # 30 dB; measured 35 with all codebooks


@pytest.mark.parametrize(
    ("options", "got"),
    [({"steps": 3}, "got 3"), ({"codebooks": 10}, "got 10"), ({"codebooks": 0}, "got 0"), ({"lookahead_codes": -1}, "got -1")],
)
def test_what_cannot_be_exported(options: dict[str, int], got: str) -> None:
    with pytest.raises(CodecExportError, match=got):
        export_dac(tiny_codec(), **options)


def test_lookahead_table_says_what_waiting_is_worth() -> None:
    rows = lookahead_table(tiny_codec(), vectors()["audio"][: 40 * 512], steps=8)
    assert [row.lookahead_codes for row in rows] == list(range(11))
    exact = rows[-1]
    assert exact.lookahead_frames == exact.cut_frames == 4757
    assert min(exact.snr_db, exact.cut_snr_db) > 110.0
    assert exact.work == 1.0
    assert max(row.lookahead_frames - row.lookahead_codes * 512 for row in rows) <= 0
    assert max(row.cut_frames - row.lookahead_codes * 512 for row in rows) <= 0
    for fewer, more in itertools.pairwise(rows):
        assert fewer.snr_db <= more.snr_db
        assert fewer.work > more.work
    assert rows[1].work < 2.0 < rows[0].work
    # Guessing is worth its work: at no look-ahead at all it is far better than giving up taps.
    assert rows[0].snr_db > rows[0].cut_snr_db + 6.0
    assert len(show_lookahead_table(rows, 44_100).splitlines()) == 12


def test_lookahead_table_of_silence_is_finite() -> None:
    rows = lookahead_table(tiny_codec(), np.full((9, 4), -1))
    assert all(np.isfinite([row.snr_db, row.cut_snr_db]).all() for row in rows)
    assert isinstance(rows[0], LookaheadRow)
