"""Highlighting: which stretch of a line is what, also after edits, in broken text, and far down in a long file."""

import random
import subprocess
import sys

import pytest

from clowdy_tui.tui.widgets.code_area_document import CodeDocument
from clowdy_tui.tui.widgets.highlight import LANGUAGES, NAMES, json_spans, language_of
from clowdy_tui.tui.widgets.highlight_window import LOOK_AHEAD, LOOK_BACK, Highlighter

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


SAMPLES = {
    "javascript": '/* a\n b */ import x from "y"\nconst f = async (a) => `t ${a.b}\n more` // c\n'
    "class A { m() { return 1 } }\n",
    "css": "/* x\ny */ .a > b:hover { color: #fff; margin: 1px }\n@media (min-width: 3em) { a { --x: 1 } }\n",
    "html": '<!DOCTYPE html>\n<!-- a\nb --><div class="x">&amp;<script>let a = 1</script></div>\n',
    "bash": '#!/bin/bash\nfor f in *; do echo "$f ${x:-1}" | grep a; done\nfoo() { local a=$(ls); }\n',
    "sql": "SELECT a, count(*) FROM t -- c\n/* x\ny */ WHERE a = 'it''s' AND b > 1.5\n",
    "markdown": "# Title\n- **bold** and `code` [link](x)\n```python\nx = 1\n```\n> quote\n",
}


def _named(language: str, text: str) -> list[tuple[str, str]]:
    lines = text.split("\n")
    spans = Highlighter(language).spans(lines, 0, len(lines) - 1)
    return [(line[start:end], name) for line, row in zip(lines, spans, strict=True) for start, end, name in row]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("javascript", [("import", "keyword"), ('"y"', "string"), (" more`", "string"), ("// c", "comment"),
                        ("m", "function"), ("1", "number"), (" b */", "comment")]),
        ("css", [("y */", "comment"), ("color", "variable"), ("#fff", "number"), ("@media", "keyword")]),
        ("html", [("b -->", "comment"), ("div", "type"), ("class", "function"), ('"x"', "string"),
                  ("&amp;", "constant")]),
        ("bash", [("for", "keyword"), ("echo", "function"), ("foo", "function"), ("#!/bin/bash", "comment")]),
        ("sql", [("SELECT", "keyword"), ("count", "function"), ("-- c", "comment"), ("y */", "comment"),
                 ("'it''s'", "string"), ("1.5", "number")]),
        ("markdown", [("# Title", "keyword"), ("**bold**", "type"), ("`code`", "string"), ("x = 1", "string"),
                      (">", "operator")]),
    ],
)  # fmt: skip
def test_each_language_has_its_colours(language: str, expected: list[tuple[str, str]]) -> None:
    found = _named(language, SAMPLES[language])
    assert [part for part in expected if part not in found] == []


@pytest.mark.parametrize("language", SAMPLES)
def test_a_window_that_begins_in_the_middle_looks_as_in_the_whole(language: str) -> None:
    text = SAMPLES[language]
    lines = (text * 3).split("\n")
    whole = Highlighter(language).spans(lines, 0, len(lines) - 1)
    for row in range(len(lines)):
        state = [span for span in whole[row] if span.name in ("comment", "string")]
        seen = [span for span in Highlighter(language).spans(lines, row, row)[0] if span.name in ("comment", "string")]
        assert seen == state, lines[row]


_BREAK = """
import random, sys
from clowdy_tui.tui.widgets.highlight_window import Highlighter
language, text, seed = sys.argv[1:]
rng = random.Random(int(seed))
for _ in range(300):
    characters = list(text * 3)
    for _ in range(rng.randrange(1, 12)):
        at = rng.randrange(len(characters))
        characters[at] = rng.choice(["", "", "\\n", "`", "'", '"', "{", "}", "/*", "<", "é", "\\ud800", "\\x00"])
    lines = "".join(characters).split("\\n")
    highlighter = Highlighter(language)
    for row in (0, len(lines) // 2, len(lines) - 1):
        spans = highlighter.spans(lines, row, min(len(lines) - 1, row + 5))
        for line, found in zip(lines[row:], spans):
            assert all(0 <= s.start < s.end <= len(line) for s in found), (line, found)
"""


@pytest.mark.parametrize("language", [*SAMPLES, "python", "yaml", "toml"])
def test_broken_text_of_any_language_crashes_nothing(language: str) -> None:
    """In a process of its own: a parser that fails does it with the whole program."""
    text = SAMPLES.get(language, 'a: [1, \'b\']\nb = """x\n"""\ndef f(): return {\'a\': 1}\n')
    done = subprocess.run(
        [sys.executable, "-c", _BREAK, language, text, "7"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
