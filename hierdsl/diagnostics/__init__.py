"""What is wrong with a file, as data; and how it is shown.

A phase returns its value and a list of `Diagnostic`; it never prints. Rendering is pure, text from data, one module
for each form: `full` for people; `concise`, `github`, `json_form` and `sarif` for programs.
"""

from hierdsl.diagnostics.codes import CODES, Code, Severity
from hierdsl.diagnostics.model import Annotation, Diagnostic, Edit, HierError
from hierdsl.diagnostics.suggest import Suggester, nearest

__all__ = [
    "CODES",
    "Annotation",
    "Code",
    "Diagnostic",
    "Edit",
    "HierError",
    "Severity",
    "Suggester",
    "nearest",
]
