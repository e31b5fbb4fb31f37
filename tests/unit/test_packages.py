"""Which lines of a list are taken, and how they are written anew."""

from pathlib import Path

import pytest

from clowdy_tui.domain.errors import InvalidInput
from clowdy_tui.domain.packages import BuildFailed, hold_to_hashes, name_of, read_lock, read_requirements, write_lock
from clowdy_tui.engine.indexer import environment
from clowdy_tui.engine.layers import LayerStore, LayerTarget

HASH = "a" * 64


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("requests", "requests"),
        ("  Requests >= 2.0 , < 3  # why", "requests<3,>=2.0"),
        ("requests[socks,security]==2.32.*", "requests[security,socks]==2.32.*"),
        ("ruamel_yaml ~= 0.18", "ruamel-yaml~=0.18"),
        ("numpy; python_version >= '3.9' and sys_platform != \"win32\"", None),
        ("torch==2.1.0+cpu", "torch==2.1.0+cpu"),
        (f"six==1.16.0 --hash=sha256:{HASH}", "six==1.16.0"),
        (f"six==1.16.0 \\\n    --hash=sha256:{HASH} \\\n    --hash=sha256:{'b' * 64}", "six==1.16.0"),
        ("\ufeffsix\r\n\r\n# only a comment\r\n", "six"),
    ],
)
def test_a_package_is_taken_and_written_anew(line: str, written: str | None) -> None:
    expected = written or 'numpy; python_version >= "3.9" and sys_platform != "win32"'
    assert read_requirements(line).text == f"{expected}\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--no-binary :all:", "is an option"),
        ("--no-binary=:all:", "is an option"),
        ("--index-url https://example.org/simple", "is an option"),
        ("-i https://example.org/simple", "is an option"),
        ("--extra-index-url=https://example.org", "is an option"),
        ("--find-links /tmp", "is an option"),
        ("-f .", "is an option"),
        ("--trusted-host example.org", "is an option"),
        ("--pre", "is an option"),
        ("-r other.txt", "is another file"),
        ("-r/etc/passwd", "is an option"),
        ("--requirement=other.txt", "is another file"),
        ("-c constraints.txt", "is another file"),
        ("-e .", "is an editable package"),
        ("--editable=git+https://example.org/x", "is an editable package"),
        ("six --no-binary :all:", "holds an option"),
        ("six --config-settings=x=y", "holds an option"),
        ("six --global-option=--x", "holds an option"),
        ("six\t--no-binary=six", "holds an option"),
        (f"six --hash=sha256:{HASH} --no-binary :all:", "has a --hash that is not"),
        ("six --hash=md5:00", "has a --hash that is not"),
        (f"six --hash=sha256:{HASH[:-1]}", "has a --hash that is not"),
        ("git+https://example.org/six.git", "is an address"),
        ("https://example.org/six-1.0.tar.gz", "is an address"),
        ("file:///etc/passwd", "is an address"),
        ("six @ https://example.org/six-1.0-py3-none-any.whl", "is an address"),
        ("six @ file:///tmp/six.whl", "is an address"),
        ("six@file:six-1.0-py3-none-any.whl", "is a file"),
        ("six @ ./six", "is a path"),
        ("./six", "is a path"),
        ("../six", "is a path"),
        ("/tmp/six", "is a path"),
        ("~/six", "is a path"),
        ("folder/six", "is a path"),
        (".", "is a path"),
        ("six-1.0-py3-none-any.whl", "is a file"),
        ("six-1.0.tar.gz", "is a file"),
        ("six.zip[extra]", "is a file"),
        ("C:\\six", "variables are not filled in"),
        ("six==${VERSION}", "variables are not filled in"),
        ("$HOME", "variables are not filled in"),
        ("six===1.0", "write =="),
        ("six===1.0;--no-binary", "is not a package"),
        ("six; os_name == 'a # b'", "is not a package"),
        ("six; os_name == '--no-binary'", "holds"),
        ("six; os_name == 'x --no-binary :all:'", "holds an option"),
        ("six\x0b--no-binary :all:", "control character"),
        ("six\x85--pre", "control character"),
        ("six\u2028--pre", "control character"),
        ("six\r--no-binary :all:", "control character"),
        ("six\0", "control character"),
        ("ѕix", "no package's line has"),
        ("six \\\n--no-binary :all:", "goes on from the line before"),
        ("six \\\nflask", "goes on from the line before"),
        ("--no-\\\nbinary :all:", "is an option"),
        ("six flask", "is not a package"),
        ("[extra]", "is not a package"),
        ("--only-binary :none:", "is an option"),
        ("--config-settings=x=y", "is an option"),
        ("-Cx=y", "is an option"),
        ("six -C x=y", "holds an option"),
        ("--constraint=/etc/passwd", "is another file"),
        ("# -r x\n-r y", "is another file"),
        ("six @ git+ssh://git@example.org/six", "is an address"),
        ("git@github.com:x/six.git", "is a path"),
        ("lp:six", "is not a package"),
        ("HTTPS://example.org/six.whl", "is an address"),
        ("six @ C:/six", "is a path"),
        ("..\\six", "variables are not filled in"),
        ("%HOME%", "is not a package"),
        ("`id`", "variables are not filled in"),
        ("six; id", "is not a package"),
        ("six && id", "is not a package"),
        ("six > /tmp/x", "is a path"),
        ("six\u00a0--pre", "control character"),
        ("\u200bsix", "control character"),
        ("six\ufeff", "control character"),
        ("\uff0dr x", "no package's line has"),
        ("ｓｉｘ", "no package's line has"),
        ("six\x1b[0m", "control character"),
        (f"six --hash=sha256:{HASH} \\\n--no-binary :all:", "goes on from the line before"),
        (f"six --hash=sha256:{'A' * 64}", "has a --hash that is not"),
        (f"--hash=sha256:{HASH}", "is an option"),
        ("six #\\\n--no-binary :all:", "is an option"),
        ("include other.txt", "is not a package"),
        ("name = 'six'", "is not a package"),
        ("[tool.uv]", "is not a package"),
    ],
)
def test_what_is_no_package_is_refused_by_name(line: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_requirements(f"flask\n\n{line}")
    assert said in caught.value.detail
    # The line is named by its number, or by that of the line that goes on from it.
    assert caught.value.errors[0].loc[1] in (3, 4)


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("six # --no-binary :all:", "six"),
        ("six \\", "six"),
        # Names of the index and nothing else, however they look.
        ("six--no-binary", "six-no-binary"),
        ("setup.py", "setup-py"),
        ("uv.toml", "uv-toml"),
    ],
)
def test_what_looks_like_smuggling_and_is_a_name_is_written_as_one(line: str, written: str) -> None:
    assert read_requirements(line).text == f"{written}\n"


