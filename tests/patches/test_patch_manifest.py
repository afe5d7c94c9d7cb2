"""The table of fields, the dataclasses, the page and the bytes say the same."""

import copy
import dataclasses
import pickle
import random
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from patches import codec, errors
from patches.codec import decode, encode
from patches.fields import BY_PATH, FIELDS, KEYS, Field
from patches.kinds import RESERVED_CONTROLS, ROLES, SETTINGS
from patches.limits import MAX_CONTROLS, MAX_FILES
from patches.reader import read_manifest
from patches.strict_json import dumps, loads

GOLDEN = Path(__file__).with_name("golden_patch.json")
PAGE = Path(__file__).parents[2] / "docs" / "patch-format.md"


@pytest.fixture
def plain(make: ModuleType) -> dict[str, Any]:
    """A valid manifest as plain JSON values, with every field of the table in it."""
    manifest = make.valid_manifest("tiny", make.valid_files())
    manifest["verify"]["torchscript_max_error"] = 1e-6
    return manifest


def at(path: str, value: Any) -> Any:
    """What stands at a path of the table; the first entry of lists and maps."""
    for step in re.findall(r"\[\]|\{\}|[^.\[\]{}]+", path):
        value = value[0] if step == "[]" else value[next(iter(value))] if step == "{}" else value[step]
    return value


def put(path: str, value: Any, plain: dict[str, Any]) -> dict[str, Any]:
    """The manifest with another value at a path."""
    changed = copy.deepcopy(plain)
    *parents, last = re.findall(r"\[\]|\{\}|[^.\[\]{}]+", path)
    owner: Any = changed
    for step in parents:
        owner = owner[0] if step == "[]" else owner[next(iter(owner))] if step == "{}" else owner[step]
    owner[0 if last == "[]" else next(iter(owner)) if last == "{}" else last] = value
    return changed


# ---- the table


def test_every_row_is_in_the_valid_manifest(plain: dict[str, Any]) -> None:
    for field in FIELDS:
        at(field.path, plain)  # KeyError, IndexError or StopIteration if not


def test_dataclasses_have_the_keys_of_the_table() -> None:
    for path, cls in codec.CLASSES.items():
        assert {field.name for field in dataclasses.fields(cls)} == set(KEYS[path]), path
    assert set(codec.CLASSES) == set(KEYS)


def test_paths_are_unique() -> None:
    assert len(BY_PATH) == len(FIELDS)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.path)
def test_wrong_type(field: Field, plain: dict[str, Any]) -> None:
    wrong: list[Any] = [None, [] if field.type != "list" else {}]
    wrong += {
        "text": [1],
        "integer": [1.0, "1", True],
        "number": ["1", True],
        "object": ["x"],
        "list": ["ab"],
        "map": ["ab"],
        "scalar": [],
    }[field.type]
    for value in wrong:
        with pytest.raises(errors.WrongTypeError) as caught:
            decode(put(field.path, value, plain))
        assert at(field.path, plain) is not value
        assert caught.value.field.replace("[0]", "[]").split(".")[0].rstrip("[]") == field.path.split(".")[0].rstrip("[]{}")


@pytest.mark.parametrize("field", [f for f in FIELDS if f.type in ("integer", "number")], ids=lambda field: field.path)
def test_out_of_bounds(field: Field, plain: dict[str, Any]) -> None:
    for value in (field.low - 1, field.high + 1 + 1e-9 * abs(field.high), 10**400, float("inf"), float("-inf"), float("nan")):
        if field.type == "integer":
            if value != value or value in (float("inf"), float("-inf")):
                continue
            value = int(value)
        if field.path == "format" and value > field.high:
            continue  # its own error
        with pytest.raises(errors.WrongValueError):
            decode(put(field.path, value, plain))


