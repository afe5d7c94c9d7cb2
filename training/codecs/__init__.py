"""Codecs: sound to tokens and back, behind one interface (`training.codecs.codec`)."""
