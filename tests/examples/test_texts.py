"""Addresses in the SuperCollider file and in the Python client."""

import ast
import re
from pathlib import Path

import pytest

from tests.examples.addresses import check_message, check_reply

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_python_client() -> None:
    calls = 0
    for node in ast.walk(ast.parse((EXAMPLES / "python_client.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("send", "done", "ask"):
            first, *rest = node.args or [None]
            if isinstance(first, ast.Constant) and first.value != "/sync" and "/pan" not in first.value:
                prefix = "/q" if node.func.attr == "ask" else ""
                check_message(prefix + first.value, tuple(ast.literal_eval(value) for value in rest))
                calls += 1
    assert calls > 12


@pytest.mark.parametrize("pattern", [r"send\('(/[^']+)'", r"ask\('(/[^']+)'", r"later\([^;]*?\['(/[^']+)'"])
def test_supercollider(pattern: str) -> None:
    found = re.findall(pattern, (EXAMPLES / "supercollider.scd").read_text(encoding="utf-8"))
    assert found
    for path in found:
        if path not in ("/notify", "/sync"):
            check_reply(path)
