"""What the manifest's values say about each other.

Runs after every single value has passed the table of fields. Does not touch files.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from patches.errors import (
    ControlError,
    DuplicateNameError,
    FeedbackError,
    MissingKeyError,
    OversizeError,
    RoleError,
    UnknownKeyError,
    WrongValueError,
    shown,
)
from patches.kinds import RESERVED_CONTROLS, ROLES, SETTINGS
from patches.limits import DATA_EXTENSIONS, MAX_FILES, MAX_PATCH_BYTES, MODEL_EXTENSIONS
from patches.manifest import Control, Manifest, Model, Setting, Tensor
from patches.names import check_file_name, is_device
from patches.values import check_value


def check_rules(manifest: Manifest, *, file: str) -> Manifest:
    """Return the manifest with its settings typed, having checked every rule between fields.

    Parameters
    ----------
    manifest : Manifest
        Each value of which is within its own bounds.
    file : str
        Its name, for the message.

    Raises
    ------
    FileNameError
        A file name is not a plain name with the extension of its runtime.
    DuplicateNameError
        Two files, roles, controls or tensors share a name.
    OversizeError
        More files or bytes than a patch may have.
    RoleError
        The kind's table of roles is not met.
    ControlError
        Bounds that contradict each other, or a reserved id.
    FeedbackError
        A feedback between tensors that are missing or unlike.
    UnknownKeyError, MissingKeyError, WrongTypeError, WrongValueError
        A setting that is not in the kind's table, or a value against its bounds there.

    Thread
    ------
    Any but audio.
    """
    if is_device(manifest.slug):
        raise WrongValueError(file=file, field="slug", got=shown(manifest.slug), allowed="a name that is not a device on Windows")
    _check_files(manifest, file)
    _check_roles(manifest, file)
    for i, model in enumerate(manifest.models):
        _check_model(model, f"models[{i}]", file)
    _check_unique([("controls", i, "id", control.id) for i, control in enumerate(manifest.controls)], file)
    for i, control in enumerate(manifest.controls):
        _check_control(control, f"controls[{i}]", file)
    _check_time(manifest.origin.created, file)
    if manifest.verify.torchscript_max_error is None and any(model.runtime == "torchscript" for model in manifest.models):
        raise MissingKeyError(file=file, field="verify.torchscript_max_error", allowed="a number: a TorchScript model is listed")
    return replace(manifest, settings=_check_settings(manifest, file))


def _check_unique(named: Iterable[tuple[str, int, str, str]], file: str) -> None:
    """Refuse a name that stands twice; each entry is (list, index, key, name)."""
    seen: dict[str, str] = {}
    for owner, index, key, name in named:
        where = f"{owner}[{index}].{key}"
        if name in seen:
            raise DuplicateNameError(file=file, field=where, got=shown(name), allowed=f"a name that {seen[name]} does not have")
        seen[name] = where


def _check_files(manifest: Manifest, file: str) -> None:
    """Check names, uniqueness, count and total size of the listed files."""
    for i, model in enumerate(manifest.models):
        check_file_name(model.file, (MODEL_EXTENSIONS[model.runtime],), file=file, field=f"models[{i}].file")
    for i, entry in enumerate(manifest.data):
        check_file_name(entry.file, DATA_EXTENSIONS, file=file, field=f"data[{i}].file")
    listed = [("models", i, "file", model.file.casefold()) for i, model in enumerate(manifest.models)]
    listed += [("data", i, "file", entry.file.casefold()) for i, entry in enumerate(manifest.data)]
    _check_unique(listed, file)
    if len(listed) > MAX_FILES:
        raise OversizeError(file=file, field="models, data", got=f"{len(listed)} files", allowed=f"{MAX_FILES} in all")
    total_bytes = sum(entry.bytes for entry in manifest.entries)
    if total_bytes > MAX_PATCH_BYTES:
        raise OversizeError(file=file, field="models, data", got=f"{total_bytes} bytes", allowed=f"{MAX_PATCH_BYTES} in all")


def _check_roles(manifest: Manifest, file: str) -> None:
    """Check the files against the kind's table of roles."""
    known = {(role.name, role.runtime): role for role in ROLES if role.kind == manifest.kind}
    listed = [("models", i, model.role, model.runtime, model.file) for i, model in enumerate(manifest.models)]
    listed += [("data", i, entry.role, "", entry.file) for i, entry in enumerate(manifest.data)]
    _check_unique([(owner, i, "role", f"{name} ({runtime})" if runtime else name) for owner, i, name, runtime, _ in listed], file)
    for owner, i, name, runtime, file_name in listed:
        role = known.get((name, runtime))
        if role is None:
            fits = ", ".join(known_name for known_name, known_runtime in known if bool(known_runtime) == bool(runtime)) or "none"
            raise RoleError(file=file, field=f"{owner}[{i}].role", got=shown(name), allowed=f"for kind {manifest.kind}: {fits}")
        check_file_name(file_name, (role.extension,), file=file, field=f"{owner}[{i}].file")
    present = {(name, runtime) for _, _, name, runtime, _ in listed}
    for key, role in known.items():
        if role.required and key not in present:
            owner = f"models with runtime {role.runtime}" if role.runtime else "data"
            raise RoleError(file=file, field=owner, got="none", allowed=f"one with role {role.name!r}, which kind {manifest.kind} needs")


