"""Colours for code: which language a file is in, what a stretch of a line may be, and how the theme paints that."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from rich.style import Style
from textual.app import App

NAMES: Final = (
    "keyword",
    "string",
    "comment",
    "number",
    "function",
    "type",
    "operator",
    "variable",
    "constant",
    "error",
)
"""What a theme gives a colour to, as `syntax-<name>`."""

MAX_COLUMNS: Final = 2_000
"""What lies further right in a line stays plain."""

_DARK: Final = {
    "keyword": "#c792ea",
    "string": "#a5d6a7",
    "comment": "#8b949e",
    "number": "#f7b26b",
    "function": "#82aaff",
    "type": "#7fdbca",
    "operator": "#9fb3c8",
    "variable": "#d6deeb",
    "constant": "#ff9e8a",
    "error": "#ff6b6b",
}
_LIGHT: Final = {
    "keyword": "#7c3aad",
    "string": "#2e6b34",
    "comment": "#656d76",
    "number": "#955000",
    "function": "#1f56b5",
    "type": "#0b6e66",
    "operator": "#4a5a6a",
    "variable": "#24292f",
    "constant": "#a63c2c",
    "error": "#c0202a",
}


class Span(NamedTuple):
    """Columns `start` up to `end` of a line, counted in characters, and one of `NAMES`."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Language:
    """A language as the editor knows it. `comment` begins a comment; "" where there is none.

    It goes up to the line's end, or to `comment_end` where the language has only such ones.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    comment: str = ""
    indent: int = 4
    comment_end: str = ""


TEXT: Final = Language("text", "Text", ())
LANGUAGES: Final[Mapping[str, Language]] = {
    language.name: language
    for language in (
        TEXT,
        Language("python", "Python", (".py", ".pyi"), "#"),
        Language("json", "JSON", (".json",), indent=2),
        Language("yaml", "YAML", (".yaml", ".yml"), "#", 2),
        Language("toml", "TOML", (".toml",), "#", 2),
        Language("javascript", "JavaScript", (".js", ".mjs", ".cjs", ".jsx"), "//", 2),
        Language("sql", "SQL", (".sql",), "--", 2),
        Language("markdown", "Markdown", (".md", ".markdown"), "<!--", 2, "-->"),
        Language("html", "HTML", (".html", ".htm"), "<!--", 2, "-->"),
        Language("css", "CSS", (".css",), "/*", 2, "*/"),
        Language("bash", "Bash", (".sh", ".bash"), "#", 2),
    )
}


def language_of(path: str) -> str:
    """The name of a file's language by the file's: `python`, `json`, `yaml`, …, else `text`."""
    suffix = PurePosixPath(path).suffix.lower()
    return next((name for name, language in LANGUAGES.items() if suffix in language.suffixes), TEXT.name)


def syntax_styles(app: App[Any], overrides: Mapping[str, str]) -> dict[str, Style]:
    """A style for each of `NAMES`: from `overrides`, else the theme's `syntax-<name>`, else one for its brightness."""
    fallback = _DARK if app.current_theme.dark else _LIGHT
    variables = app.theme_variables
    styles: dict[str, Style] = {}
    for name in NAMES:
        colour = overrides.get(name) or variables.get(f"syntax-{name}") or fallback[name]
        # Colour is not the only sign: comments lean, and what does not parse is underlined.
        styles[name] = Style(color=colour, italic=name == "comment" or None, underline=name == "error" or None)
    return styles


_JSON_TOKEN = re.compile(
    r'(?P<type>"(?:[^"\\]|\\.)*"(?=\s*:))|(?P<string>"(?:[^"\\]|\\.)*"?)|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)'
    r"|(?P<constant>true|false|null)|(?P<operator>[{}\[\],:])|(?P<error>[^\s{}\[\],:\"]+)"
)


def json_spans(line: str) -> tuple[Span, ...]:
    """The spans of one line of JSON. No token of JSON goes over a line's end, so no tree is needed."""
    found = _JSON_TOKEN.finditer(line, 0, MAX_COLUMNS)
    return tuple(Span(*match.span(), match.lastgroup) for match in found if match.lastgroup)
