"""The dials of one training of the `spectral` codec. It does not know what the model does with them."""

from dataclasses import dataclass
from pathlib import Path

from training.codecs.spectral import SpectralConfig
from training.dials import Choice, Dials, Range, dial, read_dials

DEFAULT_RECIPE = Path(__file__).parent / "recipes" / "codec.toml"


@dataclass(frozen=True)
class CodecRecipe(Dials):
    """All dials; building one checks every value.

    Parameters
    ----------
    trained : str
        ``all``, or ``decoder``: then a codec to start from keeps its encoder and its codebooks, so that datasets made with it stay good.
    size : int
        Width of encoder and decoder.
    encoder_blocks, decoder_blocks : int
        ConvNeXt blocks of each.
    kernel, expansion : int
        Steps a block sees, and the width of its perceptron over `size`.
    codebooks, codebook_size, code_size : int
        Residual look-ups, codes in each, dimensions of the look-up.
    fewer_share : float
        Share of examples decoded from their first codebooks only, so that a stage may leave the others out.
    crop_steps : int
        Length of a training example in steps of 512 frames; 86 are one second.
    batch_size : int
        Examples per optimiser step.
    learning_rate : float
        Peak rate; it rises over `warm_up` updates and falls along a half cosine over `updates`.
    warm_up, updates : int
        Optimiser steps.
    gain_db : float
        Examples are made up to this much louder or softer.
    repulsion : float
        How far apart two decodings of the same codes should be: 1 is the energy distance, under which noise stays noise; 0 asks for the
        median, which turns it into tones.
    level : float
        Weight of the level of whole examples beside that distance.
    roughness : float
        Weight, per 10 dB, of steady tones in the long-term spectrum that the source has not.
    commitment, codebook : float
        Weights of the quantiser's two losses beside that distance.
    discriminator : float
        Weight of spectrogram discriminators; 0 trains without. They take five times the time per update on a CPU.
    validation_interval : int
        Updates between two looks at the held-out audio.
    held_out_share : float
        Share of the files kept out of training.
    seed : int
        Start of every random draw.
    """

    trained: str = dial(Choice(("all", "decoder")))
    size: int = dial(Range(8, 2048))
    encoder_blocks: int = dial(Range(1, 32))
    decoder_blocks: int = dial(Range(1, 32))
    kernel: int = dial(Range(2, 31))
    expansion: int = dial(Range(1, 8))
    codebooks: int = dial(Range(1, 16))
    codebook_size: int = dial(Range(2, 4096))
    code_size: int = dial(Range(1, 64))
    fewer_share: float = dial(Range(0.0, 1.0))
    crop_steps: int = dial(Range(8, 4096))
    batch_size: int = dial(Range(1, 1024))
    learning_rate: float = dial(Range(1e-6, 0.1))
    warm_up: int = dial(Range(0, 100_000))
    updates: int = dial(Range(1, 10_000_000))
    gain_db: float = dial(Range(0.0, 24.0))
    repulsion: float = dial(Range(0.0, 1.0))
    level: float = dial(Range(0.0, 100.0))
    roughness: float = dial(Range(0.0, 100.0))
    commitment: float = dial(Range(0.0, 100.0))
    codebook: float = dial(Range(0.0, 100.0))
    discriminator: float = dial(Range(0.0, 100.0))
    validation_interval: int = dial(Range(1, 100_000))
    held_out_share: float = dial(Range(0.001, 0.5))
    seed: int = dial(Range(0, 2**31 - 1))

    def config(self) -> SpectralConfig:
        """Return the sizes of the codec."""
        return SpectralConfig(
            self.size,
            self.encoder_blocks,
            self.decoder_blocks,
            self.kernel,
            self.expansion,
            self.codebooks,
            self.codebook_size,
            self.code_size,
        )


def read_codec_recipe(file: Path = DEFAULT_RECIPE) -> CodecRecipe:
    """Read a recipe file; dials it leaves out come from the default recipe. Raises RecipeError."""
    return read_dials(CodecRecipe, file, DEFAULT_RECIPE)
