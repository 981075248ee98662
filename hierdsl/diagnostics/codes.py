"""The registry of diagnostic codes: one line for each rule. A code is never reused for another meaning."""

from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """How bad a diagnostic is: an error makes the file unusable, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Code(NamedTuple):
    """A stable code, its readable name and the law that it guards."""

    code: str
    name: str
    law: str

    @property
    def severity(self) -> Severity:
        """Codes that start with W are warnings."""
        return Severity.WARNING if self.code.startswith("W") else Severity.ERROR


CODES = {
    code.code: code
    for code in (
        # H1xx syntax and encoding
        Code("H101", "invalid-encoding", "A file is UTF-8 text."),
        Code("H102", "invalid-character", "A character stands only where the language has a use for it."),
        Code("H103", "syntax-error", "A line has the form that its section asks for."),
        Code("H104", "unterminated-string", "A string ends on the line where it starts."),
        Code("H105", "mixed-indentation", "A file is indented by spaces or by tabs, not by both."),
        Code("H106", "inconsistent-indentation", "A line is indented like a sibling, or deeper as a child."),
        Code("H107", "unknown-section", "A line at column 1 starts a section with one of its keywords."),
        Code("H108", "duplicate-section", "A section stands once in a file."),
        Code("H109", "stray-indentation", "An indented line belongs to a section above it."),
        Code("H110", "unknown-field", "The header has known fields only, each once."),
        # H2xx tree
        Code("H201", "missing-tree", "A file has a tree with at least one class."),
        Code("H203", "duplicate-name", "Siblings have different names."),
        Code("H204", "unknown-attribute", "An attribute is a known one."),
        Code("H205", "invalid-attribute", "The value of an attribute has its type and range."),
        Code("H206", "duplicate-attribute", "An attribute is given once."),
        Code("H207", "no-class-left", "A node that is no ignored one has a class below it."),
        Code("H208", "unknown-reference", "A reference names a node of the tree."),
        Code("H209", "ambiguous-reference", "A reference names one node only."),
        Code("H210", "mirror-not-class", "A mirror pair exchanges two classes."),
        Code("H211", "mirror-twice", "A class is in one mirror pair at most."),
        Code("H212", "empty-name", "A name has at least one character."),
        Code("W201", "single-child", "An inner node has at least two children."),
        Code("W202", "same-color", "Two classes have different colours."),
        Code("W203", "class-called-ignore", "A class is called ignore in quotes only."),
        # H3xx labels
        Code("H301", "duplicate-id", "A raw id means one thing in a label map."),
        Code("H302", "id-out-of-range", "A raw id is between 0 and 65535."),
        Code("H303", "reversed-range", "A range of ids goes upwards."),
        Code("H304", "duplicate-label-map", "A label map has a name of its own."),
        Code("H305", "invalid-color", 'A colour is "#rrggbb" or rgb(r, g, b) with numbers from 0 to 255.'),
        Code("H306", "ids-and-colors", "A label map holds ids or colours, not both."),
        Code(
            "H307", "invalid-tolerance", "A tolerance is one number from 0 to 442, in a label map of colours."
        ),
        Code(
            "H308", "channel-ids", "Ids that number the channels are 0 to C-1, one for each of the C classes."
        ),
        Code("H309", "unknown-label-map", "A label map that is named exists."),
        Code("W301", "unlabelled-class", "Every class has an id in the default label map."),
        Code("W302", "repeated-id", "An id is listed once."),
        Code("W303", "tolerance-left-out", "Used files that share a label map give it one tolerance."),
        # H4xx levels
        Code("H401", "level-count", "There are as many levels as the deepest class is deep."),
        Code("H402", "duplicate-level", "A level has a name of its own."),
        Code("H403", "unknown-level", "A node is pinned to one of the levels."),
        Code("H404", "level-order", "A node lies at a finer level than its parent."),
        Code("H405", "no-level-left", "Below the finest level there is none."),
        Code("W401", "no-weight", "A level has a weight other than 0."),
        Code("W402", "empty-level", "A level has nodes of its own."),
        Code("W403", "levels-left-out", "The levels of a used file fit the tree that is made of it."),
        # H5xx use and composition
        Code("H501", "missing-file", "A used file exists and can be read."),
        Code("H502", "outside-project", "A used file lies in the folder of the file that uses it, or below."),
        Code("H503", "use-cycle", "A file does not use itself, not even through others."),
        Code("H504", "group-without-class", "An edit leaves something below each group."),
        Code("H505", "invalid-edit", "An edit leaves a tree."),
        Code("W501", "edit-without-effect", "An edit changes something."),
        # H9xx limits
        Code("H901", "file-too-large", "A file has at most 64 MiB."),
        Code("H902", "too-many-nodes", "A tree has at most 1,000,000 nodes."),
        Code("H903", "too-deep", "A tree is at most 1,000 levels deep."),
        Code("H904", "too-many-files", "A file uses at most 1,000 others, at most 100 deep."),
    )
}
