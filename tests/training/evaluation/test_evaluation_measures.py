import numpy as np
import pytest
import soundfile
import torch
from scipy import signal

from training.evaluation.drift import FEWEST_SAMPLES, drift_scores, memory_scores
from training.evaluation.frechet import fit_subspace, frechet_distance, matched_halves
from training.evaluation.line_spread import is_noise, line_spread_db
from training.evaluation.log_mel_distance import RESOLUTIONS, log_mel_distance, si_sdr_db
from training.evaluation.spectrum import level_db, mel_bands, power_spectra

RATE = 44_100


def noise(seconds: float, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def lines(seconds: float, spacing_hz: float, level: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return sum(level * np.sin(2 * np.pi * k * spacing_hz * time + k) for k in range(1, int(16_000 / spacing_hz))).astype(np.float32)


# --- spectra ---


def test_a_full_scale_sine_has_its_known_power_and_level():
    sine = np.sin(2 * np.pi * 1000.0 * np.arange(RATE) / RATE).astype(np.float32)
    assert level_db(sine) == pytest.approx(-3.01, abs=0.01)
    assert 0.35 < power_spectra(sine, 2048, 512).max() <= 0.51
    assert power_spectra(sine[:100], 2048, 512).shape == (1, 1025)


# --- line spread ---


def test_white_noise_has_the_spread_of_chance_and_lines_add_to_it():
    # Welch with half overlap of a Hann window: about 0.95 n independent averages of an exponential, each 5.57 dB wide.
    seconds = 15.0
    segments = seconds * RATE / 4096
    plain = line_spread_db([noise(seconds)], RATE)
    assert plain == pytest.approx(4.34 / np.sqrt(0.95 * segments), rel=0.2)
    assert line_spread_db([noise(seconds) + lines(seconds, 86.0, 0.01)], RATE) > plain + 3.0


def test_the_spread_does_not_know_the_colour_or_the_level():
    coloured = signal.sosfilt(signal.butter(1, 300.0, fs=RATE, output="sos"), noise(10.0)).astype(np.float32)
    assert line_spread_db([coloured * 0.01], RATE) == pytest.approx(line_spread_db([noise(10.0)], RATE), abs=0.1)


def test_noise_is_told_from_a_hum():
    assert is_noise([noise(6.0, seed) for seed in range(3)], RATE)
    assert not is_noise([noise(6.0, seed) + lines(6.0, 86.0, 0.02) for seed in range(3)], RATE)
    # A room colours what is clapped in it, up and down by some dB; however many clips there are, a hum stays one.
    room = np.random.default_rng(9).standard_normal(4000) * np.exp(-np.arange(4000) / 800.0)
    clapped = [signal.fftconvolve(noise(3.0, seed), room)[: 3 * RATE].astype(np.float32) for seed in range(3)]
    assert line_spread_db(clapped[:1], RATE) > 2.0
    assert is_noise(clapped, RATE)
    assert not is_noise([noise(1.0, seed) + lines(1.0, 86.0 + seed, 0.02) for seed in range(5)], RATE)
    with pytest.raises(ValueError, match="8192"):
        line_spread_db([noise(0.1)], RATE)


# --- codec ---


def test_log_mel_distance_of_a_gain_is_its_logarithm():
    sound = noise(1.0)
    assert log_mel_distance(sound, sound, RATE) == 0.0
    assert log_mel_distance(sound, sound * 10.0, RATE) == pytest.approx(1.0, abs=1e-3)
    assert log_mel_distance(sound, sound * 0.0, RATE) > 2.0


def test_log_mel_distance_is_the_published_loss():
    a, b = noise(0.5, 1), signal.lfilter([1.0, -0.7], [1.0], noise(0.5, 2)).astype(np.float32)
    expected = []
    for window, bands in RESOLUTIONS:
        mels = []
        for sound in (a, b):
            spectra = torch.stft(torch.tensor(sound), window, window // 4, window=torch.hann_window(window), return_complex=True)
            mels.append((torch.tensor(mel_bands(RATE, window, bands)) @ spectra.abs()).clamp(min=1e-5).log10())
        expected.append((mels[0] - mels[1]).abs().mean().item())
    assert log_mel_distance(a, b, RATE) == pytest.approx(np.mean(expected), rel=1e-4)


def test_si_sdr_of_known_errors():
    sound, other = noise(1.0, 1), noise(1.0, 2)
    other = other - sound * (other @ sound) / (sound @ sound)
    other *= 0.1 * np.linalg.norm(sound) / np.linalg.norm(other)
    assert si_sdr_db(sound, sound + other) == pytest.approx(20.0, abs=0.05)
    assert si_sdr_db(sound, 3.0 * (sound + other)) == pytest.approx(20.0, abs=0.05)


# --- Fréchet ---


def test_frechet_distance_of_known_gaussians():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((500, 3))
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(a, a + np.array([3.0, 0.0, 4.0])) == pytest.approx(25.0, rel=1e-6)
    # Of one column: (σ - 2σ)².
    assert frechet_distance(a[:, :1], 2.0 * a[:, :1] - a[:, :1].mean()) == pytest.approx(np.var(a[:, 0], ddof=1), rel=1e-6)
    turned = a @ np.linalg.qr(rng.standard_normal((3, 3)))[0]
    assert frechet_distance(a, turned) == pytest.approx(frechet_distance(turned, a), rel=1e-6)


def test_a_subspace_is_small_enough_for_its_rows():
    rows = np.random.default_rng(0).standard_normal((40, 128))
    assert fit_subspace(rows).project(rows).shape == (40, 10)
    assert fit_subspace(np.repeat(rows, 10, axis=0)).project(rows).shape == (40, 32)


def test_halves_are_alike_in_their_parameters():
    values = np.random.default_rng(3).uniform(size=(44, 2))
    a, b = matched_halves(values, np.random.default_rng(0))
    assert len(a) == len(b) == 22
    assert set(a) | set(b) == set(range(44))
    assert np.abs(values[a].mean(axis=0) - values[b].mean(axis=0)).max() < 0.05
    shuffled = np.random.default_rng(1).permutation(22)
    assert np.abs(values[a] - values[b]).mean() < 0.4 * np.abs(values[a] - values[b][shuffled]).mean()
    a, b = matched_halves(np.zeros((5, 0)), np.random.default_rng(0))
    assert len(a) == len(b) == 2
    assert not set(a) & set(b)


# --- drift ---


def test_a_steady_sound_does_not_drift_and_a_step_is_its_size(tmp_path):
    steady, file = noise(16.0), tmp_path / "a.wav"
    soundfile.write(file, np.stack([steady, steady], axis=1), RATE, subtype="PCM_24")
    scores = drift_scores(file)
    assert scores["drift_db"] < 0.1
    assert scores["spectral_drift_db"] < 0.3
    assert scores["drift"]["seconds"] == 15.0
    steady[11 * RATE :] *= 10.0 ** (-3.0 / 20.0)
    soundfile.write(file, np.stack([steady, steady], axis=1), RATE, subtype="PCM_24")
    assert drift_scores(file)["drift_db"] == pytest.approx(3.0, abs=0.1)
    steady[11 * RATE :] = signal.sosfilt(signal.butter(2, 1000.0, fs=RATE, output="sos"), steady[11 * RATE :])
    soundfile.write(file, np.stack([steady, steady], axis=1), RATE, subtype="PCM_24")
    assert drift_scores(file)["spectral_drift_db"] > 5.0


def test_memory_is_flat_or_not():
    start = [float(x) for x in range(0, 200, 4)]
    assert memory_scores([*start, *[200.0] * FEWEST_SAMPLES])["memory_flat"] is True
    assert memory_scores([200.0 + 0.2 * x for x in range(FEWEST_SAMPLES)])["memory_flat"] is False
    assert memory_scores([200.0] * 10) == {"memory_flat": None, "memory_mib": None}
