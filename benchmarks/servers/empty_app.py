"""A Textual app with one line of text: the least that a screen can be."""

import signal

from textual.app import App, ComposeResult
from textual.widgets import Static


class Empty(App[None]):
    """Says `ready`, and ends on SIGTERM."""

    def compose(self) -> ComposeResult:
        yield Static("ready")


if __name__ == "__main__":
    app = Empty()
    signal.signal(signal.SIGTERM, lambda _number, _frame: app.exit())
    app.run()
