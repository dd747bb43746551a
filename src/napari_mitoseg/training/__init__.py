"""Training: patches, augmentation, targets, losses, and the job that fits."""
