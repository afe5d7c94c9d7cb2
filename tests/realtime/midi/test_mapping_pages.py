from realtime.midi import mapping_pages as pages
from realtime.midi.choices import ACTIONS, MODES
from realtime.midi.learn import LEARN_RULES
from realtime.midi.mapping_fields import BINDING_FIELDS, FILE_FIELDS, PROGRAM_FIELDS, ZONE_FIELDS
from realtime.midi.mapping_file import from_table, ready_mapping
from realtime.midi.source_pattern import KINDS


def rows(table: str) -> list[list[str]]:
    lines = table.splitlines()
    assert lines[1].replace("|", "").replace("-", "").strip() == ""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {len(row) for row in cells} == {len(cells[0])}
    return cells[2:]


def test_every_row_of_every_table_is_on_the_page() -> None:
    fields = [field.name for fields in (FILE_FIELDS, BINDING_FIELDS, PROGRAM_FIELDS, ZONE_FIELDS) for field in fields]
    assert [row[1] for row in rows(pages.field_table_markdown())] == [f"`{name}`" for name in fields]
    assert [row[0] for row in rows(pages.source_table_markdown())] == [f"`{kind}`" for kind in KINDS]
    assert [row[0] for row in rows(pages.action_table_markdown())] == [f"`{action}`" for action in ACTIONS]
    assert {f"`{mode}`" for mode in MODES} < {row[1] for row in rows(pages.choice_table_markdown())}
    assert len(rows(pages.learn_table_markdown())) == len(LEARN_RULES)


def test_the_ready_mapping_as_a_table() -> None:
    table = rows(pages.mapping_table_markdown())
    assert len(table) == len(ready_mapping().bindings)
    assert ["`note 43`", "10", "any", "`/panic`", "`trigger`"] in table


def test_programs_of_a_mapping_are_on_the_page() -> None:
    rule = {"program": 3, "bank": 2, "address": "/scene/recall", "arguments": ["verse"]}
    (row,) = rows(pages.mapping_table_markdown(from_table({"program": [rule]}, "x")))
    assert row == ["program 3 of bank 2", "any", "any", "`/scene/recall`", "verse"]