@pytest.mark.parametrize("field", [f for f in FIELDS if f.type == "text"], ids=lambda field: field.path)
def test_wrong_text(field: Field, plain: dict[str, Any]) -> None:
    expected = (errors.WrongValueError, errors.UnknownKindError)
    wrong = ["x" * (int(field.high) + 1), "a\nb", "a\x1b[2J", "a\u202eb", "\ud800"] + ([""] if field.low else [])
    wrong += ["no such thing"] if field.one_of or field.pattern else []
    for value in wrong:
        with pytest.raises(expected):
            decode(put(field.path, value, plain))


@pytest.mark.parametrize("field", [f for f in FIELDS if f.type in ("list", "map")], ids=lambda field: field.path)
def test_wrong_count(field: Field, plain: dict[str, Any]) -> None:
    value = at(field.path, plain)
    many = [value[0]] * (int(field.high) + 1) if field.type == "list" else {f"k{i}": "x" for i in range(int(field.high) + 1)}
    if field.type == "list" and not value:
        many = [1] * (int(field.high) + 1)
    for wrong in [many] + ([[]] if field.low else []):
        with pytest.raises(errors.WrongValueError) as caught:
            decode(put(field.path, wrong, plain))
        assert f"{len(wrong)} entries" in str(caught.value)


@pytest.mark.parametrize("path", sorted(KEYS))
def test_unknown_and_missing_keys(path: str, plain: dict[str, Any]) -> None:
    with pytest.raises(errors.UnknownKeyError, match=r"extra: allowed: "):
        decode(put(f"{path}.extra" if path else "extra", 1, plain))
    for key in KEYS[path]:
        manifest = copy.deepcopy(plain)
        del (at(path, manifest) if path else manifest)[key]
        if BY_PATH[f"{path}.{key}" if path else key].required:
            with pytest.raises(errors.MissingKeyError, match=rf"{key}: allowed: .*add it"):
                decode(manifest)
        else:
            decode(manifest)


# ---- rules between fields


@pytest.mark.parametrize("word", sorted(RESERVED_CONTROLS))
def test_reserved_controls(word: str, plain: dict[str, Any]) -> None:
    with pytest.raises(errors.ControlError):
        decode(put("controls[].id", word, plain))


def test_temperature_is_a_patch_control(plain: dict[str, Any]) -> None:
    assert decode(plain).control("temperature").curve == "exponential"


def test_torchscript_needs_its_error(plain: dict[str, Any]) -> None:
    plain["models"].append(plain["models"][0] | {"runtime": "torchscript", "file": "sequencer.ts"})
    assert decode(plain).model("sequencer", "torchscript").file == "sequencer.ts"
    del plain["verify"]["torchscript_max_error"]
    with pytest.raises(errors.MissingKeyError, match=r"verify\.torchscript_max_error"):
        decode(plain)


def test_two_tensors_of_one_name(plain: dict[str, Any]) -> None:
    plain["models"][0]["inputs"].append(plain["models"][0]["inputs"][0])
    with pytest.raises(errors.DuplicateNameError, match=r"models\[0\]\.inputs\[6\]\.name: got 'frame'"):
        decode(plain)


def test_two_outputs_into_one_input(plain: dict[str, Any]) -> None:
    plain["models"][0]["feedback"] = {"hidden_next": "hidden", "cell_next": "hidden"}
    with pytest.raises(errors.FeedbackError, match="does not feed already"):
        decode(plain)


def test_feedback_from_nowhere(plain: dict[str, Any]) -> None:
    with pytest.raises(errors.FeedbackError, match="got 'nowhere', allowed: an output: next_frame"):
        decode(put("models[].feedback", {"nowhere": "hidden"}, plain))


@pytest.mark.parametrize("key", ["", "a\nb", "x" * 257])
def test_keys_of_maps(key: str, plain: dict[str, Any]) -> None:
    with pytest.raises(errors.WrongValueError, match="keys of 1 to 256 printable characters"):
        decode(put("origin.scores", {key: 1.0}, plain))


