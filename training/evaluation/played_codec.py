"""The codec of a patch without an encoder: another encodes for it, and the patch's own decoder plays. It measures nothing."""

from training.codecs.codec import Codec, Codes, Sound
from training.codecs.errors import OtherCodecError

__all__ = ["PlayedCodec"]


class PlayedCodec:
    """See `training.codecs.codec.Codec`.

    A patch may play fewer codebooks than its codec has, and wait less for what comes: what it keeps of a sound is what its own decoder
    makes of the codes that its model speaks.

    Parameters
    ----------
    encoder : Codec
    patch : Codec
        As `open_patch_codec` gives it.

    Raises
    ------
    OtherCodecError
        They are not one codec.
    """

    def __init__(self, encoder: Codec, patch: Codec):
        if encoder.identity != patch.identity or encoder.codebooks < patch.codebooks:
            got = f"{encoder.identity[:12]} with {encoder.codebooks} codebooks"
            allowed = f"{patch.identity[:12]} with {patch.codebooks} or more"
            raise OtherCodecError("not the codec that the patch plays through", where="--codec", got=got, allowed=allowed)
        self._encoder, self._patch = encoder, patch
        self.kind, self.identity, self.licence = patch.kind, patch.identity, patch.licence
        self.sample_rate_hz, self.hop_frames = patch.sample_rate_hz, patch.hop_frames
        self.codebooks, self.codebook_size = patch.codebooks, patch.codebook_size
        self.lookahead_frames = patch.lookahead_frames

    def encode(self, audio: Sound) -> Codes:
        """Return the codes that the patch plays, (T,) -> (K, ceil(T / hop))."""
        return self._encoder.encode(audio)[: self.codebooks]

    def decode(self, codes: Codes, seed: int = 0) -> Sound:
        """Return what the patch makes of them, (k <= K, S) -> (S * hop,)."""
        return self._patch.decode(codes, seed)
