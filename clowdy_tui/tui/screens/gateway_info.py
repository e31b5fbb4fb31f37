"""About the gateway: where it runs, with which driver, and what that enforces."""

from collections.abc import Iterable

from textual import on
from textual.containers import Grid, Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from clowdy_tui.tui.screens.dialog import Dialog, action_button
from clowdy_tui.tui.state import Link, ScreenState
from clowdy_tui.tui.text import visible


class GatewayInfo(Dialog[None]):
    """Reads the screen's state; asks nobody."""

    heading = "Gateway"

    def __init__(self, state: ScreenState) -> None:
        super().__init__()
        self._state = state

    def compose_box(self) -> Iterable[Widget]:
        with Grid(id="facts"):
            for label, value, style in self._facts():
                yield Static(label, classes="label", markup=False)
                yield Static(Content.styled(visible(value), style))
        with Horizontal(id="buttons"):
            yield action_button("Close", self.key("dialog.leave"), id="close")

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.action_cancel()

    def _facts(self) -> list[tuple[str, str, str]]:
        state, health, session = self._state, self._state.health, self._state.session
        rows: list[tuple[str, str, str]] = []
        links = {Link.ONLINE: ("● connected", "$success"), Link.LOST: ("✗ lost, trying again", "$error"),
                 Link.FAILED: ("✗ not there", "$error")}  # fmt: skip
        link, style = links.get(state.link, ("◌ starting", "$warning"))
        rows.append(("connection", link, style))
        if state.problem:
            rows.append(("", state.problem, "$error"))
        if session is not None:
            rows.append(("address", session.url, ""))
            where = (
                "hosted: it runs inside this screen" if session.hosted else "attached: it goes on without this screen"
            )
            rows.append(("runs", where, ""))
        if health is not None:
            driver = health.driver or "unknown"
            if health.driver_available is False:
                rows.append(("driver", f"✗ {driver}: {health.driver_problem or 'not available'}", "$error"))
            else:
                rows.append(("driver", driver, ""))
            rows.append(("enforces", ", ".join(health.enforced or []) or "nothing", "$success"))
            if health.not_enforced:
                rows.append(("not", ", ".join(health.not_enforced), "$warning"))
            rows.append(("data", health.data_dir or "", ""))
            if health.log_problem:
                rows.append(("log", f"✗ {health.log_problem}", "$error"))
            rows.append(
                ("version", f"{health.version or '?'} · python {health.python or '?'} · pid {health.pid or '?'}", "")
            )
        return [row for row in rows if row[1]]
