"""Notebooks exported as scripts: what only a notebook can do is left out, and what it times is run."""

from __future__ import annotations

import ast
import re

_MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)
_MARKS = (b"get_ipython()", b"# In[", b"# %%", b"Commented out IPython magic")
_RUN_INSIDE = frozenset({"capture", "prun", "time", "timeit"})
"""Magics of a notebook that run the code that they are given."""


def is_exported(content: bytes) -> bool:
    """Whether a script looks like a notebook that was exported."""
    return any(mark in content for mark in _MARKS)


def without_magic_lines(source: str) -> str:
    """The source with lines such as `!pip install x` and `%matplotlib inline`, which are no Python, replaced."""
    return _MAGIC.sub(r"\1pass", source)


def without_magics(tree: ast.Module) -> ast.Module:
    """The tree with the calls of `get_ipython()` replaced: by the code that they would time, or by nothing."""
    changed: ast.Module = _Magics().visit(tree)
    return ast.fix_missing_locations(changed)


class _Magics(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.stmt | list[ast.stmt]:
        """The statements that a magic was given to run; those of other magics do nothing."""
        if not _is_magic(node.value):
            return self.generic_visit(node)  # type: ignore[return-value]  # it gives back what it was given
        return [ast.copy_location(one, node) for one in _code_inside(node.value)] or ast.copy_location(ast.Pass(), node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """None in place of a magic's value, and of the notebook itself."""
        if _is_magic(node) or _is_notebook(node):
            return ast.copy_location(ast.Constant(None), node)
        return self.generic_visit(node)  # type: ignore[return-value]  # it gives back what it was given


def _is_notebook(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "get_ipython"


def _is_magic(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_notebook(node.func.value)


def _code_inside(magic: ast.expr) -> list[ast.stmt]:
    """What `run_cell_magic("time", "", code)` and `run_line_magic("time", code)` run."""
    words = [arg.value for arg in getattr(magic, "args", []) if isinstance(arg, ast.Constant)]
    if not words or words[0] not in _RUN_INSIDE or not isinstance(words[-1], str):
        return []
    try:
        body = ast.parse(words[-1]).body
    except SyntaxError:  # options of the magic in front of the code
        return []
    for statement in body:
        for node in ast.walk(statement):
            if hasattr(node, "lineno"):
                ast.copy_location(node, magic)
    return body
