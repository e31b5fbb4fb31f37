"""The place of the assistant: what it will be, and how to give it a key."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

PROMISES = (
    ("writes", "functions from a sentence, as a diff that you accept or not"),
    ("looks", "into your functions, versions and logs to find what went wrong"),
    ("asks", "before it changes anything: y or n, every time"),
)


class ChatPane(VerticalScroll, can_focus=True):
    """Says what comes here. There is no conversation in this version, and none is played."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    BORDER_TITLE = "AI chat"

    def on_show(self) -> None:
        # Not before: on most screens it is hidden, and the first frame need not wait for what nobody sees.
        if not self.children:
            self.mount_all(self._parts())

    def _parts(self) -> Iterator[Static]:
        yield Static("An assistant, with your own key", classes="head", markup=False)
        for verb, what in PROMISES:
            yield Static(Content.assemble(("› ", "$accent"), (f"{verb} ", "bold"), (what, "$muted")), classes="promise")
        yield Static("It comes with a later version. What it will need is a key:", classes="label", markup=False)
        yield Static("export GROQ_API_KEY=gsk_…", classes="code", markup=False)
        yield Static("before clowdy is started, or in config.yaml:", classes="label", markup=False)
        yield Static("groq_api_key: gsk_…", classes="code", markup=False)
        yield Static(
            "Without one nothing is sent anywhere, and everything else works as it does now.",
            classes="label", markup=False,
        )  # fmt: skip
