"""A control whose middle means something: places from 0 to 1 for steps that have no step in their middle. It knows numbers, no MIDI.

A 7-bit knob has 128 steps, so that half of its way lies between two of them. Where 0 is in the middle of a range, the step that controllers
mean by it, 64 (8192 of 14 bits), is the middle, and both halves are stretched to their ends.
"""


def from_middle(value: float, top: int) -> float:
    """Place of a control that stands at `value`, a whole multiple of 1 / `top`: 0, 0.5 and 1 are exact."""
    middle = _middle(top) / top
    return 0.5 * value / middle if value <= middle else 0.5 + 0.5 * (value - middle) / (1.0 - middle)


def to_step(place: float, top: int) -> int:
    """Inverse of `from_middle`, in steps: the one of 0 to `top` that is nearest to a place."""
    middle = _middle(top)
    return round(2.0 * place * middle) if place <= 0.5 else middle + round((2.0 * place - 1.0) * (top - middle))


def _middle(top: int) -> int:
    return (top + 1) // 2
