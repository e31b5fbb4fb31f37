"""What the first frame does not wait for: it is imported when it is first used, and not before."""

import subprocess
import sys

LATER = (
    "clowdy_tui.client",
    "clowdy_tui.domain.schemas",
    "clowdy_tui.tui.commands",
    "clowdy_tui.tui.flows",
    "clowdy_tui.tui.panes.pane",
    "clowdy_tui.tui.screens.palette",
    "clowdy_tui.tui.widgets.table",
    "httpx",
    "pydantic",
)


def test_the_app_imports_nothing_that_talks_to_a_gateway_or_opens_on_a_key() -> None:
    modules = "clowdy_tui.cli.main, clowdy_tui.cli.screen, clowdy_tui.cli.settings, clowdy_tui.tui.app"
    ask = f"import sys, {modules}; print(*(name for name in {LATER!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
