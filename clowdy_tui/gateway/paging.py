"""Parts of lists that are short enough to be read whole: a project's routes, say."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from clowdy_tui.services.owned import no_such_mark

Item = TypeVar("Item")


class Part(Protocol):
    """Which part: up to `limit` items, those after the one whose key is `before`."""

    @property
    def limit(self) -> int: ...

    @property
    def before(self) -> str | None: ...


def part(items: Sequence[Item], page: Part, key: Callable[[Item], str]) -> list[Item]:
    """Up to `page.limit` items, of those that come after the one whose key is `page.before`.

    Raises:
        InvalidInput: none has that key.
    """
    start = 0
    if page.before is not None:
        start = next((index + 1 for index, item in enumerate(items) if key(item) == page.before), -1)
        if start < 0:
            raise no_such_mark()
    return list(items[start : start + page.limit])
