"""Times and sizes in words for people. It knows numbers only."""

MINUTE_S = 60
HOUR_S = 3600


def length(seconds: float) -> str:
    """A length as a recorder shows it: `1:15`, `1:02:03`."""
    minutes, rest = divmod(max(int(seconds), 0), MINUTE_S)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def about(seconds: float) -> str:
    """A length that nobody needs to the second: `40 s`, `12 min`, `3.5 h`, `5 days`."""
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min"
    hours = seconds / HOUR_S
    return f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"


def size(size_bytes: int) -> str:
    """How much a file holds, in powers of ten as disks are sold: `13.3 MB`."""
    amount = float(size_bytes)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000.0:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000.0
    return f"{amount:.1f} GB"
