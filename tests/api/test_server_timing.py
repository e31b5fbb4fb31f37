"""What a call's time went to, as its caller is told: `Server-Timing`, by id and by route."""

import asyncio
import re

import httpx
from api_support import Workshop

SLEEPS = "import time\ntime.sleep(0.2)\ndef handler(event, context):\n    time.sleep(0.1)\n    return 1\n"


def timing(answer: httpx.Response) -> dict[str, float]:
    assert answer.status_code == 200, answer.text
    told = answer.headers["server-timing"]
    assert re.fullmatch(r"queue;dur=[\d.e-]+, init;dur=[\d.e-]+, run;dur=[\d.e-]+", told)
    return {part.partition(";")[0]: float(part.partition("=")[2]) for part in told.split(", ")}


async def test_where_a_calls_time_went(shop: Workshop, http: httpx.AsyncClient) -> None:
    function = await shop.function(SLEEPS, max_instances=1)
    await shop.route(function)
    path = shop.path("/")
    first = timing(await http.get(path))
    # The import is in `init`, and only what the handler took is in `run`.
    assert first["init"] >= 200
    assert first["run"] >= 100
    warm = timing(await http.post(f"/api/invoke/{function.id}", json={"input": 1}))
    assert (warm["queue"], warm["init"]) == (0, 0)
    assert warm["run"] >= 100
    both = [timing(answer) for answer in await asyncio.gather(http.get(path), http.get(path))]
    # One instance: the second waited for about as long as the first one ran.
    waited = max(one["queue"] for one in both)
    assert waited >= 80
    assert all(one["init"] == 0 for one in both)
