"""The lint that keeps code which could search out of the package."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "scope_lint.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scope_lint", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lint = load()


def found(source: str, folder: Path, name: str = "verifier.py") -> list[str]:
    """What the lint says of a source folder that holds this one file."""
    path = folder / "visavis" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return [str(line) for line in lint.violations(path, name)]


def functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name


def test_the_package_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert lint.main(ROOT / "src") == 0
    assert capsys.readouterr().err == ""


def test_the_script_fails_and_names_the_place(tmp_path: Path) -> None:
    assert found("import faiss\n", tmp_path)
    done = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "verifier.py:1: import of faiss in module" in done.stderr
    assert "docs/scope.md" in done.stderr


@pytest.mark.parametrize(
    "source",
    [
        "scores = probes @ references.T",
        "scores = probe; scores @= references",
        "np.dot(probe, references)",
        "probe.dot(references)",
        "numpy.inner(probe, references)",
        "np.einsum('ij,kj->ik', a, b)",
        "np.matmul(a, b)",
        "np.tensordot(a, b)",
        "np.vecdot(a, b)",
        "np.linalg.matmul(a, b)",
        "cv2.gemm(a, b, 1, None, 0)",
        "product = np.dot",
        "from numpy import dot",
        "from numpy import einsum as e",
        "from numpy.linalg import matmul",
        "import faiss",
        "import faiss as f",
        "import os, hnswlib",
        "from faiss import IndexFlatIP",
        "from faiss.contrib import exhaustive_search",
        "import sklearn",
        "from sklearn.neighbors import NearestNeighbors",
        "from sklearn.cluster import DBSCAN",
        "import torch",
        "import scipy.spatial",
        "import scipy.spatial.distance as d",
        "from scipy import spatial",
        "from scipy.spatial import cKDTree",
        "from scipy.spatial.distance import cdist",
        "from scipy.cluster.hierarchy import linkage",
        "from scipy import cluster",
        "cdist(a, b)\nmetric.cdist(a, b)",
        "metrics.pairwise_distances(a)",
        "cv2.BFMatcher()",
        "cv2.batchDistance(a, b, 0)",
        "np.argpartition(scores, 10)",
        "import importlib\nimportlib.import_module('faiss')",
        "from importlib import import_module\nimport_module('scipy.spatial.distance')",
        "__import__('hnswlib')",
        "def compare(a, b):\n    return a @ b",
        "class Index:\n    def search(self, probe):\n        return self.all @ probe",
        "search = lambda a, b: a @ b",
    ],
)
def test_what_could_search_is_found(source: str, tmp_path: Path) -> None:
    assert found(source + "\n", tmp_path)


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nnorm = np.linalg.norm(vector)",
        "from scipy import stats",
        "import scipy.special",
        "scores = a * b",
        "@decorator\ndef function():\n    pass",
        "from visavis.embedding import compare",
        "import importlib\nimportlib.import_module('visavis.decision')",
        "'a @ b, np.dot and faiss in a text'",
    ],
)
def test_what_could_not_is_left_alone(source: str, tmp_path: Path) -> None:
    assert found(source + "\n", tmp_path) == []


class TestExemptions:
    def test_one_holds_for_its_function_alone(self, tmp_path: Path) -> None:
        source = "def compare(a, b):\n    return np.dot(a, b)\n\ndef search(a, b):\n    return np.dot(a, b)\n"
        (line,) = found(source, tmp_path, "embedding/value.py")
        assert line.endswith("value.py:5: 'dot' in search")

    def test_one_does_not_reach_a_function_within(self, tmp_path: Path) -> None:
        source = "def compare(a, b):\n    def search(c):\n        return c @ b\n    return search(a)\n"
        assert found(source, tmp_path, "embedding/value.py")

    def test_evaluation_may_multiply(self, tmp_path: Path) -> None:
        found("scores = a @ b\n", tmp_path, "evaluation/pairs.py")
        assert lint.main(tmp_path) == 0
        found("scores = a @ b\n", tmp_path, "decision/evaluation.py")
        assert lint.main(tmp_path) == 1

    @pytest.mark.parametrize(("name", "function"), sorted(lint.ALLOWED))
    def test_each_is_there_and_needed(self, name: str, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
        path = ROOT / "src" / "visavis" / name
        assert list(functions(path)).count(function) == 1
        assert list(lint.violations(path, name)) == []
        monkeypatch.delitem(lint.ALLOWED, (name, function))
        assert all(line.endswith(f" in {function}") for line in lint.violations(path, name))
        assert list(lint.violations(path, name))

    def test_each_says_why(self) -> None:
        assert all(len(reason.split()) >= 4 for reason in lint.ALLOWED.values())
