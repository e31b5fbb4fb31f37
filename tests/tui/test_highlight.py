"""Highlighting: which stretch of a line is what, also after edits, in broken text, and far down in a long file."""

import random

import pytest

from clowdy_tui.tui.widgets.code_area_document import CodeDocument
from clowdy_tui.tui.widgets.highlight import LANGUAGES, NAMES, json_spans, language_of
from clowdy_tui.tui.widgets.highlight_window import LOOK_AHEAD, LOOK_BACK

CODE = '''"""Orders."""
import json

RATE = 0.19


@cached
def handler(event, context):
    text = f"größe {event['id']:>4} 漢字"  # 🎉 done
    if not event or RATE > 1:
        raise ValueError("no\\n")
    return {"ok": True, "größe": None}
'''


def names(document: CodeDocument, row: int) -> dict[str, str]:
    """Text → name, of one row; the last of equal texts counts."""
    line = document.get_line(row)
    return {line[span.start : span.end]: span.name for span in document.spans(row, row)[0]}


def test_a_file_is_in_the_language_of_its_name() -> None:
    assert language_of("function.py") == "python"
    assert language_of("data/SETTINGS.YML") == "yaml"
    assert language_of("pyproject.toml") == "toml"
    assert language_of("event.json") == "json"
    assert language_of("Makefile") == "text"


def test_python() -> None:
    document = CodeDocument(CODE, "python")
    assert names(document, 0) == {'"""Orders."""': "string"}
    assert names(document, 1) == {"import": "keyword", "json": "variable"}
    assert names(document, 3) == {"RATE": "constant", "=": "operator", "0.19": "number"}
    assert names(document, 6) == {"@cached": "function"}
    assert {"def": "keyword", "handler": "function", "event": "variable"}.items() <= names(document, 7).items()
    row = names(document, 8)
    assert {"event[": "variable", "'id'": "string", ":>4": "constant", "# 🎉 done": "comment"}.items() <= row.items()
    assert [text for text in row if text.endswith(' 漢字"')]
    assert {"ValueError": "type", "raise": "keyword", "\\n": "constant"}.items() <= names(document, 10).items()
    assert {"True": "constant", '"größe"': "string", "None": "constant"}.items() <= names(document, 11).items()


def test_other_languages() -> None:
    yaml = CodeDocument("name: shop # yes\nlimits:\n  memory: 128\n  on: true\nlist: [1, 'größe']\n", "yaml")
    assert {"name": "type", "shop": "string", "# yes": "comment"}.items() <= names(yaml, 0).items()
    assert {"memory": "type", "128": "number"}.items() <= names(yaml, 2).items()
    assert names(yaml, 3)["true"] == "constant"
    assert {"1": "number", "'größe'": "string"}.items() <= names(yaml, 4).items()
    toml = CodeDocument('[tool.ruff]\nline = 120\nname = "x" # no\non = true\n', "toml")
    assert {"tool": "type", "ruff": "type"}.items() <= names(toml, 0).items()
    assert {"line": "variable", "120": "number"}.items() <= names(toml, 1).items()
    assert {'"x"': "string", "# no": "comment"}.items() <= names(toml, 2).items()
    json = CodeDocument('{"größe": [1.5e3, "a\\"b", null]}', "json")
    assert {'"größe"': "type", "1.5e3": "number", '"a\\"b"': "string", "null": "constant"}.items() <= names(
        json, 0
    ).items()


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "text"])
def test_spans_are_in_order_do_not_overlap_and_stay_in_their_line(language: str) -> None:
    for text in (CODE, '{"a": [1, "漢\\"字", nul', "a: |\n  漢字\n\tb: &x *x\n", '[a]\nb = """\n漢字\n"""\n'):
        document = CodeDocument(text, language)
        for row, spans in enumerate(document.spans(0, document.line_count - 1)):
            end = 0
            for span in spans:
                assert end <= span.start < span.end <= len(document.get_line(row))
                assert span.name in NAMES
                end = span.end


def test_plain_text_has_no_spans() -> None:
    assert CodeDocument(CODE, "text").spans(0, 3) == []


def test_after_edits_it_is_as_if_the_text_had_been_opened_anew() -> None:
    rng = random.Random(7)
    document = CodeDocument(CODE * 3, "python")
    pieces = ["é", "漢字", "🎉", "\n", '"""', "def x():\n", "(", "'", "# ", "\t", "  ", ""]
    for _ in range(200):
        row = rng.randrange(document.line_count)
        end_row = min(document.line_count - 1, row + rng.choice([0, 0, 0, 1, 3]))
        start = (row, rng.randint(0, len(document.get_line(row))))
        end = (end_row, rng.randint(0, len(document.get_line(end_row))))
        document.replace_range(start, end, rng.choice(pieces))
        last = document.line_count - 1
        first = rng.randint(0, last)
        assert document.spans(first, last) == CodeDocument(document.text, "python").spans(first, last)


def test_a_window_far_down_knows_that_it_is_inside_of_a_string() -> None:
    lines = ['TEXT = """', *(f"word {number} def class 'x'" for number in range(2_000)), '"""', "x = 1"]
    document = CodeDocument("\n".join(lines), "python")
    assert names(document, 1_500) == {lines[1_500]: "string"}
    assert names(document, 2_002) == {"x": "variable", "=": "operator", "1": "number"}
    document.replace_range((0, 7), (0, 10), "1 #")
    assert names(document, 1_500)["class"] == "keyword"


@pytest.mark.parametrize("quote", ['"""', "'''"])
def test_quotes_in_comments_and_in_other_strings_open_nothing(quote: str) -> None:
    other = "'" if quote[0] == '"' else '"'
    head = f"a = 1  # {quote}\nb = {other}{quote}{other}\nc = {quote}x{quote}\n"
    document = CodeDocument(head + "y = 2\n" * (LOOK_BACK + LOOK_AHEAD), "python")
    assert names(document, LOOK_BACK + 50) == {"y": "variable", "=": "operator", "2": "number"}


def test_names_keep_their_colour_while_the_text_is_broken() -> None:
    document = CodeDocument(CODE, "python")
    document.replace_range((9, 0), (9, 0), "    x = foo(\n")
    assert {"def": "keyword", "handler": "function"}.items() <= names(document, 7).items()
    assert {"raise": "keyword", "ValueError": "type"}.items() <= names(document, 11).items()


def test_a_very_long_line_costs_little_and_has_colours_where_it_begins() -> None:
    document = CodeDocument("x = [" + "1, " * 50_000 + "]\ny = 'z'\n", "python")
    spans = document.spans(0, 1)
    assert spans[0][0].name == "variable"
    assert spans[0][-1].end <= 2_000
    assert names(document, 1) == {"y": "variable", "=": "operator", "'z'": "string"}


def test_json_that_is_none_is_marked() -> None:
    assert [span.name for span in json_spans("{a: tru}")] == ["operator", "error", "operator", "error", "operator"]
