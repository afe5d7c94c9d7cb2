"""The keys on the last row. It knows which of Textual's footers leaks, and nothing of the stage."""

from textual.widgets import Footer


class KeyFooter(Footer):
    """Textual's footer, which lets go of the keys it showed before.

    Thread
    ------
    The screen's.
    """

    async def recompose(self) -> None:
        """Show the keys of what is in front now."""
        await super().recompose()
        # Textual keeps all that ever watched whether the footer is compact: a megabyte for every panel that is opened. Only when that is
        # set does it look who of them has gone.
        self.mutate_reactive(Footer.compact)
