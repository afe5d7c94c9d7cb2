"""The `spectral` codec under Lightning: its loss, its optimisers and its look at held-out sound. It does not know files."""

import math
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from training.callbacks import MONITOR
from training.codec_recipe import CodecRecipe
from training.codecs.discriminator import SpectrogramDiscriminators
from training.codecs.losses import SpectralFeatures, energy_distance, level_distance, log_mel_distance, roughness_distance
from training.codecs.spectral import LOOKAHEAD_FRAMES, SAMPLE_RATE_HZ, SpectralCodec

GRADIENT_NORM = 1.0
BETAS = (0.8, 0.99)


class CodecModule(pl.LightningModule):
    """Loss, optimisers and the look at held-out sound.

    Parameters
    ----------
    recipe : CodecRecipe
    keep : callable
        Called with the module and its held-out scores whenever they are the best so far.
    """

    def __init__(self, recipe: CodecRecipe, keep: Callable[["CodecModule", dict[str, float]], None]):
        super().__init__()
        # Two optimisers take turns where there are discriminators; one loop for both cases is easier to read than two.
        self.automatic_optimization = False
        self.recipe = recipe
        self.codec = SpectralCodec(recipe.config())
        self.features = SpectralFeatures(SAMPLE_RATE_HZ)
        self.discriminators = SpectrogramDiscriminators() if recipe.discriminator > 0.0 else None
        self.best_loss = math.inf
        self._keep = keep
        self._looks: list[dict[str, Tensor]] = []

    def on_train_epoch_start(self) -> None:
        """Seed noise and revived codes from the update number, so that a resumed stretch draws what it would have drawn."""
        if self.recipe.trained == "decoder":
            self.codec.encoder.requires_grad_(False)
            # In evaluation it neither revives codes nor counts their use.
            self.codec.quantiser.requires_grad_(False).eval()
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.global_step)

    def training_step(self, audio: Tensor, index: int) -> None:
        """Make one update."""
        optimiser = self.optimizers()
        optimiser = optimiser[0] if isinstance(optimiser, list) else optimiser
        fewer = torch.rand(len(audio), device=self.device) < self.recipe.fewer_share
        some = torch.randint(1, self.recipe.codebooks + 1, (len(audio),), device=self.device)
        used = torch.where(fewer, some, self.recipe.codebooks)
        (first, second), quantised = self.codec(audio, self._noises(audio), used)
        target, first, second = _aligned(audio, first, second)
        loss, _, level = self._distance(target, first, second)
        self.log("training_loss", loss, batch_size=len(audio))
        rough = roughness_distance(target, first) / 10.0
        loss = loss + self.recipe.level * level + self.recipe.roughness * rough
        loss = loss + self.recipe.commitment * quantised.commitment + self.recipe.codebook * quantised.codebook
        if self.discriminators is not None:
            loss = loss + self.recipe.discriminator * self.discriminators.adversarial(target, first)
        optimiser.zero_grad()
        self.manual_backward(loss)
        torch.nn.utils.clip_grad_norm_(self.codec.parameters(), GRADIENT_NORM)
        optimiser.step()
        self.lr_schedulers().step()
        if self.discriminators is not None:
            # Not through the trainer: it would count this as another update.
            opponent = self.optimizers()[1].optimizer
            opponent.zero_grad()
            self.discriminators.loss(target, first).backward()
            opponent.step()

    def on_validation_epoch_start(self) -> None:
        """Forget the last look, and use the same noise as in every look."""
        self._looks = []
        torch.manual_seed(self.recipe.seed)

    def validation_step(self, audio: Tensor, index: int) -> None:
        """Measure one held-out batch."""
        (first, second), quantised = self.codec(audio, self._noises(audio))
        target, first, second = _aligned(audio, first, second)
        loss, mel, off = self._distance(target, first, second)
        rough = roughness_distance(target, first)
        loss = loss + self.recipe.level * off + self.recipe.roughness * rough / 10.0
        level = 10.0 * torch.log10(first.square().mean(1) / target.square().mean(1).clamp(min=1e-12)).abs().mean()
        self._looks.append({"loss": loss, "mel": mel, "level": level, "rough": rough, "codes": quantised.codes})

    def on_validation_epoch_end(self) -> None:
        """Log the held-out scores, and keep the codec if it is better than before."""
        loss, mel, level, rough = (
            float(torch.stack([look[name] for look in self._looks]).mean()) for name in ("loss", "mel", "level", "rough")
        )
        codes = torch.cat([look["codes"].transpose(1, 2).flatten(0, 1) for look in self._looks])  # (N, K)
        entropy = [_perplexity(column, self.recipe.codebook_size) for column in codes.unbind(1)]
        scores = {"validation_distance": loss, "validation_log_mel": mel, "validation_level_db": level, "validation_roughness_db": rough}
        scores |= {f"perplexity_{number}": value for number, value in enumerate(entropy, 1)}
        self.log_dict(
            {MONITOR: loss, "log_mel": mel, "level_db": level, "roughness_db": rough}
            | {name: v for name, v in scores.items() if "perp" in name}
        )
        if loss < self.best_loss:
            self.best_loss = loss
            self._keep(self, scores)

    def configure_optimizers(self) -> Any:
        """Return AdamW under a warm-up and half a cosine; a second one for the discriminators, if there are any."""
        recipe = self.recipe
        learned = self.codec if recipe.trained == "all" else self.codec.decoder
        optimiser = torch.optim.AdamW(learned.parameters(), lr=recipe.learning_rate, betas=BETAS)

        def rate(update: int) -> float:
            rise = min(1.0, (update + 1) / max(1, recipe.warm_up))
            return rise * (0.5 + 0.5 * math.cos(math.pi * min(1.0, update / recipe.updates)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
        if self.discriminators is None:
            return [optimiser], [schedule]
        return [optimiser, torch.optim.AdamW(self.discriminators.parameters(), lr=recipe.learning_rate / 3.0, betas=BETAS)], [schedule]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the best loss, so that a resumed training keeps nothing worse."""
        checkpoint["best_loss"] = self.best_loss

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the best loss back."""
        self.best_loss = checkpoint["best_loss"]

    def _noises(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        shape = self.codec.decoder.noise_shape(len(audio), self.recipe.crop_steps)
        return torch.randn(shape, device=self.device), torch.randn(shape, device=self.device)

    def _distance(self, target: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.no_grad():
            real = self.features(target)
        one, two = self.features(first), self.features(second)
        level = 0.5 * (level_distance(real, one) + level_distance(real, two))
        return energy_distance(real, one, two, self.recipe.repulsion), log_mel_distance(real, one).detach(), level


def _aligned(audio: Tensor, *decoded: Tensor) -> tuple[Tensor, ...]:
    """Cut away the hop by which decoded sound is late, from both sides of the comparison."""
    return audio[:, :-LOOKAHEAD_FRAMES], *(sound[:, LOOKAHEAD_FRAMES:] for sound in decoded)


def _perplexity(codes: Tensor, entries: int) -> float:
    """Return how many codes are in use, counted by how evenly."""
    # To the processor first: the GPU of a Mac has no float64.
    share = torch.bincount(codes.cpu(), minlength=entries).double() / len(codes)
    return float(torch.exp(-(share * torch.log(share.clamp(min=1e-12))).sum()))
