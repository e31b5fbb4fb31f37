"""Changes are carried out whole: memory and database never part because a caller went away in the middle."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

_running: set[asyncio.Task[Any]] = set()


def whole(
    method: Callable[Arguments, Coroutine[Any, Any, Answer]],
) -> Callable[Arguments, Awaitable[Answer]]:
    """Run a method to its end although the task that awaits it is cancelled (its HTTP client hung up, say)."""

    @wraps(method)
    async def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        task = asyncio.get_running_loop().create_task(method(*args, **kwargs))
        _running.add(task)
        task.add_done_callback(_running.discard)
        return await asyncio.shield(task)

    return run


async def settled() -> None:
    """Wait until no change is under way in this event loop, at the end."""
    loop = asyncio.get_running_loop()
    while mine := [task for task in _running if task.get_loop() is loop]:
        await asyncio.wait(mine)