def test_settings_by_kind(plain: dict[str, Any]) -> None:
    with pytest.raises(errors.WrongTypeError, match=r"settings\.crossfade_frames: got true, allowed: integer"):
        decode(put("settings.crossfade_frames", True, plain))
    for row in SETTINGS["mosaic"]:
        rest = {key: value for key, value in plain["settings"].items() if key != row.path}
        if not row.required:
            assert decode(put("settings", rest, plain))
            continue
        with pytest.raises(errors.MissingKeyError, match=rf"settings\.{row.path}"):
            decode(put("settings", rest, plain))


@pytest.mark.parametrize("kind", ["tokens", "latent"])
def test_settings_of_other_kinds(kind: str, plain: dict[str, Any]) -> None:
    """The ones that are needed are exactly the rows that are not optional, and an optional one is checked all the same."""
    needed = NEEDED_SETTINGS[kind]
    assert [row.path for row in SETTINGS[kind] if row.required] == list(needed)
    models = [plain["models"][0] | {"role": r.name, "file": f"{r.name}.onnx"} for r in ROLES if r.kind == kind and r.required]
    manifest = plain | {"kind": kind, "models": models, "data": [], "settings": needed}
    for key in needed:
        with pytest.raises(errors.MissingKeyError, match=rf"settings\.{key}"):
            decode(manifest | {"settings": {k: v for k, v in needed.items() if k != key}})
    with pytest.raises((errors.WrongValueError, errors.UnknownKeyError), match=r"settings\.codebook_temperature_1"):
        decode(manifest | {"settings": needed | {"codebook_temperature_1": 9.0}})


def test_slug_that_is_a_device(plain: dict[str, Any]) -> None:
    with pytest.raises(errors.WrongValueError, match="slug: got 'nul', allowed: a name that is not a device on Windows"):
        decode(put("slug", "nul", plain))


def test_too_many_files(plain: dict[str, Any]) -> None:
    plain["data"] += [{"role": f"r{i}", "file": f"r{i}.npz", "sha256": "0" * 64, "bytes": 1} for i in range(MAX_FILES - 2)]
    with pytest.raises(errors.OversizeError, match="33 files"):
        decode(plain)


def test_as_many_controls_as_allowed(plain: dict[str, Any]) -> None:
    plain["controls"] = [plain["controls"][0] | {"id": f"c{i}"} for i in range(MAX_CONTROLS)]
    assert len(decode(plain).controls) == MAX_CONTROLS


NEEDED_SETTINGS: dict[str, dict[str, Any]] = {
    "tokens": {
        "codec": "spectral",
        "codec_identity": "0" * 64,
        "codebook_size": 1024,
        "classes": 1,
        "parameters": 0,
        "freeze_steps": 43,
        "context_steps": 0,
    },
    "latent": {},
}


@pytest.mark.parametrize("kind", ["tokens", "latent"])
def test_other_kinds(kind: str, plain: dict[str, Any]) -> None:
    """A patch with exactly the required roles passes; without any one of them it does not."""
    required = [role for role in ROLES if role.kind == kind and role.required]
    models = [plain["models"][0] | {"role": role.name, "file": f"{role.name}.onnx"} for role in required]
    manifest = plain | {"kind": kind, "models": models, "data": [], "settings": NEEDED_SETTINGS[kind]}
    assert decode(manifest).kind == kind
    for absent in required:
        rest = [model for model in models if model["role"] != absent.name] or [models[0] | {"runtime": "torchscript", "file": "x.ts"}]
        with pytest.raises(errors.RoleError, match=f"role '{absent.name}'"):
            decode(manifest | {"models": rest})


def test_model_names_clash_whatever_the_case(plain: dict[str, Any]) -> None:
    models = [plain["models"][0] | {"role": role, "file": file} for role, file in (("step", "a.onnx"), ("decoder", "A.onnx"))]
    with pytest.raises(errors.DuplicateNameError, match=r"models\[1\]\.file"):
        decode(plain | {"kind": "tokens", "models": models, "data": [], "settings": {}})


