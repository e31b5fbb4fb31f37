"""What the settings say arrives where it counts."""

from pathlib import Path

from clowdy_tui.cli.compose import gateway_config
from clowdy_tui.cli.settings import load


def test_the_gateway_is_told_who_may_come(tmp_path: Path) -> None:
    environ = {
        "CLERK_JWKS_URL": "https://clerk.example/.well-known/jwks.json",
        "CLOWDY_JWT_ISSUER": "https://clerk.example",
        "CLOWDY_JWT_AUDIENCE": "clowdy",
        "CLOWDY_CORS_ORIGINS": "https://a.example, https://b.example",
        "CLOWDY_TRUSTED_PROXIES": "10.0.0.0/8",
    }
    settings = load({"data_dir": tmp_path}, environ=environ)
    config = gateway_config(settings, 8123)
    assert (config.port, config.jwks_url) == (8123, "https://clerk.example/.well-known/jwks.json")
    assert (config.jwt_issuer, config.jwt_audience) == ("https://clerk.example", "clowdy")
    assert config.cors_origins == ("https://a.example", "https://b.example")
    assert config.trusted_proxies == ("10.0.0.0/8",)
