"""`caller.py URL RATE SECONDS`: calls a URL so many times a second, whether it answers in time or not."""

import asyncio
import sys

import httpx


async def main(url: str, rate: float, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    limits = httpx.Limits(max_connections=32)
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as http, asyncio.TaskGroup() as calls:
        begun = loop.time()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(max(0.0, begun + number / rate - loop.time()))
            calls.create_task(_call(http, url))


async def _call(http: httpx.AsyncClient, url: str) -> None:
    (await http.post(url, json={"input": None})).raise_for_status()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