def test_role_decides_the_extension(plain: dict[str, Any]) -> None:
    with pytest.raises(errors.FileNameError, match=r"allowed: a name ending in \.npz"):
        decode(put("data[].file", "corpus.safetensors", plain))


# ---- bytes


def shuffled(value: Any, dice: random.Random) -> Any:
    """The same value, with the keys of every object in another order."""
    if isinstance(value, dict):
        keys = list(value)
        dice.shuffle(keys)
        return {key: shuffled(value[key], dice) for key in keys}
    return [shuffled(entry, dice) for entry in value] if isinstance(value, list) else value


def test_exact_bytes(plain: dict[str, Any]) -> None:
    plain["models"][0] |= {"sha256": "a" * 64, "bytes": 467}
    plain["data"] = [entry | {"sha256": "b" * 64, "bytes": 1000} for entry in plain["data"]]
    assert encode(decode(plain)) == GOLDEN.read_bytes()


def test_key_order_does_not_matter(plain: dict[str, Any]) -> None:
    for seed in range(10):
        assert encode(decode(shuffled(plain, random.Random(seed)))) == encode(decode(plain))


def test_number_spelling_does_not_matter(plain: dict[str, Any]) -> None:
    other = put("controls[].default", -0.0, put("controls[].min", -3, plain))
    assert encode(decode(other)) == encode(decode(plain))


def test_write_read_write(patch: Path) -> None:
    first = encode(read_manifest(patch))
    assert encode(decode(loads(first, file="again"))) == first
    assert first == (patch / "patch.json").read_bytes()
    assert dumps(loads(first, file="again")) == first


def test_encode_refuses_what_decode_would(patch: Path) -> None:
    manifest = read_manifest(patch)
    with pytest.raises(errors.WrongValueError):
        encode(dataclasses.replace(manifest, slug="No Slug"))
    with pytest.raises(errors.WrongTypeError):
        encode(dataclasses.replace(manifest, audio=44100))


def test_manifest_survives_pickling(patch: Path) -> None:
    """It is handed to deck processes."""
    manifest = read_manifest(patch)
    assert pickle.loads(pickle.dumps(manifest)) == manifest


def test_lookups(patch: Path) -> None:
    manifest = read_manifest(patch)
    assert manifest.model("sequencer").file == "sequencer.onnx"
    assert manifest.file("audio").file == "corpus.flac"
    assert manifest.control("brightness").unit == "\N{GREEK SMALL LETTER SIGMA}"
    assert [entry.file for entry in manifest.entries] == ["sequencer.onnx", "corpus.npz", "corpus.flac"]
    with pytest.raises(errors.UnknownRoleError, match=r"tiny, models: got 'decoder' \(onnx\), allowed: sequencer \(onnx\)"):
        manifest.model("decoder")
    with pytest.raises(errors.UnknownRoleError, match="tiny, data: got 'sound', allowed: corpus, audio"):
        manifest.file("sound")
    with pytest.raises(errors.UnknownControlError, match="tiny, controls: got 'loud', allowed: brightness, temperature"):
        manifest.control("loud")


# ---- the page


def page_rows(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of the page, as lists of cells."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


def test_page_lists_the_fields() -> None:
    said = [row[:3] for row in page_rows("Fields")]
    assert said == [[field.path, field.allowed, "yes" if field.required else "no"] for field in FIELDS]


def test_page_lists_the_roles() -> None:
    assert page_rows("Roles") == [[r.kind, r.name, r.runtime or "data", r.extension, "yes" if r.required else "no"] for r in ROLES]


def test_page_lists_the_settings() -> None:
    rows = [[kind, row.path, row.allowed] for kind, table in SETTINGS.items() for row in table]
    assert [row[:3] for row in page_rows("Settings")] == rows


def test_page_names_the_reserved_controls() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [word for word in sorted(RESERVED_CONTROLS) if f"`{word}`" not in page] == []
