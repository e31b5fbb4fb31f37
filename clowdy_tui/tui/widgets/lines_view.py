"""Lines to go about in, of which there may be none."""

from textual import events
from textual.scroll_view import ScrollView


class LinesView(ScrollView, inherit_bindings=False):
    """Keeps the focus while it is hidden for want of lines: the keys that are told in its place go on working."""

    def _on_hide(self, event: events.Hide) -> None:
        if not self.display:
            # Textual would give the focus to what is beside it.
            event.prevent_default()
