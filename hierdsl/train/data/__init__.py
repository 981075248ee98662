"""Images and label images: found, checked before any training, and served in augmented batches."""
