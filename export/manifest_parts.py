"""The parts of a manifest that every kind of patch has: its heading, where it comes from, what was proved of it. It knows no models."""

from collections.abc import Mapping
from typing import Any

from export.licence import authors_of
from export.place import PatchRequest, shortened
from export.tokens_proof import TokensProof
from export.verify import Verification
from patches.manifest import Licence, Origin, Verify
from training.run_folder import RunRecord

__all__ = ["heading", "origin_of", "verify_of"]


def heading(request: PatchRequest, summary: str, licence: Licence) -> dict[str, Any]:
    """Return what a manifest says for people; `summary` is used where the request has none."""
    return {
        "slug": request.slug,
        "name": request.name or request.slug.replace("-", " ").capitalize(),
        "summary": request.summary or shortened(summary),
        "authors": authors_of(licence, request.authors),
        "licence": licence,
    }


def origin_of(meta: RunRecord, training_seconds: float, scores: Mapping[str, float]) -> Origin:
    """Return which training the weights are from, how long it took with all before it, and how well it went."""
    return Origin(
        recipe=meta.recipe_name,
        git=meta.git,
        checkpoint_sha256=meta.checkpoint_sha256,
        created=meta.created,
        seed=meta.recipe["seed"],
        training_seconds=training_seconds,
        scores={name: round(float(score), 6) for name, score in scores.items()},
    )


def verify_of(proof: Verification | TokensProof) -> Verify:
    """Return what was measured of the exports."""
    return Verify(
        onnx_max_error=proof.onnx_max_error,
        torchscript_max_error=proof.torchscript_max_error,
        steps=proof.steps,
        step_ms_p50=proof.step_ms_p50,
        step_ms_p99=proof.step_ms_p99,
        machine=proof.machine,
    )
