"""Every way a patch can be wrong, one class each.

Does not know how a check is made, only how its failure reads::

    PatchError
    ├── UnknownPatchError          no patch has this slug, no folder has this path: typed wrong
    │   ├── NotAFolderError        a patch is a folder, not a file
    │   └── UnknownCorpusError     no folder has this path, where a corpus should be
    ├── PatchExistsError           the slug is taken and replacing was not asked for
    ├── PatchWriteError            the disk refused to take the patch
    ├── UnknownRoleError           the patch has no model or data file in this role
    ├── UnknownControlError        the patch has no control with this id
    ├── FolderError                what lies in the folder
    │   ├── SlugMismatchError      slug and folder name differ
    │   ├── MissingFileError       a file that must be there is not
    │   ├── UnlistedFileError      a file that the manifest does not list
    │   ├── FileNameError          a name that could leave the folder or clash on another system
    │   ├── SymlinkError           a link, which may point anywhere
    │   ├── NotAFileError          a folder, pipe or device where a plain file belongs
    │   ├── UnreadableFileError    the system refused to read it
    │   └── LicenceTextError       LICENSE is empty or not text
    ├── ManifestError              what patch.json says
    │   ├── ManifestSyntaxError    not strict UTF-8 JSON
    │   ├── ManifestDepthError     nested deeper than any manifest
    │   ├── DuplicateKeyError      one key twice in one object
    │   ├── FutureFormatError      written for a later version of this program
    │   ├── UnknownKindError       a kind of patch this program cannot play
    │   ├── UnknownKeyError        a key that the table of fields does not know
    │   ├── MissingKeyError        a key that the table of fields requires
    │   ├── WrongTypeError         a value of the wrong JSON type
    │   ├── WrongValueError        a value outside its bounds
    │   ├── DuplicateNameError     an id, role, file or tensor named twice
    │   ├── RoleError              the kind needs a role that is missing, or has no use for one that is there
    │   ├── ControlError           a control that contradicts itself or the deck
    │   └── FeedbackError          an output that cannot feed the input it names
    └── ContentError               what is inside the listed files
        ├── OversizeError          larger than the limit
        ├── SizeMismatchError      not as many bytes as declared
        ├── HashMismatchError      not the bytes that were listed
        ├── ExternalDataError      an ONNX model that keeps tensors outside its file
        ├── CorruptModelError      not a readable model
        ├── PickledArrayError      an array of Python objects: code, not numbers
        ├── CorruptArrayError      not a readable array file
        ├── ArchiveBombError       unpacks to more than the limit
        └── CorruptAudioError      not a readable FLAC file of the promised form
"""

SHOWN_CHARACTERS = 80
"""Longest piece of somebody else's text repeated in a message: one line of a terminal."""


def shown(value: object) -> str:
    """Return `value` as it may safely be printed: one line, no control characters, at most `SHOWN_CHARACTERS`."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (dict, list, tuple)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if isinstance(value, str) and len(value) > SHOWN_CHARACTERS:
        return f"{value[:SHOWN_CHARACTERS]!r}… ({len(value)} characters)"
    if isinstance(value, int) and abs(value) >= 10**SHOWN_CHARACTERS:
        return f"a whole number of more than {SHOWN_CHARACTERS} digits"
    return repr(value)


def printable(text: str) -> str:
    """Return `text` with everything that could move a terminal's cursor, break the line or hide itself escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class PatchError(Exception):
    """Something is wrong with a patch; its text is one readable line.

    Parameters
    ----------
    file : str
        The file or folder it is about.
    field : str
        The manifest's field, as in ``controls[0].min``; empty where none is meant.
    got : str
        What was found, already made printable (see `shown`).
    allowed : str
        What may stand there.
    hint : str
        The next step.

    Thread
    ------
    Any. Every parameter has a default, so an error survives pickling between processes.
    """

    problem = "the patch cannot be used"

    def __init__(self, *, file: str = "", field: str = "", got: str = "", allowed: str = "", hint: str = "") -> None:
        super().__init__()
        self.file, self.field, self.got, self.allowed, self.hint = file, field, got, allowed, hint

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.file, self.field) if part)
        found = ", ".join(part for part in (self.got and f"got {self.got}", self.allowed and f"allowed: {self.allowed}") if part)
        said = ": ".join(part for part in (self.problem, where, found) if part)
        return printable("; ".join(part for part in (said, self.hint) if part))


class UnknownPatchError(PatchError):
    """No patch has this slug, or no folder has this path: what was typed is wrong, no patch is."""

    problem = "no such patch"


class NotAFolderError(UnknownPatchError):
    """A patch is a folder, and this is not one."""

    problem = "not a folder"


