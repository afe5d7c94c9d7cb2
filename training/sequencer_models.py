"""The sequencers from outside: build one by its recipe, or read a trained one.

::

    model = build_model(recipe, spec)                       # an untrained SequencerModel
    meta, model = load_sequencer(run)                       # a trained one
    model.begin(pieces)                                     # fit the linear predictor, the range: before the first update
    model.training_loss((frames, target, real))             # a scalar
    model.forecast(history, steps, temperature, generator)  # (B, S, D) -> (B, steps, D), drawn
    model.expected(history, steps)                          # (B, S, D) -> (B, steps, D), without chance
    model.step_form()                                       # what is exported: INPUTS, OUTPUTS, FEEDBACK, input_shapes(), output_shapes()
    model.multi_step, model.forecast_frames, model.history_frames, model.components, model.descriptors

All frames are float32 z-scores of the run's descriptors. Histories may have any length from 1.
"""

from training.sequencer_folder import load_sequencer
from training.sequencers.build import MODELS, build_model
from training.sequencers.model import SequencerModel

__all__ = ["MODELS", "SequencerModel", "build_model", "load_sequencer"]
