"""Under which name the console's input is kept."""

from collections.abc import Iterable
from typing import Any

from clowdy_tui.client import Clowdy
from clowdy_tui.tui.binding import say
from clowdy_tui.tui.screens.dialog import Field, FormDialog, Unfit, Values
from clowdy_tui.tui.widgets.literal_input import LiteralInput


class SaveInput(FormDialog[str]):
    """Asks for a name; `loaded` is the one that the input came from. Dismisses with the name.

    Another input's name is told first, and its input replaced when it is asked for once more.
    """

    heading = "Save the input"
    verb = "Save"

    def __init__(self, client: Clowdy, function_id: str, value: Any, loaded: str) -> None:
        super().__init__(self._save)
        self._client = client
        self._function_id = function_id
        self._value = value
        self._loaded = self._warned = loaded

    def fields(self) -> Iterable[Field]:
        yield Field("name", "Name", LiteralInput(value=self._loaded, placeholder="two items, no address"))

    async def _save(self, values: Values) -> str:
        name = values["name"].strip()
        if name and name != self._warned:
            self._warned = name
            if any(saved.name == name for saved in await self._client.inputs.list(self._function_id)):
                again = "There is one of this name; {field.done} once more puts this input in its place"
                raise Unfit("name", say(self, again))
        return (await self._client.inputs.set(self._function_id, name, self._value)).name