class UnknownCorpusError(UnknownPatchError):
    """No folder has this path, or it is a file: what was typed is wrong, no corpus is."""

    problem = "no such corpus folder"


class PatchExistsError(PatchError):
    """The slug is taken and replacing was not asked for."""

    problem = "a patch with this slug is already there"


class PatchWriteError(PatchError):
    """The disk refused to take the patch; what was there before is untouched."""

    problem = "the patch could not be written"


class UnknownRoleError(PatchError):
    """The patch has no model or data file in this role."""

    problem = "the patch has no such role"


class UnknownControlError(PatchError):
    """The patch has no control with this id."""

    problem = "the patch has no such control"


class FolderError(PatchError):
    """Something is wrong with what lies in the folder."""


class SlugMismatchError(FolderError):
    """Slug and folder name differ, so that nobody could find the patch by its slug."""

    problem = "the slug is not the folder's name"


class MissingFileError(FolderError):
    """A file that must be there is not."""

    problem = "a file is missing"


class UnlistedFileError(FolderError):
    """The folder holds something that the manifest does not list."""

    problem = "a file is not listed in the manifest"


class FileNameError(FolderError):
    """A file name that could leave the folder, or clash or fail on another system."""

    problem = "a file name is not allowed"


class SymlinkError(FolderError):
    """A symbolic link, which may point anywhere."""

    problem = "links are not followed"


class NotAFileError(FolderError):
    """A folder, pipe or device where a plain file belongs."""

    problem = "not a plain file"


class UnreadableFileError(FolderError):
    """The operating system refused to read a file or folder."""

    problem = "the system refused to read it"


class LicenceTextError(FolderError):
    """LICENSE is empty or not text, so nobody may play the patch."""

    problem = "LICENSE must hold the licence's text"


class ManifestError(PatchError):
    """Something is wrong with what patch.json says."""


class ManifestSyntaxError(ManifestError):
    """The manifest is not strict UTF-8 JSON."""

    problem = "the manifest is not strict JSON"


class ManifestDepthError(ManifestError):
    """The manifest is nested deeper than any manifest."""

    problem = "the manifest is nested too deeply"


class DuplicateKeyError(ManifestError):
    """One key stands twice in one object: readers would disagree about which one counts."""

    problem = "a key stands twice"


class FutureFormatError(ManifestError):
    """The patch is written for a later version of this program."""

    problem = "the format is newer than this program"


class UnknownKindError(ManifestError):
    """A kind of patch that this program cannot play."""

    problem = "this kind is not known"


class UnknownKeyError(ManifestError):
    """The table of fields does not know this key."""

    problem = "a key is not known"


class MissingKeyError(ManifestError):
    """The table of fields requires a key that is not there."""

    problem = "a key is missing"


class WrongTypeError(ManifestError):
    """A value has the wrong JSON type."""

    problem = "a value has the wrong type"


class WrongValueError(ManifestError):
    """A value lies outside its bounds."""

    problem = "a value is out of bounds"


class DuplicateNameError(ManifestError):
    """An id, role, file or tensor is named twice."""

    problem = "a name is used twice"


class RoleError(ManifestError):
    """The kind needs a role that is missing, or has no use for one that is there."""

    problem = "the roles do not fit the kind"


class ControlError(ManifestError):
    """A control contradicts itself or takes a name that belongs to the deck."""

    problem = "a control cannot work"


class FeedbackError(ManifestError):
    """An output cannot feed the input it names."""

    problem = "a feedback cannot be connected"


class ContentError(PatchError):
    """Something is wrong inside a listed file."""


class OversizeError(ContentError):
    """Something is larger than the limit."""

    problem = "too large"


class SizeMismatchError(ContentError):
    """A file has not as many bytes as the manifest declares."""

    problem = "the file's size is not the one declared"


class HashMismatchError(ContentError):
    """A file does not hold the bytes that the manifest lists."""

    problem = "the file's SHA-256 is not the one declared"


class ExternalDataError(ContentError):
    """An ONNX model keeps tensors outside its own file, where no hash covers them."""

    problem = "the model keeps data outside its file"


class CorruptModelError(ContentError):
    """A model file cannot be read."""

    problem = "the model file is damaged"


class PickledArrayError(ContentError):
    """An array of Python objects, which is code rather than numbers."""

    problem = "an array holds pickled objects"


class CorruptArrayError(ContentError):
    """An array file cannot be read."""

    problem = "the array file is damaged"


class ArchiveBombError(ContentError):
    """A file unpacks to more than the limit."""

    problem = "the file unpacks to too much"


class CorruptAudioError(ContentError):
    """A FLAC file cannot be read or has not the promised form."""

    problem = "the audio file is damaged"
