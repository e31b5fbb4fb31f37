"""Whom the assistant asks."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from clowdy_tui.domain.errors import SettingsError

DEFAULT_MODEL: Final = "meta-llama/llama-4-scout-17b-16e-instruct"
GROQ_URL: Final = "https://api.groq.com/openai/v1"

HOW_TO_SET: Final = (
    "Get a key at console.groq.com/keys, then start Clowdy with GROQ_API_KEY=gsk_… or write groq_api_key: gsk_… into "
    "config.yaml. For a server of your own (Ollama, llama.cpp), set assistant_base_url instead."
)


@dataclass(frozen=True, slots=True)
class AssistantConfig:
    """`base_url` is what other clients of an OpenAI-compatible server are given, `/v1` and all: one without a path
    gets that. A server of one's own needs no key.

    Raises:
        SettingsError: `base_url` is no address of a web server.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    model: str = DEFAULT_MODEL

    def __post_init__(self) -> None:
        if self.base_url:
            parts = urlsplit(self.base_url)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
                raise SettingsError(
                    f"assistant_base_url: {self.base_url!r} is no address of a server; "
                    "write it as http://127.0.0.1:11434/v1"
                )

    @property
    def available(self) -> bool:
        return bool(self.api_key or self.base_url)

    @property
    def url(self) -> str:
        """Where `/chat/completions` is, without it."""
        url = (self.base_url or GROQ_URL).rstrip("/")
        parts = urlsplit(url)
        if parts.path:
            return url
        return f"{url}/openai/v1" if parts.hostname == "api.groq.com" else f"{url}/v1"

    @property
    def server(self) -> str:
        """Its name, to be shown: host and port."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def is_here(self) -> bool:
        """Whether the server is on this machine: the environment's proxy is not for it."""
        host = urlsplit(self.url).hostname or ""
        if host == "localhost":
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False
