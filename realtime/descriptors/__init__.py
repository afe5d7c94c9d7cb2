"""What a sound is like, hop by hop, as it arrives on the stage: the descriptors of `patches.descriptors`, without librosa."""
