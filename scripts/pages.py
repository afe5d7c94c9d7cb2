"""Write the tables of the pages (docs, README) from the tables in the code: python scripts/pages.py. `--check` only looks."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from realtime.control.pages import addresses_markdown, own_addresses_markdown
from realtime.midi.mapping_pages import (
    action_table_markdown,
    choice_table_markdown,
    field_table_markdown,
    learn_table_markdown,
    mapping_table_markdown,
    source_table_markdown,
)
from realtime.midi.message import midi_table_markdown
from realtime.oscquery.attributes import attribute_table_markdown
from realtime.screen.key_table import keys_markdown, short_keys_markdown

ROOT = Path(__file__).parents[1]
TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "keys": short_keys_markdown,
    },
    "docs/osc.md": {
        "addresses": addresses_markdown,
        "connection": own_addresses_markdown,
        "oscquery": attribute_table_markdown,
    },
    "docs/midi.md": {
        "messages": midi_table_markdown,
        "sources": source_table_markdown,
        "actions": action_table_markdown,
        "choices": choice_table_markdown,
        "learn": learn_table_markdown,
        "ready": mapping_table_markdown,
        "fields": field_table_markdown,
    },
    "docs/playing.md": {
        "keys": keys_markdown,
    },
}
_PART = re.compile(r"<!-- table: (\w+) -->\n.*?<!-- end -->", re.S)


def filled(page: str, text: str) -> str:
    """The text of a page with its tables as the code has them."""
    tables = TABLES[page]
    return _PART.sub(lambda part: f"<!-- table: {part[1]} -->\n{tables[part[1]]()}<!-- end -->", text)


def main() -> int:
    """Write the pages, or with `--check` say which are not up to date."""
    old = []
    for page in TABLES:
        path = ROOT / page
        text = path.read_text(encoding="utf-8")
        if (new := filled(page, text)) != text:
            old.append(page)
            if "--check" not in sys.argv:
                path.write_text(new, encoding="utf-8")
    if old and "--check" in sys.argv:
        print(f"not up to date: {', '.join(old)}; run python scripts/pages.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
