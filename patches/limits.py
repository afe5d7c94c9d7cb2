"""The bounds of a patch, as constants.

Does not know where they are checked.
"""

FORMAT = 1
"""The version of the patch format that this program reads and writes."""

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

MAX_MANIFEST_BYTES = 1 * MIB
"""Sixty-four controls and eight models with a hundred state tensors each need a tenth of it."""
MAX_TEXT_BYTES = 1 * MIB
"""LICENSE and README.md."""
MAX_FILE_BYTES = 512 * MIB
"""A model of 128 M float32 weights; also the most that an array or audio file may unpack to."""
MAX_PATCH_BYTES = 1 * GIB
"""All listed files together: what a stage computer can copy between two songs."""
MAX_FILES = 32
MAX_MODELS = 16
MAX_CONTROLS = 64
MAX_TENSORS = 256
MAX_ARRAYS = 64
"""Arrays in one npz file."""

MANIFEST_NAME = "patch.json"
LICENCE_NAME = "LICENSE"
README_NAME = "README.md"
"""The one file that may lie in the folder without being listed or required."""

MODEL_EXTENSIONS = {"onnx": ".onnx", "torchscript": ".ts"}
"""Runtime of a model -> how its file name ends."""
DATA_EXTENSIONS = (".flac", ".npz", ".safetensors")
