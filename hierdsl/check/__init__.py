"""The laws of a .hier file, checked on its declarations, where the spans are at hand.

One module for each family of rules; a rule is a generator of diagnostics named after the law it keeps.
"No error from `check`" means that a `hierdsl.model.Hierarchy` can be built; a property test holds that.
"""

from collections.abc import Callable, Iterator
from itertools import chain

from hierdsl.check import attributes, labels, levels, mirror, sections, tree
from hierdsl.diagnostics import Diagnostic
from hierdsl.scope import Scope

Rule = Callable[[Scope], Iterator[Diagnostic]]

RULES: tuple[Rule, ...] = (
    sections.header_fields_are_known,
    sections.names_are_not_empty,
    sections.tree_has_a_class,
    tree.siblings_have_different_names,
    tree.nodes_keep_a_class,
    tree.inner_nodes_have_siblings_below,
    tree.classes_have_different_colors,
    attributes.attributes_are_known_and_valid,
    attributes.weights_have_a_product,
    tree.classes_are_not_called_ignore,
    levels.levels_have_different_names,
    levels.levels_are_as_many_as_the_tree_is_deep,
    levels.levels_have_weight,
    levels.pins_name_a_level,
    levels.nodes_lie_below_their_parents,
    levels.classes_have_a_level_left,
    levels.levels_have_nodes,
    labels.label_maps_have_different_names,
    labels.label_references_name_a_node,
    labels.ids_are_in_range,
    labels.maps_hold_ids_or_colors,
    labels.tolerances_fit,
    labels.ids_mean_one_node,
    labels.classes_have_an_id,
    labels.channels_are_numbered,
    mirror.mirror_pairs_exchange_classes,
)


def check(scope: Scope) -> list[Diagnostic]:
    """All violations of the rules by a document, in no order."""
    return list(chain.from_iterable(rule(scope) for rule in RULES))


__all__ = ["RULES", "check"]
