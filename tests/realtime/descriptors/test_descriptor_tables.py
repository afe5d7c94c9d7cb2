import numpy as np
import pytest
import scipy.fftpack
import scipy.signal

from realtime.descriptors import tables
from training.one_librosa import librosa

# Measured 6e-16.
TOLERANCE = 2e-15


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_the_mel_filters_are_librosas(rate_hz):
    expected = librosa.filters.mel(sr=rate_hz, n_fft=2048, n_mels=128)
    assert np.array_equal(tables.mel_basis(rate_hz), expected)


def test_the_window_is_librosas():
    np.testing.assert_allclose(tables.hann(), librosa.filters.get_window("hann", 2048), rtol=0.0, atol=TOLERANCE)


def test_the_cosine_transform_is_scipys():
    expected = scipy.fftpack.dct(np.eye(128), axis=0, type=2, norm="ortho")[:13]
    np.testing.assert_allclose(tables.dct_basis(), expected, rtol=0.0, atol=TOLERANCE)


@pytest.mark.parametrize("order", [1, 2])
def test_the_derivatives_are_scipys(order):
    expected = scipy.signal.savgol_coeffs(9, order, deriv=order, use="dot")
    np.testing.assert_allclose(tables.delta_weights()[order - 1], expected, rtol=0.0, atol=TOLERANCE)
