"""Metrics of a classification or segmentation at every level of a hierarchy, from one confusion matrix."""

from hierdsl.metrics.confusion import ConfusionMatrix, LevelScores

__all__ = ["ConfusionMatrix", "LevelScores"]
