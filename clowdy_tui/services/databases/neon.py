"""The provider `neon`: a project at Neon for each of ours, by the calls of its API that this takes."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx

from clowdy_tui.domain.errors import Unavailable
from clowdy_tui.services.databases.base import Made, Progress, Wanted

DATABASE: Final = "neondb"
ROLE: Final = "neondb_owner"

_NO_KEY: Final = (
    "Neon wants an API key: make one at console.neon.tech (Account settings, API keys), and set NEON_API_KEY "
    "or neon_api_key"
)
_TRIES: Final = 6
_PATIENCE_S: Final = 180.0
_RUNNING: Final = frozenset({"scheduling", "running", "cancelling"})
_DONE: Final = frozenset({"finished", "skipped"})


class NeonProvider:
    """Neon's API at `base_url`. `pause_s` is the first pause before something is tried or asked again."""

    name = "neon"
    needs_network = True

    def __init__(self, api_key: str, base_url: str, *, pause_s: float = 0.5) -> None:
        self._api_key = api_key
        self._base_url = base_url.rstrip("/")
        self._pause_s = pause_s

    async def problem(self) -> str:
        return "" if self._api_key else _NO_KEY

    async def provision(self, wanted: Wanted, progress: Progress) -> Made:
        """Raises Unavailable: with Neon's own words where it has some."""
        if not self._api_key:
            raise Unavailable(_NO_KEY)
        async with self._client() as client:
            progress("Asking Neon for the organization")
            organizations = (await self._call(client, "GET", "/users/me/organizations")).get("organizations") or []
            project = {"name": f"clowdy-{wanted.slug}"}
            if organizations:
                project["org_id"] = organizations[0]["id"]
            progress("Making the project at Neon")
            made = await self._call(client, "POST", "/projects", body={"project": project})
            reference = str(made["project"]["id"])
            try:
                progress("Waiting until it is ready")
                for operation in made.get("operations") or []:
                    await self._finished(client, reference, operation)
                query = {"database_name": DATABASE, "role_name": ROLE}
                path = f"/projects/{quote(reference, safe='')}/connection_uri"
                answer = await self._call(client, "GET", path, query=query)
                return Made(reference, str(answer["uri"]))
            except BaseException:
                # It is paid for from the moment that it is there.
                await asyncio.shield(self._forget(reference))
                raise

    async def drop(self, reference: str) -> None:
        """Raises Unavailable: with Neon's own words where it has some."""
        if not self._api_key:
            raise Unavailable(_NO_KEY)
        async with self._client() as client:
            await self._call(client, "DELETE", f"/projects/{quote(reference, safe='')}", gone_is_fine=True)

    def _client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self._api_key}", "Accept": "application/json"}
        return httpx.AsyncClient(base_url=self._base_url, headers=headers, timeout=30.0)

    async def _forget(self, reference: str) -> None:
        """Remove what came to nothing; the reason for that is what is told."""
        try:
            await self.drop(reference)
        except Unavailable as error:
            raise Unavailable(
                f"Neon's project {reference} came to nothing and could not be removed, remove it there: {error.detail}"
            ) from error

    async def _finished(self, client: httpx.AsyncClient, reference: str, operation: Mapping[str, Any]) -> None:
        """Wait until one of the operations that a new project begins with is done."""
        path = f"/projects/{quote(reference, safe='')}/operations/{quote(str(operation['id']), safe='')}"
        pause = self._pause_s
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while (status := operation["status"]) in _RUNNING:
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.5, 5.0)
                    operation = (await self._call(client, "GET", path))["operation"]
        except TimeoutError:
            raise Unavailable(f"Neon did not end {operation['action']} within {_PATIENCE_S:g} s") from None
        if status not in _DONE:
            words = operation.get("error") or "it says no more"
            raise Unavailable(f"At Neon {operation['action']} ended as {status}: {words}")

    async def _call(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        gone_is_fine: bool = False,
    ) -> dict[str, Any]:
        """One call, tried again where Neon is busy or has trouble of its own."""
        problem = ""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(self._pause_s * 2 ** (attempt - 1))
            try:
                response = await client.request(method, path, json=body, params=query)
            except httpx.ConnectError as error:
                problem = f"it cannot be reached at {self._base_url} ({error})"
                continue
            except httpx.HTTPError as error:
                raise Unavailable(f"Neon broke off: {error or type(error).__name__}") from error
            if response.is_success:
                return _content(response)
            if gone_is_fine and response.status_code == HTTPStatus.NOT_FOUND:
                return {}
            problem = _words(response)
            if response.status_code not in {423, 429} and response.status_code < 500:
                break
        raise Unavailable(f"Neon refuses: {problem}")


def _content(response: httpx.Response) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Unavailable("What answers in Neon's place does not speak its API")
    return content


def _words(response: httpx.Response) -> str:
    """What Neon says of an error: `message`, with its `code`."""
    try:
        told = response.json()
    except ValueError:
        told = None
    if isinstance(told, dict) and told.get("message"):
        code = f" ({told['code']})" if told.get("code") else ""
        return f"{told['message']}{code}"
    return f"{response.status_code} {response.reason_phrase}"
