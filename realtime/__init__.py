"""The stage: plays patches live and offline. It knows nothing of torch, training or export."""
