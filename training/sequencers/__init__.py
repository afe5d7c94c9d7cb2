"""The four sequencers of the Descriptor Transformer, one file each, and the parts they share."""
