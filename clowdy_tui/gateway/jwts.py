"""Users who come with a JSON Web Token of somebody else's making: Clerk, or any issuer of RS256 or ES256 tokens.

What a token says of itself is believed only after its signature is checked, and its `alg` only where it is the one
that the key is for: a token without a signature, or one signed with a public key as if it were a password, is refused.
"""

import unicodedata
from dataclasses import dataclass
from typing import Any, Final

import jwt

from clowdy_tui.domain.schemas import ALL_SCOPES
from clowdy_tui.gateway.auth import InvalidToken
from clowdy_tui.gateway.jwks import KeySet
from clowdy_tui.services.actor import LOCAL, Actor

ALGORITHMS: Final = ("RS256", "ES256")

# How far the clocks of issuer and gateway may be apart.
LEEWAY_S: Final = 30

# What a token without a `scope` may: all that its user's own things need, but no assistant that acts unasked.
SCOPES_UNSAID: Final = frozenset(ALL_SCOPES) - {"approve"}

_LONGEST_USER: Final = 255

_REASONS: Final[dict[type[jwt.PyJWTError], str]] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidIssuerError: "it is of another issuer than jwt_issuer",
    jwt.InvalidAudienceError: "it is for another audience than jwt_audience",
    jwt.InvalidSignatureError: "its signature is wrong",
}


class InvalidJwt(InvalidToken):
    def __init__(self, reason: str, *, guessed: bool = False) -> None:
        super().__init__(f"The token is not valid: {reason}", guessed=guessed)


@dataclass(frozen=True, slots=True)
class JwtVerifier:
    """Checks tokens with the keys at a URL; `issuer` and `audience`, where set, must be the token's own."""

    keys: KeySet
    issuer: str | None = None
    audience: str | None = None

    async def authenticate(self, token: str) -> Actor:
        """Who comes with this token.

        Raises:
            InvalidJwt: it is refused; the detail says why.
            NoKeys: it cannot be checked now.
        """
        algorithm, key_id = _head(token)
        keys = await self.keys.find(key_id, algorithm)
        if not keys:
            raise InvalidJwt("it is signed with a key that is not known here")
        for key in keys:
            try:
                return _actor(self._claims(token, key.public, key.algorithm))
            except jwt.InvalidSignatureError:
                continue
            except jwt.PyJWTError as error:
                raise InvalidJwt(_reason(error)) from error
        raise InvalidJwt(_REASONS[jwt.InvalidSignatureError], guessed=True)

    def _claims(self, token: str, key: Any, algorithm: str) -> dict[str, Any]:
        required = ["exp", "sub", *(["iss"] if self.issuer else []), *(["aud"] if self.audience else [])]
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=self.issuer or None,
            audience=self.audience or None,
            leeway=LEEWAY_S,
            options={"require": required, "verify_aud": bool(self.audience), "verify_iss": bool(self.issuer)},
        )


def _head(token: str) -> tuple[str, str | None]:
    try:
        # This refuses what is not understood, too: `crit`, and a payload that is not encoded.
        head = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise InvalidJwt("it is no JWT", guessed=True) from error
    algorithm, key_id = head.get("alg"), head.get("kid")
    if algorithm not in ALGORITHMS:
        raise InvalidJwt(f"it must be signed with {' or '.join(ALGORITHMS)}", guessed=True)
    return str(algorithm), key_id if isinstance(key_id, str) else None


def _reason(error: jwt.PyJWTError) -> str:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"it has no {error.claim}"
    return _REASONS.get(type(error), "its claims make no sense")


def _actor(claims: dict[str, Any]) -> Actor:
    user = claims["sub"]
    if not user or len(user) > _LONGEST_USER or any(unicodedata.category(letter)[0] == "C" for letter in user):
        raise InvalidJwt("its sub is no user's name")
    if user == LOCAL.user:
        # The owner of the installation is who has its socket, not who an issuer says.
        raise InvalidJwt(f"its sub is {LOCAL.user!r}, which is the owner's own name")
    return Actor(user, _scopes(claims), name=user)


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    if "scope" not in claims:
        return SCOPES_UNSAID
    said = claims["scope"]
    if not isinstance(said, str):
        raise InvalidJwt("its scope is no text")
    return frozenset(said.split()) & frozenset(ALL_SCOPES)
