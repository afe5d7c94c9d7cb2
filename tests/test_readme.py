"""What the README shows is there and works."""

import re
import shlex
from pathlib import Path

import pytest

from export import __main__ as export
from patches import __main__ as patches
from patches.library import find
from patches.reader import read_manifest
from realtime.__main__ import parser
from realtime.control.settings import parse_address_setting
from realtime.rack import read_rack
from realtime.setup import parse_setting
from training.commands import make_parser

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(module: str) -> list[list[str]]:
    """Arguments of every `python -m module` line of the README."""
    lines = re.findall(rf"^ +python -m {module} ?([^#\n]*)", TEXT, re.MULTILINE)
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize("arguments", commands("realtime"), ids=" ".join)
def test_stage_commands(arguments: list[str]) -> None:
    options = parser().parse_args(arguments)
    for text in options.set:
        if text.startswith("/"):
            parse_address_setting(text, [read_manifest(find(slug)) for slug in options.patches])
        else:
            parse_setting(text)


@pytest.mark.parametrize("arguments", commands("training"), ids=" ".join)
def test_studio_commands(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Understood as typed: what is missing here is only the folder of sounds."""
    from training.__main__ import main

    monkeypatch.chdir(tmp_path)
    if arguments[0] == "textures":
        arguments = [*arguments, "--clips-per-class", "1", "--seconds", "1"]
        assert main(arguments) == 0
    else:
        assert main(arguments) == 2
        place = "--audio" if "--audio" in arguments else "--data"
        assert arguments[arguments.index(place) + 1] in capsys.readouterr().err


MODULES = {"training": make_parser(print), "export": export._parser(), "patches": patches._parser(), "realtime": parser()}


PAGES = ("README.md", *(f"docs/{name}.md" for name in ("mosaic", "descriptors", "automation", "osc", "midi")))


def shown(page: str) -> list[tuple[str, list[str]]]:
    """Module and arguments of every command that a page shows, in a block of code or within a line."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"^ {4,}python -m (\w+) ?([^#\n]*)", text, re.MULTILINE) + re.findall(r"`python -m (\w+) ?([^`]*)`", text)
    return [(module, shlex.split(line)) for module, line in found if module != "benchmarks"]


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        row
        for page in ("README.md", "docs/mosaic.md", "docs/descriptors.md", "docs/automation.md", "docs/osc.md", "docs/midi.md")
        for row in shown(page)
    ],
    ids=str,
)
def test_every_command_of_the_docs_is_understood(module: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if module == "training" and len(arguments) == 1:
        # A command named alone is only spoken of.
        with pytest.raises(SystemExit) as ended:
            MODULES[module].parse_args([*arguments, "--help"])
        assert ended.value.code == 0
    else:
        MODULES[module].parse_args(arguments)


def test_the_docs_show_commands() -> None:
    assert len(shown("README.md")) >= 15
    assert ("training", ["evaluate", "RUN"]) in shown("docs/mosaic.md")
    assert shown("docs/descriptors.md")


def test_there_are_commands_to_test() -> None:
    assert len(commands("realtime")) >= 6
    assert len(commands("training")) >= 1


def test_rack(tmp_path: Path) -> None:
    shown = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert shown is not None
    path = tmp_path / "show.toml"
    path.write_text(shown[1], encoding="utf-8")
    assert read_rack(path).decks[0].patch == "field"


def test_links_and_tree_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / target).exists(), target
    tree = TEXT.split("## The tree")[1].split("```")[1]
    folder = ROOT
    for line in tree.strip().splitlines():
        names = re.findall(r"[a-z_]+(?:\.py|/)", line.split("  ")[0] if not line.startswith("  ") else line.strip().split("   ")[0])
        if not line.startswith("  "):
            folder = ROOT / names[0]
        for name in names:
            assert (folder / name).exists() or (ROOT / name).exists(), line
