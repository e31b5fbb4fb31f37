from clowdy_tui import resources


def test_the_repository_comes_first() -> None:
    assert (resources.folder("runtimes").parent / "pyproject.toml").is_file()
    assert resources.folder("themes").name == "themes"
