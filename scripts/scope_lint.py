"""Fails on code that could turn one-to-one verification into a search of one face against many.

    python scripts/scope_lint.py src

Such a search needs one of a few things: a product of matrices of embeddings, a table of distances, a nearest-neighbour
index or a clustering. This lint refuses their names outside evaluation, which measures error rates over labelled data, and
outside a short list of functions that use them on the geometry of a single face or on one pair. It is a tripwire for honest
mistakes and for review, not a proof.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

EXEMPT_ROOMS = ("evaluation",)

ALLOWED = {
    ("face/align.py", "similarity"): "one complex product over five landmarks",
    ("face/align.py", "transform"): "points in the plane through a similarity transform",
    ("face/quality.py", "head_pose_deg"): "the pose of one face from its five landmarks",
    ("embedding/value.py", "compare"): "the one comparison: one probe, one reference",
}
"""(file, function): why a product is needed there."""

PRODUCTS = {
    "dot",
    "vdot",
    "inner",
    "outer",
    "matmul",
    "matvec",
    "vecmat",
    "vecdot",
    "multi_dot",
    "tensordot",
    "einsum",
    "gemm",
}
DISTANCES = {"cdist", "pdist", "distance_matrix", "squareform", "pairwise_distances", "cosine_similarity", "batchDistance",
             "BFMatcher", "BFMatcher_create", "FlannBasedMatcher",
             "FlannBasedMatcher_create", "flann_Index", "matchTemplate", "kneighbors", "knnMatch", "argpartition"}  # fmt: skip
SEARCH_MODULES = {"annoy", "autofaiss", "chromadb", "diskannpy", "elasticsearch", "faiss", "hdbscan", "hnswlib", "lancedb",
                  "milvus", "ngt", "nmslib", "opensearchpy", "pgvector", "pinecone", "pymilvus", "pynndescent",
                  "qdrant_client", "redisvl", "scann", "sklearn", "sqlite_vec", "sqlite_vss", "torch", "usearch", "vespa",
                  "voyager", "weaviate"}  # fmt: skip
SEARCH_SUBMODULES = ("scipy.spatial", "scipy.cluster")


def violations(path: Path, name: str) -> Iterator[str]:
    """What is wrong in one file; `name` is its path below the package."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    yield from _walk(tree, path, name, "")


def _walk(node: ast.AST, path: Path, name: str, function: str) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        function = node.name
    if (name, function) not in ALLOWED:
        for what in _suspicious(node):
            yield f"{path}:{getattr(node, 'lineno', 0)}: {what} in {function or 'module'}"
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, path, name, function)


def _suspicious(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.MatMult):
        yield "matrix product '@'"
    elif isinstance(node, ast.Attribute) and node.attr in PRODUCTS | DISTANCES:
        yield f"'{node.attr}'"
    elif isinstance(node, ast.Import):
        yield from (f"import of {item.name}" for item in node.names if _searches(item.name))
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        names = [node.module, *(f"{node.module}.{item.name}" for item in node.names)]
        if any(map(_searches, names)):
            yield f"import from {node.module}"
        yield from (f"import of {item.name}" for item in node.names if item.name in PRODUCTS | DISTANCES)
    elif isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
        called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        if called in ("import_module", "__import__"):
            arguments = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            yield from (f"import of {module}" for module in arguments if _searches(module))


def _searches(module: str) -> bool:
    return module.partition(".")[0] in SEARCH_MODULES or module.startswith(SEARCH_SUBMODULES)


def main(folder: Path) -> int:
    """Check a source folder; 0 when nothing was found."""
    package = folder / "visavis"
    found = [
        line
        for path in sorted(package.rglob("*.py"))
        if path.relative_to(package).parts[0] not in EXEMPT_ROOMS
        for line in violations(path, path.relative_to(package).as_posix())
    ]
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print("scope: verification compares one probe with one reference; see docs/scope.md", file=sys.stderr)
        return 1
    print("scope: no code that could search")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "src")))
