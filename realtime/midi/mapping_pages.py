"""Tables of `docs/midi.md` that are about mappings, in Markdown, made from the tables in the code. It knows no page around them."""

from collections.abc import Iterable, Sequence

from realtime.midi.choices import ACTIONS, FEEDBACKS, MODES
from realtime.midi.learn import LEARN_RULES
from realtime.midi.mapping import Mapping
from realtime.midi.mapping_fields import BINDING_FIELDS, FILE_FIELDS, PROGRAM_FIELDS, ZONE_FIELDS, Field
from realtime.midi.mapping_file import READY, ready_mapping
from realtime.midi.source_pattern import KINDS
from realtime.midi.takeover import TAKEOVERS

_KINDS = {str: "text", int: "whole number", float: "number", bool: "true or false", list: "list"}


def field_table_markdown() -> str:
    """Every key of a mapping file."""
    tables: tuple[tuple[str, tuple[Field, ...]], ...] = (
        ("the file", FILE_FIELDS),
        ("binding", BINDING_FIELDS),
        ("program", PROGRAM_FIELDS),
        ("zone", ZONE_FIELDS),
    )
    rows = [(where, f"`{field.name}`", _kind(field), _default(field), field.summary) for where, fields in tables for field in fields]
    return _table(("table", "key", "kind", "without it", "meaning"), rows)


def source_table_markdown() -> str:
    """Every kind of control that can be bound."""
    rows = [
        (f"`{kind.kind}`", f"0 to {kind.top_number}" if kind.top_number else "", "yes" if kind.stays else "no", kind.summary)
        for kind in KINDS.values()
    ]
    return _table(("source", "numbers", "soft takeover", "what it is"), rows)


def action_table_markdown() -> str:
    """What a control can do to its address."""
    rows = [
        (f"`{action.name}`", " and ".join([*["notes"] * action.notes, *["controls"] * action.controls]), action.summary)
        for action in ACTIONS.values()
    ]
    return _table(("action", "for", "what it does"), rows)


def choice_table_markdown() -> str:
    """Soft takeover, feedback and encoders: what may be chosen."""
    choices = (("takeover", TAKEOVERS.items()), ("feedback", FEEDBACKS.items()), ("mode", MODES.items()))
    return _table(("key", "value", "meaning"), [(f"`{key}`", f"`{name}`", text) for key, items in choices for name, text in items])


def learn_table_markdown() -> str:
    """The rules of learning."""
    return _table(("what is heard", "what comes of it"), LEARN_RULES)


def mapping_table_markdown(mapping: Mapping | None = None) -> str:
    """A mapping as a table; by default the one a stage has that was given none."""
    mapping = ready_mapping(READY) if mapping is None else mapping
    rows = [
        (f"`{b.source.text}`", str(b.source.channel or "any"), b.source.port or "any", f"`{b.address}`", f"`{b.action}`")
        for b in mapping.bindings
    ]
    programs = [(r.what, str(r.channel or "any"), r.port or "any", f"`{r.address}`", _words(r.arguments)) for r in mapping.programs]
    return _table(("control", "channel", "port", "moves", "how"), [*rows, *programs])


def _words(arguments: Iterable[object]) -> str:
    return " ".join(str(argument) for argument in arguments)


def _kind(field: Field) -> str:
    return _KINDS[field.kinds[-1]]


def _default(field: Field) -> str:
    if field.required:
        return "refused"
    if field.default in (None, "", ()):
        return ""
    return f"`{str(field.default).lower()}`" + (" (notes: `momentary`)" if field.name == "action" else "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
