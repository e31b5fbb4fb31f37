"""What is asked of a server, what a load showed, and the payload that all of them echo."""

import json
from dataclasses import dataclass
from typing import Protocol


class BenchmarkError(Exception):
    """The run cannot go on: a wrong answer, a server that does not start, something left behind."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, sent over and over. `url` is `http://127.0.0.1:PORT/path`.

    `expect` must stand in the body of every answer, beside status 200: the echoed token, which no error holds.
    """

    url: str
    expect: str
    method: str = "GET"
    body: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """What one load showed. Latencies in microseconds; `seconds` is how long it really took."""

    calls: int
    seconds: float
    p50_us: float
    p99_us: float


class Generator(Protocol):
    """Sends one request over and over, from `clients` keep-alive connections at once, each waiting for its answer."""

    name: str

    def load(self, request: Request, *, clients: int, seconds: float) -> Load:
        """Returns what it showed.

        Raises:
            BenchmarkError: an answer was not 200, or did not hold what it must, or a connection failed.
        """
        ...


TOKEN = "c10adfeed5e7e81e55c0ffee"


def _payload() -> dict[str, object]:
    """JSON of 100 bytes, with numbers, a list and a token to look for."""
    payload: dict[str, object] = {"token": TOKEN, "items": [1, 2, 3], "name": ""}
    payload["name"] = "n" * (100 - len(json.dumps(payload, separators=(",", ":"))))
    return payload


PAYLOAD = _payload()
PAYLOAD_TEXT = json.dumps(PAYLOAD, separators=(",", ":"))
