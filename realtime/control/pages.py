"""Tables of docs/osc.md, in Markdown, made from the tables in the code. It knows no page around them."""

from collections.abc import Iterable

from realtime.control.address import Argument
from realtime.control.table import TABLE, Row
from realtime.osc.table import own_addresses

_HEADS = (("value", "Values"), ("command", "Commands"), ("query", "Queries"))


def addresses_markdown() -> str:
    """Every address of the stage, by kind."""
    parts = []
    for kind, title in _HEADS:
        rows = [row for row in TABLE if row.kind == kind]
        last = "answers" if kind == "query" else "arguments"
        parts.append(
            f"### {title}\n\n" + _table(("address", last, "meaning"), ((f"`{row.path}`", _said(row), row.summary) for row in rows))
        )
    return "\n".join(parts)


def own_addresses_markdown() -> str:
    """The addresses that are OSC's own: what clients ask of the connection, and what they are answered."""
    rows = [
        (
            f"`{row.path}`",
            "to Starling" if row.direction == "in" else "from Starling",
            _arguments(row.arguments),
            f"{row.summary}; answers `{row.reply}`"
            if row.reply.startswith("/")
            else f"{row.summary}" + (f"; answers {row.reply}" if row.reply else ""),
        )
        for row in own_addresses()
    ]
    return _table(("address", "goes", "arguments", "meaning"), rows)


def _said(row: Row) -> str:
    if row.kind == "query":
        return f"`{row.path}.reply`: {row.answer}"
    if row.arguments is None:
        return "number in the range, and smoothed as, the patch says"
    more = f"; later `{row.path}.reply`: {row.answer}" if row.answer else ""
    smoothed = f"; smoothed over {row.smoothing_ms:g} ms" if row.smoothing_ms else ""
    return _arguments(row.arguments) + smoothed + more


def _arguments(arguments: Iterable[Argument]) -> str:
    return "; ".join(_argument(argument) for argument in arguments) or "none"


def _argument(argument: Argument) -> str:
    words = [f"{argument.name} `{argument.tag}`", argument.allowed]
    if argument.optional:
        words.append("may be left out")
    if argument.many:
        words.append("one or more")
    if argument.default is not None and not argument.optional:
        words.append(f"at first {argument.default:g}" if isinstance(argument.default, (int, float)) else f"at first {argument.default}")
    return ", ".join(words)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