def _check_model(model: Model, where: str, file: str) -> None:
    """Check that tensor names are unique and that every feedback joins two like tensors."""
    for side, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        _check_unique([(f"{where}.{side}", i, "name", tensor.name) for i, tensor in enumerate(tensors)], file)
    inputs = {tensor.name: tensor for tensor in model.inputs}
    outputs = {tensor.name: tensor for tensor in model.outputs}
    fed: dict[str, str] = {}
    for source, target in model.feedback.items():
        field = f"{where}.feedback.{source}"
        if source not in outputs:
            raise FeedbackError(file=file, field=field, got=shown(source), allowed=f"an output: {', '.join(outputs)}")
        if target not in inputs:
            raise FeedbackError(file=file, field=field, got=shown(target), allowed=f"an input: {', '.join(inputs)}")
        if target in fed:
            raise FeedbackError(file=file, field=field, got=shown(target), allowed=f"an input that {fed[target]} does not feed already")
        if _form(outputs[source]) != _form(inputs[target]):
            raise FeedbackError(file=file, field=field, got=_form(outputs[source]), allowed=f"{_form(inputs[target])}, as the input is")
        fed[target] = source


def _form(tensor: Tensor) -> str:
    """Return dtype and shape as one text."""
    return f"{tensor.dtype} ({', '.join(map(str, tensor.shape))})"


def _check_control(control: Control, where: str, file: str) -> None:
    """Check that the performer can reach and turn the control."""
    if control.id in RESERVED_CONTROLS:
        hint = "every deck answers to these itself: choose another id"
        raise ControlError(
            file=file, field=f"{where}.id", got=shown(control.id), allowed="none of " + ", ".join(sorted(RESERVED_CONTROLS)), hint=hint
        )
    if not control.min < control.max:
        raise ControlError(file=file, field=f"{where}.min", got=shown(control.min), allowed=f"less than max, {control.max}")
    if not control.min <= control.default <= control.max:
        raise ControlError(file=file, field=f"{where}.default", got=shown(control.default), allowed=f"{control.min} to {control.max}")
    if control.curve == "exponential" and control.min <= 0.0:
        hint = "an exponential curve never reaches 0: raise min, or use linear"
        raise ControlError(file=file, field=f"{where}.min", got=shown(control.min), allowed="more than 0 with curve exponential", hint=hint)


def _check_time(created: str, file: str) -> None:
    """Refuse a day or hour that does not exist."""
    try:
        datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        raise WrongValueError(file=file, field="origin.created", got=shown(created), allowed="a time that exists, in UTC") from None


def _check_settings(manifest: Manifest, file: str) -> dict[str, Setting]:
    """Return the settings, checked against the kind's table."""
    rows = {row.path: row for row in SETTINGS[manifest.kind]}
    for key in manifest.settings:
        if key not in rows:
            allowed = ", ".join(rows) or "none"
            raise UnknownKeyError(file=file, field=f"settings.{key}", allowed=f"for kind {manifest.kind}: {allowed}", hint="delete it")
    checked: dict[str, Setting] = {}
    for key, row in rows.items():
        if key in manifest.settings:
            checked[key] = check_value(row, manifest.settings[key], where=f"settings.{key}", file=file)
        elif row.required:
            raise MissingKeyError(file=file, field=f"settings.{key}", allowed=row.allowed, hint="add it")
    crossfade_frames = checked.get("crossfade_frames", 0)
    if isinstance(crossfade_frames, int) and crossfade_frames > manifest.audio.step_frames:
        allowed = f"at most audio.step_frames, {manifest.audio.step_frames}"
        raise WrongValueError(file=file, field="settings.crossfade_frames", got=shown(crossfade_frames), allowed=allowed)
    return checked
