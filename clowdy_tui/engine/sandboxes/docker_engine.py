"""Control calls to the Docker engine: the SDK in a few threads, its clients opened anew when the engine was away."""

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine.sandboxes.docker_channel import AttachChannel, ChannelError, ChannelListener, open_channel
from clowdy_tui.engine.sandboxes.docker_endpoint import Endpoint

if TYPE_CHECKING:
    from docker import APIClient

logger = logging.getLogger(__name__)

T = TypeVar("T")

THREADS = 8
LEAST_API = "1.40"
START_IT = (
    "Start Docker (`sudo systemctl start docker`, `colima start` or Docker Desktop), or set `driver` to `bubblewrap`."
)


class EngineRefused(Exception):
    """The engine answered with an error: its HTTP status and its own words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    @property
    def sentence(self) -> str:
        return self.message.strip().rstrip(".") + "."


class DockerEngine:
    """One engine. All its methods may be used from one event loop; `close` ends the threads."""

    def __init__(self, endpoint: Endpoint, *, timeout_s: int = 10) -> None:
        self.endpoint = endpoint
        self.timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._generation = 0
        self._clients: set[APIClient] = set()
        self._version: str | None = None
        self._tls: ssl.SSLContext | None = None

    async def call(self, function: "Callable[[APIClient], T]", *, timeout_s: int | None = None) -> T:
        """Run one request of the SDK in a thread.

        Raises:
            EngineRefused: the engine answered with an error.
            DriverUnavailable: it did not answer, with what to do.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._call, function, timeout_s or self.timeout_s)

    async def attach(self, container: str, listener: ChannelListener) -> AttachChannel:
        """Open a container's stream. Raises as `call` does."""
        version = self._version
        if version is None:
            version = await self.call(lambda client: client.api_version)
        try:
            if self.endpoint.tls is not None and self._tls is None:
                self._tls = await asyncio.to_thread(self.endpoint.tls.context)
            return await open_channel(self.endpoint, self._tls, version, container, listener, timeout_s=self.timeout_s)
        except ChannelError as error:
            raise DriverUnavailable(f"Docker did not open a container's stream: {error}.", remedy=START_IT) from error
        except (OSError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def remove(self, container: str) -> None:
        """Kill and remove a container, or find it gone already. Raises as `call` does."""
        try:
            await self.call(lambda client: client.remove_container(container, v=True, force=True))
        except EngineRefused as refused:
            if refused.status not in {404, 409}:  # 409: its removal is on the way
                raise

    async def events(self, container: str, *, since: float, until: float) -> frozenset[str]:
        """What has happened to a container between two moments of the engine's clock (seconds since 1970).

        The names are the engine's (`oom`, `kill`, `die`, ...). Raises as `call` does.
        """
        window = {"since": f"{since:.6f}", "until": f"{until:.6f}"}
        filters = {"type": "container", "container": container}

        def ask(client: "APIClient") -> list[dict[str, Any]]:
            # the SDK's stubs know whole seconds only
            told: Callable[..., Iterable[dict[str, Any]]] = client.events
            return list(told(**window, filters=filters, decode=True))

        happened = await self.call(ask)
        return frozenset(str(event.get("Action") or event.get("status")) for event in happened)

    def close(self) -> None:
        """Close the clients when their threads are done; waits for requests on the way, which have a time limit."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for client in self._clients:
            client.close()
        self._clients.clear()

    def _call(self, function: "Callable[[APIClient], T]", timeout_s: int) -> T:
        from docker.errors import APIError, DockerException
        from requests.exceptions import RequestException, Timeout

        for attempt in (1, 2):
            generation = self._generation
            reused = getattr(self._local, "generation", None) == generation
            try:
                self._knock()
                client = self._client(generation)
                client.timeout = timeout_s
                return function(client)
            except APIError as error:
                status = error.status_code
                raise EngineRefused(500 if status is None else status, str(error.explanation or error)) from error
            except (RequestException, DockerException, OSError) as error:
                with self._lock:
                    self._generation = max(self._generation, generation + 1)
                if attempt == 1 and reused and not isinstance(error, Timeout):
                    continue  # a connection kept from before the engine was started anew: once more on a fresh one
                raise self._unreachable(error) from error
        raise AssertionError("the second attempt returns or raises")

    def _knock(self) -> None:
        """Fail where nobody listens, before the SDK does: it would leave its socket open and hide the reason."""
        if self.endpoint.socket is not None:
            with socket.socket(socket.AF_UNIX) as knocking:
                knocking.settimeout(self.timeout_s)
                knocking.connect(str(self.endpoint.socket))

    def _client(self, generation: int) -> "APIClient":
        """This thread's own client; a session of `requests` is not to be shared between threads."""
        from docker import APIClient
        from docker.tls import TLSConfig
        from urllib3 import disable_warnings
        from urllib3.exceptions import InsecureRequestWarning

        old: APIClient | None = getattr(self._local, "client", None)
        if old is not None and self._local.generation == generation:
            return old
        if old is not None:
            self._local.client = self._local.generation = None
            with self._lock:
                self._clients.discard(old)
            old.close()
        files = self.endpoint.tls
        if files is not None:
            files.must_be_there()
        tls = files and TLSConfig(
            client_cert=(str(files.certificate), str(files.key)), ca_cert=str(files.authority), verify=files.verify
        )

        if files is not None and not files.verify:
            # Somebody chose not to check: a warning a request, across the screen, would tell them nothing new.
            disable_warnings(InsecureRequestWarning)

        def client_of(version: str) -> APIClient:
            client = APIClient(self.endpoint.url, version=version, timeout=self.timeout_s, tls=tls or False)
            # else REQUESTS_CA_BUNDLE would take the place of the engine's own authority
            client.trust_env = False
            return client

        with closing(client_of(LEAST_API)) as first:
            version = self._version = str(first.version(api_version=False)["ApiVersion"])
        client = client_of(version)
        with self._lock:
            self._clients.add(client)
        self._local.client, self._local.generation = client, generation
        return client

    def _unreachable(self, error: BaseException) -> DriverUnavailable:
        """The sentence for a person, from whatever is at the bottom of the SDK's nested errors."""
        where = self.endpoint
        roots = list(_roots(error))
        if any(isinstance(root, PermissionError) for root in roots):
            return DriverUnavailable(
                f"You may not use the Docker engine at {where} (permission denied).",
                remedy="Add your user to the group docker (`sudo usermod -aG docker $USER`, then log in again).",
            )
        for root in roots:
            if isinstance(root, ssl.SSLError):
                why = getattr(root, "verify_message", None) or root.reason or root
                return DriverUnavailable(
                    f"No TLS connection with the Docker engine at {where}: {why}.",
                    remedy="Look at the certificates in DOCKER_CERT_PATH.",
                )
        if any(isinstance(root, TimeoutError) for root in roots):
            return DriverUnavailable(f"The Docker engine at {where} did not answer in time.", remedy=START_IT)
        if any(isinstance(root, FileNotFoundError | ConnectionRefusedError) for root in roots):
            return DriverUnavailable(f"No Docker engine answers at {where}.", remedy=START_IT)
        return DriverUnavailable(f"The Docker engine at {where} cannot be used: {roots[-1]}.", remedy=START_IT)


def _roots(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was made from: causes, contexts, and exceptions carried as arguments."""
    from requests.exceptions import Timeout

    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop(0)
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Timeout):
            yield TimeoutError(str(item))
        yield item
        inner = [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
        waiting.extend(one for one in inner if isinstance(one, BaseException))
