"""The `spectral` codec as two streaming models, one step of 512 frames per call. It does not know patches.

Fourier transforms are matrices that ONNX Runtime computes when it opens a file (`export.trigonometry`): exact, at no cost in bytes.
"""

import math

import torch
from torch import Tensor, nn

from export.model_file import ExportedModel
from export.streaming import to_models
from training.codecs.quantiser import ResidualQuantiser
from training.codecs.spectral import (
    HOP_FRAMES,
    LONG_FRAMES,
    NOISE_BINS,
    NOISE_COUNT,
    NOISE_FRAMES,
    SHORT_FRAMES,
    TONE_FRAMES,
    SpectralCodec,
    SpectralDecoder,
    SpectralEncoder,
)

__all__ = ["SpectralDecoderStep", "SpectralEncoderStep", "export_spectral"]


def cosines(frames: int) -> Tensor:
    """Return cos(2π k n / frames) for k, n from 0 to half of it, (frames / 2 + 1,) squared."""
    return torch.cos(_angles(frames, 0, frames // 2 + 1)).float()


def sines(frames: int) -> Tensor:
    """Return sin(2π k n / frames) for k, n between 0 and half of it, both excluded."""
    return torch.sin(_angles(frames, 1, frames // 2)).float()


def _angles(frames: int, first: int, last: int) -> Tensor:
    k = torch.arange(first, last)
    return (k[:, None] * k % frames).double() * (2.0 * math.pi / frames)


class HalfInverse(nn.Module):
    """Inverse Fourier transform of half a spectrum: the even part from the real, the odd part from the imaginary half."""

    def __init__(self, frames: int):
        super().__init__()
        self.frames = frames
        self.register_buffer(f"cosines_{frames}", cosines(frames))
        self.register_buffer(f"sines_{frames}", sines(frames))
        weight = torch.full((frames // 2 + 1,), 2.0)
        weight[0] = weight[-1] = 1.0
        # Orthonormal, at an RMS of 1 per unit gain of real and imaginary part.
        self.register_buffer("weight", weight * (0.5 / frames) ** 0.5)

    def forward(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """(..., frames / 2 + 1) twice -> (..., frames)."""
        even = (real * self.weight) @ getattr(self, f"cosines_{self.frames}")
        odd = (imaginary * self.weight)[..., 1:-1] @ getattr(self, f"sines_{self.frames}")
        inner = even[..., 1:-1]
        return torch.cat([even[..., :1], inner - odd, even[..., -1:], torch.flip(inner + odd, (-1,))], dim=-1)


class HalfForward(nn.Module):
    """Magnitude spectrum of real frames."""

    def __init__(self, frames: int):
        super().__init__()
        self.frames = frames
        self.register_buffer(f"cosines_{frames}", cosines(frames))
        self.register_buffer(f"sines_{frames}", sines(frames))

    def forward(self, x: Tensor) -> Tensor:
        """(..., frames) -> (..., frames / 2 + 1)."""
        half = self.frames // 2
        front, back = x[..., 1:half], torch.flip(x[..., half + 1 :], (-1,))
        even = torch.cat([x[..., :1], front + back, x[..., half : half + 1]], dim=-1)
        real = even @ getattr(self, f"cosines_{self.frames}")
        imaginary = (front - back) @ getattr(self, f"sines_{self.frames}")
        edge = torch.zeros_like(x[..., :1])
        return torch.sqrt(real.square() + torch.cat([edge, imaginary, edge], dim=-1).square())


class SpeakingDecoder(SpectralDecoder):
    """The decoder with matrices in place of FFTs, which no exporter writes well."""

    def __init__(self, decoder: SpectralDecoder):
        super().__init__(decoder.config)
        self.load_state_dict(decoder.state_dict())
        self.inverses = nn.ModuleDict({str(frames): HalfInverse(frames) for frames in (TONE_FRAMES, NOISE_FRAMES)})

    def inverse(self, real: Tensor, imaginary: Tensor, frames: int) -> Tensor:
        """As the decoder's own."""
        return self.inverses[str(frames)](real, imaginary)


class HearingEncoder(SpectralEncoder):
    """The encoder with matrices in place of FFTs."""

    def __init__(self, encoder: SpectralEncoder):
        super().__init__(encoder.config)
        self.load_state_dict(encoder.state_dict())
        self.transforms = nn.ModuleDict({str(frames): HalfForward(frames) for frames in (LONG_FRAMES, SHORT_FRAMES)})

    def magnitude(self, x: Tensor, frames: int) -> Tensor:
        """As the encoder's own."""
        return self.transforms[str(frames)](x)


class SpectralDecoderStep(nn.Module):
    """One call: codes (1, K) and noise (1, 2, 4, 257) to 512 frames; state in and out."""

    role = "decoder"

    def __init__(self, codec: SpectralCodec):
        super().__init__()
        self.quantiser: ResidualQuantiser = codec.quantiser
        self.decoder = SpeakingDecoder(codec.decoder)
        self.states = self.decoder.initial_state()
        self.inputs = {
            "codes": torch.zeros(1, codec.config.codebooks, dtype=torch.int64),
            "noise": torch.zeros(1, 2, NOISE_COUNT, NOISE_BINS),
        }
        self.outputs = ("audio",)

    def forward(self, codes: Tensor, noise: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Decode one step."""
        audio, state = self.decoder(self.quantiser.decode(codes[:, :, None]), noise[:, None], state)
        return audio, *state


class SpectralEncoderStep(nn.Module):
    """One call: 512 frames to codes (1, K); state in and out."""

    role = "encoder"

    def __init__(self, codec: SpectralCodec):
        super().__init__()
        self.quantiser: ResidualQuantiser = codec.quantiser
        self.encoder = HearingEncoder(codec.encoder)
        self.states = self.encoder.initial_state()
        self.inputs = {"audio": torch.zeros(1, HOP_FRAMES)}
        self.outputs = ("codes",)

    def forward(self, audio: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Encode one step."""
        vectors, state = self.encoder(audio, state)
        return self.quantiser.encode(vectors)[:, :, 0], *state


def export_spectral(codec: SpectralCodec, *, torchscript: bool = True) -> list[ExportedModel]:
    """Return decoder and encoder as ONNX, and as TorchScript where asked for."""
    models = []
    for step in (SpectralDecoderStep(codec).eval(), SpectralEncoderStep(codec).eval()):
        models += to_models(step, torchscript=torchscript)
    return models
