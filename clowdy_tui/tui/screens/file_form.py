"""The form for a file beside a function's entry: its path, checked as one types."""

from collections.abc import Awaitable, Callable, Iterable

from textual import on
from textual.content import Content
from textual.widgets import Input

from clowdy_tui.domain.errors import InvalidInput
from clowdy_tui.domain.names import check_bundle_path
from clowdy_tui.domain.schemas import FunctionOut
from clowdy_tui.tui.desk import has_file
from clowdy_tui.tui.screens.dialog import Field, FormDialog, Values
from clowdy_tui.tui.text import visible
from clowdy_tui.tui.widgets.highlight import LANGUAGES, TEXT, language_of
from clowdy_tui.tui.widgets.literal_input import LiteralInput


class FileForm(FormDialog[FunctionOut]):
    """The path of a file: a new one, or another one for a file that is there."""

    def __init__(
        self, submit: Callable[[Values], Awaitable[FunctionOut]], function: FunctionOut, path: str = ""
    ) -> None:
        super().__init__(submit)
        self._function = function
        self._path = path
        self.heading = f"Rename {path}" if path else f"New file in {function.name}"
        self.verb, self.working = ("Rename", "Renaming …") if path else ("Create", "Creating …")

    def fields(self) -> Iterable[Field]:
        yield Field("path", "Path", LiteralInput(self._path, placeholder="helpers.py, data/rates.json", id="path"))

    @on(Input.Changed, "#path")
    def _check(self, event: Input.Changed) -> None:
        field, path = self.field("path"), event.value.strip()
        if fault := path_fault(self._function, path, besides=self._path):
            field.complain(fault)
        elif path:
            language = LANGUAGES.get(language_of(path), TEXT).title
            said = f"{language}, beside function.py"
            if path.endswith(".py"):
                said += f" · import {visible(path.removesuffix('.py').replace('/', '.'))}"
            field.remark(Content.styled(said, "$muted"))
        else:
            field.complain("")


def path_fault(function: FunctionOut, path: str, *, besides: str = "") -> str:
    """Why a file cannot have this path; an empty text where it can, or where there is none yet."""
    if not path or path == besides:
        return ""
    try:
        check_bundle_path(path)
    except InvalidInput as error:
        return error.errors[0].msg
    if has_file(function, path):
        return f"{function.name} has a file of that name"
    return ""
