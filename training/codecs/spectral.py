"""The `spectral` codec: magnitude spectra in, residual codes, an inverse STFT and shaped noise out. It does not know losses or files.

::

    audio ─ two spectra ─ ConvNeXt ─ residual quantiser ─ ConvNeXt ┬ magnitude and phase ─ inverse STFT 1024/256 ─ + ─ audio
                                                                   └ gains × white noise ─ inverse STFT 512/128 ─┘

Time is counted in steps of 512 frames. Code s is made from the sound up to the end of step s, and the decoder turns it into step s - 1: one
hop of look-ahead, so a code has heard an onset before it must make one. Everything else is causal.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.codecs.layers import ConvNeXtBlock, overlap_add
from training.codecs.quantiser import Quantised, ResidualQuantiser

__all__ = ["HOP_FRAMES", "LOOKAHEAD_FRAMES", "SAMPLE_RATE_HZ", "SpectralCodec", "SpectralConfig", "SpectralDecoder", "SpectralEncoder"]

SAMPLE_RATE_HZ = 44100
HOP_FRAMES = 512
LOOKAHEAD_FRAMES = 512
# What the encoder looks at: a long window for pitch, short ones for onsets.
LONG_FRAMES = 2048
SHORT_FRAMES, SHORT_HOP = 256, 128
SHORT_COUNT = HOP_FRAMES // SHORT_HOP
PAST_FRAMES = LONG_FRAMES - HOP_FRAMES
# Magnitudes of an unnormalised window under this are the noise floor of 16 bits.
FLOOR = 1e-3
# What the decoder speaks with: tones want fine bins, noise wants fine time.
TONE_FRAMES, TONE_HOP = 1024, 256
NOISE_FRAMES, NOISE_HOP = 512, 128
TONE_COUNT, NOISE_COUNT = HOP_FRAMES // TONE_HOP, HOP_FRAMES // NOISE_HOP
TONE_BINS, NOISE_BINS = TONE_FRAMES // 2 + 1, NOISE_FRAMES // 2 + 1
OVERLAP = 4
# Natural logarithms of RMS per bin. Tones start far below the noise, so that what can be noise is learned as noise.
TONE_START, NOISE_START = -7.0, -4.5
LOUDEST = 3.0

State = tuple[Tensor, ...]


@dataclass(frozen=True)
class SpectralConfig:
    """Sizes of the codec, as its `meta.json` keeps them."""

    size: int
    encoder_blocks: int
    decoder_blocks: int
    kernel: int
    expansion: int
    codebooks: int
    codebook_size: int
    code_size: int


class SpectralEncoder(nn.Module):
    """Sound to one vector per step; causal."""

    def __init__(self, config: SpectralConfig):
        super().__init__()
        self.config = config
        self.register_buffer("long_window", torch.hann_window(LONG_FRAMES), persistent=False)
        self.register_buffer("short_window", torch.hann_window(SHORT_FRAMES), persistent=False)
        features = LONG_FRAMES // 2 + 1 + SHORT_COUNT * (SHORT_FRAMES // 2 + 1)
        self.enter = nn.Linear(features, config.size)
        self.blocks = nn.ModuleList(ConvNeXtBlock(config.size, config.kernel, config.expansion) for _ in range(config.encoder_blocks))
        self.norm = nn.LayerNorm(config.size)
        self.leave = nn.Linear(config.size, config.size)

    def initial_state(self, batch: int = 1) -> State:
        """Return the state of a stream that begins: silence before it."""
        weight = self.enter.weight
        past = [weight.new_zeros(batch, block.past, self.config.size) for block in self.blocks]
        return (weight.new_zeros(batch, PAST_FRAMES), *past)

    def forward(self, audio: Tensor, state: State) -> tuple[Tensor, State]:
        """Encode a chunk, (B, S * 512) -> (B, S, size)."""
        heard = torch.cat([state[0], audio], dim=1)
        x = self.enter(self._features(heard))
        states = [heard[:, -PAST_FRAMES:]]
        for block, past in zip(self.blocks, state[1:], strict=True):
            x, past = block(x, past)
            states.append(past)
        return self.leave(self.norm(x)), tuple(states)

    def _features(self, heard: Tensor) -> Tensor:
        frames = heard.unfold(1, LONG_FRAMES, HOP_FRAMES)  # (B, S, 2048)
        long = self._log_magnitude(frames * self.long_window, LONG_FRAMES)
        ends = frames[..., LONG_FRAMES - HOP_FRAMES - SHORT_FRAMES + SHORT_HOP :].unfold(2, SHORT_FRAMES, SHORT_HOP)
        short = self._log_magnitude(ends * self.short_window, SHORT_FRAMES).flatten(2)
        return torch.cat([long, short], dim=2)

    def _log_magnitude(self, x: Tensor, frames: int) -> Tensor:
        return torch.log(self.magnitude(x, frames) + FLOOR) * 0.3

    def magnitude(self, x: Tensor, frames: int) -> Tensor:
        """Return the magnitude spectrum, (..., frames) -> (..., frames / 2 + 1)."""
        return torch.fft.rfft(x, n=frames).abs()


class SpectralDecoder(nn.Module):
    """One vector per step to sound; causal, one hop behind."""

    def __init__(self, config: SpectralConfig):
        super().__init__()
        self.config = config
        # Hann windows at a quarter of their length add up to 2.
        self.register_buffer("tone_window", 0.5 * torch.hann_window(TONE_FRAMES), persistent=False)
        # Independent frames add in power: Hann windows squared add up to 1.5.
        self.register_buffer("noise_window", torch.hann_window(NOISE_FRAMES) / 1.5**0.5, persistent=False)
        self.enter = nn.Linear(config.size, config.size)
        self.blocks = nn.ModuleList(ConvNeXtBlock(config.size, config.kernel, config.expansion) for _ in range(config.decoder_blocks))
        self.norm = nn.LayerNorm(config.size)
        self.tones = nn.Linear(config.size, 2 * TONE_COUNT * TONE_BINS)
        self.gains = nn.Linear(config.size, NOISE_COUNT * NOISE_BINS)
        with torch.no_grad():
            for head, start in ((self.tones, TONE_START), (self.gains, NOISE_START)):
                head.weight.mul_(0.3)
                head.bias.zero_()
                head.bias[: TONE_COUNT * TONE_BINS if head is self.tones else None] = start

    @staticmethod
    def noise_shape(batch: int, steps: int) -> tuple[int, ...]:
        """Return the shape of the noise: real and imaginary parts of white spectra, standard normal."""
        return (batch, steps, 2, NOISE_COUNT, NOISE_BINS)

    def initial_state(self, batch: int = 1) -> State:
        """Return the state of a stream that begins."""
        weight = self.enter.weight
        past = [weight.new_zeros(batch, block.past, self.config.size) for block in self.blocks]
        tails = [weight.new_zeros(batch, OVERLAP - 1, hop) for hop in (TONE_HOP, NOISE_HOP)]
        return (*tails, *past)

    def forward(self, vectors: Tensor, noise: Tensor, state: State) -> tuple[Tensor, State]:
        """Decode a chunk, (B, S, size) and noise -> (B, S * 512)."""
        (tones, gains), past = self.shape(vectors, state[2:])
        audio, tails = self.speak(tones, gains, noise, state[:2])
        return audio, (*tails, *past)

    def shape(self, vectors: Tensor, past: State) -> tuple[tuple[Tensor, Tensor], State]:
        """Return what to say: tones (B, S, 2, 2, 513), natural log magnitude and phase, and log gains (B, S, 4, 257)."""
        x = self.enter(vectors)
        states = []
        for block, before in zip(self.blocks, past, strict=True):
            x, before = block(x, before)
            states.append(before)
        x = self.norm(x)
        batch, steps = x.shape[:2]
        tones = self.tones(x).reshape(batch, steps, 2, TONE_COUNT, TONE_BINS)
        gains = self.gains(x).reshape(batch, steps, NOISE_COUNT, NOISE_BINS)
        return (tones, gains), tuple(states)

    def speak(self, tones: Tensor, gains: Tensor, noise: Tensor, tails: State) -> tuple[Tensor, State]:
        """Turn that into sound with this noise."""
        batch, steps = tones.shape[:2]
        magnitude = torch.exp(tones[:, :, 0].clamp(max=LOUDEST))
        phase = tones[:, :, 1]
        tone_frames = self.inverse(magnitude * torch.cos(phase), magnitude * torch.sin(phase), TONE_FRAMES) * self.tone_window
        gain = torch.exp(gains.clamp(max=LOUDEST))
        noise_frames = self.inverse(gain * noise[:, :, 0], gain * noise[:, :, 1], NOISE_FRAMES) * self.noise_window
        tone, tone_tail = overlap_add(tone_frames.reshape(batch, steps * TONE_COUNT, OVERLAP, TONE_HOP), tails[0])
        hiss, noise_tail = overlap_add(noise_frames.reshape(batch, steps * NOISE_COUNT, OVERLAP, NOISE_HOP), tails[1])
        audio = tone.reshape(batch, steps * HOP_FRAMES) + hiss.reshape(batch, steps * HOP_FRAMES)
        return audio, (tone_tail, noise_tail)

    def inverse(self, real: Tensor, imaginary: Tensor, frames: int) -> Tensor:
        """Return the inverse of half a spectrum, (..., frames / 2 + 1) -> (..., frames), at an RMS of 1 per unit gain."""
        return torch.fft.irfft(torch.complex(real, imaginary), n=frames, norm="ortho") * 0.5**0.5


class SpectralCodec(nn.Module):
    """Encoder, quantiser and decoder."""

    def __init__(self, config: SpectralConfig):
        super().__init__()
        self.config = config
        self.encoder = SpectralEncoder(config)
        self.quantiser = ResidualQuantiser(config.size, config.codebooks, config.codebook_size, config.code_size)
        self.decoder = SpectralDecoder(config)

    def forward(self, audio: Tensor, noises: tuple[Tensor, ...], used: Tensor | None = None) -> tuple[list[Tensor], Quantised]:
        """Reconstruct for training, once per noise: (B, S * 512) in; out, each one hop late, of the same length."""
        vectors, _ = self.encoder(audio, self.encoder.initial_state(len(audio)))
        quantised = self.quantiser(vectors, used)
        state = self.decoder.initial_state(len(audio))
        (tones, gains), _ = self.decoder.shape(quantised.vectors, state[2:])
        return [self.decoder.speak(tones, gains, noise, state[:2])[0] for noise in noises], quantised

    def encode(self, audio: Tensor) -> Tensor:
        """Return the codes of whole sounds, (B, S * 512) -> (B, K, S)."""
        return self.quantiser.encode(self.encoder(audio, self.encoder.initial_state(len(audio)))[0])

    def decode(self, codes: Tensor, noise: Tensor) -> Tensor:
        """Return the sound of whole streams, one hop late: (B, k, S) -> (B, S * 512)."""
        return self.decoder(self.quantiser.decode(codes), noise, self.decoder.initial_state(len(codes)))[0]
