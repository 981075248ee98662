"""The hierarchical cross-entropy: the classification losses at every level, summed.

    log p(g) = logsumexp(z over leaves(g)) - logsumexp(z over all leaves)
    loss_l   = mean over pixels that have a group at level l of  -log p(group of the target)
    loss     = sum over l of weight_l * loss_l

Source: Muller & Smith, "A Hierarchical Loss for Semantic Segmentation", VISAPP 2020,
DOI 10.5220/0008946002600267, section 3; here without the constant that their code adds inside the logarithm.
"""

from hierdsl.loss.functional import hierarchical_cross_entropy, hierarchical_level_losses
from hierdsl.loss.linear import hierarchical_linear_cross_entropy
from hierdsl.loss.log_probs import NodeLogProbs
from hierdsl.loss.marginal import marginal_log_probs
from hierdsl.loss.module import HierarchicalCrossEntropyLoss
from hierdsl.loss.tables import LossTables
from hierdsl.loss.upsampled import hierarchical_upsampled_cross_entropy

__all__ = [
    "HierarchicalCrossEntropyLoss",
    "LossTables",
    "NodeLogProbs",
    "hierarchical_cross_entropy",
    "hierarchical_level_losses",
    "hierarchical_linear_cross_entropy",
    "hierarchical_upsampled_cross_entropy",
    "marginal_log_probs",
]
