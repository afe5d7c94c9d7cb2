"""Time tags of bundles as seconds of the wall clock. It knows no frame."""

NTP_TO_UNIX_S = 2_208_988_800
"""Seconds from 1900, where OSC's time begins, to 1970."""
_FRACTIONS = 1 << 32
_ERA = 1 << 64


def to_seconds_ahead(tag: int, now_unix_s: float) -> float:
    """How many seconds ahead of now a time tag is; negative where it is past.

    The era is the one that is nearest, so that nothing special happens in 2036, when the 32 bits of seconds begin again at 0.

    Source
    ------
    RFC 5905, section 6: the NTP timestamp format and its eras.
    """
    now = int((now_unix_s + NTP_TO_UNIX_S) * _FRACTIONS)
    difference = (tag - now) % _ERA
    return (difference - _ERA if difference >= _ERA // 2 else difference) / _FRACTIONS
