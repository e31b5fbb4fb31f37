"""A screen over the others, which goes once."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

Result = TypeVar("Result")


class Modal(ModalScreen[Result], inherit_bindings=False):
    """Takes the first answer. Textual's takes away whatever lies on top by then for a second one, and so would a
    double click on a busy machine."""

    _is_answered = False

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        if self._is_answered:
            return AwaitComplete()
        self._is_answered = True
        return super().dismiss(result)
