"""The form for a variable."""

from collections.abc import Awaitable, Callable, Iterable

from textual import on
from textual.widgets import Input, Select

from clowdy_tui.domain.names import IDENTIFIER
from clowdy_tui.domain.redaction import MASK
from clowdy_tui.domain.schemas import VariableOut
from clowdy_tui.tui.screens.dialog import Field, FormDialog, Values
from clowdy_tui.tui.widgets.choices import ChoiceField
from clowdy_tui.tui.widgets.literal_input import LiteralInput


class VariableForm(FormDialog[VariableOut]):
    """Set a variable, or give it another value. What is typed is hidden while it is a secret."""

    conflict_field = "key"
    working = "Setting …"
    verb = "Set"

    def __init__(self, submit: Callable[[Values], Awaitable[VariableOut]], variable: VariableOut | None = None) -> None:
        super().__init__(submit)
        self._variable = variable
        self.heading = f"Variable {variable.key}" if variable else "New variable"

    def fields(self) -> Iterable[Field]:
        variable = self._variable
        is_secret = variable is None or variable.is_secret
        name = LiteralInput(variable.key if variable else "", placeholder="API_KEY", id="key")
        name.disabled = variable is not None
        yield Field("key", "Name", name)
        value = "" if variable is None or variable.value == MASK else variable.value
        asks = "another value" if variable else "its value"
        yield Field("value", "Value", LiteralInput(value, placeholder=asks, password=is_secret, id="value"))
        kinds = [("secret: reads **** everywhere", "secret"), ("plain: lists show it", "plain")]
        kind = ChoiceField(kinds, value="secret" if is_secret else "plain", allow_blank=False, id="kind")
        yield Field("kind", "Kind", kind)

    def on_mount(self) -> None:
        if self._variable is not None:
            self.query_one("#value", Input).focus()

    @on(Input.Changed, "#key")
    def _check_key(self, event: Input.Changed) -> None:
        wrong = bool(event.value) and not IDENTIFIER.match(event.value.strip())
        self.field("key").complain("must be letters, digits and _, not beginning with a digit" if wrong else "")

    @on(Select.Changed, "#kind")
    def _hide(self, event: Select.Changed) -> None:
        self.query_one("#value", Input).password = event.value == "secret"
