"""What the status bar says of the driver and the log: by name where there is room, else that there is something."""

import pytest

from clowdy_tui.domain.schemas import Health
from clowdy_tui.tui.state import Link, ScreenState
from clowdy_tui.tui.widgets.statusbar import StatusBar

OPEN = ["cpu", "memory", "network on without the host's loopback"]


def said(width: int, **health: object) -> str:
    told = Health(driver="bubblewrap", driver_available=True, **health)  # type: ignore[arg-type]
    bar = StatusBar(ScreenState(link=Link.ONLINE, health=told))
    return " | ".join(text for text, _ in bar._facts(width))


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (200, "bubblewrap · not enforced: cpu, memory, network on without the host's loopback"),
        (120, "bubblewrap · not enforced: cpu, memory, network on…"),
        (80, "bubblewrap · 3 not enforced"),
    ],
)
def test_what_is_not_enforced_is_named(width: int, words: str) -> None:
    assert words in said(width, not_enforced=OPEN)


def test_a_short_list_is_named_on_a_narrow_screen_too() -> None:
    assert "bubblewrap · not enforced: cpu" in said(80, not_enforced=["cpu"])


def test_a_log_that_is_not_written_is_said() -> None:
    assert said(80, log_problem="The log of calls cannot be written: disk full.").startswith("✗ log not written")
    assert "log" not in said(80)