def test_every_wrong_line_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_requirements("-e .\nsix\n/tmp")
    assert [error.loc for error in caught.value.errors] == [("requirements_txt", 1), ("requirements_txt", 3)]
    with pytest.raises(InvalidInput, match="KiB"):
        read_requirements("#" * 70_000)
    with pytest.raises(InvalidInput, match="300 at most"):
        read_requirements("\n".join(f"a{number}" for number in range(301)))


def test_the_hash_ignores_order_blanks_comments_and_ways_of_writing() -> None:
    first = read_requirements("# ours\nFlask >=3\n\nrequests[b,a]\n")
    assert first.hash == read_requirements("requests[a,b] # twice\r\nflask>=3\nflask >= 3").hash
    assert first.hash != read_requirements("flask>=3\nrequests[a]").hash
    assert first.hash != read_requirements(f"flask>=3\nrequests[a,b] --hash=sha256:{HASH}").hash


def test_a_lock_holds_exact_versions_with_hashes_and_nothing_else() -> None:
    text = (
        f"b==2 \\\n    --hash=sha256:{HASH}\n    # via a\na==1.0+x \\\n    --hash=sha256:{HASH} \\\n"
        f"    --hash=sha256:{'b' * 64}\n"
    )
    locked = read_lock(text)
    assert [package.name for package in locked] == ["b", "a"]
    assert write_lock(locked) == write_lock(read_lock(write_lock(locked)))
    assert write_lock(locked).startswith("a==1.0+x")
    for wrong in ("a==1\n", f"a @ https://x --hash=sha256:{HASH}", f"a>=1 --hash=sha256:{HASH}", "--index-url x"):
        with pytest.raises(ValueError):
            read_lock(wrong)


def test_hashes_in_the_list_hold_the_lock() -> None:
    locked = read_lock(f"six==1 --hash=sha256:{HASH} --hash=sha256:{'b' * 64}\n")
    held = hold_to_hashes(read_requirements(f"six --hash=sha256:{HASH}"), locked)
    assert held[0].hashes == {HASH}
    with pytest.raises(BuildFailed, match="belong to no file of six==1"):
        hold_to_hashes(read_requirements(f"six --hash=sha256:{'c' * 64}"), locked)


async def test_a_layer_that_cannot_be_removed_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LayerStore(tmp_path, LayerTarget("test"))
    for key in ("a" * 32, "b" * 32):
        (tmp_path / key / "six").mkdir(parents=True)

    def refuses(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("clowdy_tui.engine.layers.shutil.rmtree", refuses)
        (sentence,) = await store.collect({"b" * 32})
    assert "a" * 32 in sentence
    assert "Permission denied" in sentence
    assert not store.has("a" * 32)
    assert store.has("b" * 32)
    assert await store.collect({"b" * 32}) == ()
    assert [path.name for path in tmp_path.iterdir()] == ["b" * 32]


def test_names_are_found_in_lines() -> None:
    assert name_of("Ruamel.YAML>=1 # x") == "ruamel-yaml"
    assert name_of("six==1 \\") == "six"
    assert name_of("# six") is name_of("") is name_of("-r x") is None


def test_the_resolver_sees_only_how_the_index_is_reached(tmp_path) -> None:
    told = environment(
        {
            "SECRET": "x",
            "PYTHONPATH": "/x",
            "UV_CONFIG_FILE": "/x",
            "UV_NO_BINARY": ":all:",
            "UV_NO_BINARY_PACKAGE": "six",
            "PIP_NO_BINARY": ":all:",
            "LD_PRELOAD": "/x",
            "PIP_INDEX_URL": "https://a",
            "UV_EXTRA_INDEX_URL": "https://b",
            "PIP_EXTRA_INDEX_URL": "https://c",
            "UV_INDEX_MINE_PASSWORD": "p",
            "HTTPS_PROXY": "http://p",
        },
        tmp_path,
    )
    own = {"PATH", "HOME", "TMPDIR", "LC_ALL"}
    assert {name: value for name, value in told.items() if name not in own} == {
        "UV_DEFAULT_INDEX": "https://a",
        "UV_EXTRA_INDEX_URL": "https://b",
        "UV_INDEX_MINE_PASSWORD": "p",
        "HTTPS_PROXY": "http://p",
    }
