"""All textures by name; it knows nothing of any of them but where they are."""

from types import MappingProxyType

from training.synthesis.applause import APPLAUSE
from training.synthesis.bees import BEES
from training.synthesis.fire import FIRE
from training.synthesis.pistons import PISTONS
from training.synthesis.rain import RAIN
from training.synthesis.wind import WIND

__all__ = ["TEXTURES"]

TEXTURES = MappingProxyType({texture.name: texture for texture in (WIND, RAIN, BEES, PISTONS, APPLAUSE, FIRE)})
