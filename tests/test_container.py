"""What the Containerfile promises, read from it; scripts/container tries it."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from visavis import settings

ROOT = Path(__file__).parent.parent


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("container", ROOT / "scripts" / "container.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


container = load()
stages = container.parse((ROOT / "Containerfile").read_text(encoding="utf-8"))
final = stages[-1]


def of(instruction: str) -> list[str]:
    return [argument for stage in stages for each, argument in stage.steps if each == instruction]


def test_it_is_never_run_as_root() -> None:
    """By number, so that Kubernetes can tell, too (`runAsNonRoot`)."""
    user = re.fullmatch(r"(\d+):(\d+)", final.last("USER"))
    assert user is not None
    assert all(int(number) >= 10_000 for number in user.groups())
    assert [instruction for instruction, _ in final.steps].index("USER") > max(
        index for index, (instruction, _) in enumerate(final.steps) if instruction in ("RUN", "COPY")
    )


def test_what_is_fetched_is_pinned() -> None:
    assert all(re.fullmatch(r"python:3\.\d+-slim", stage.base) for stage in stages)
    assert not of("ADD")
    installs = [step for step in of("RUN") if re.search(r"\binstall --", step)]
    assert installs
    assert all("--constraint constraints.txt" in step for step in installs)


def test_what_is_copied_is_let_through_and_nothing_else() -> None:
    """A file that nobody thought of, an installation's keys say, must not get into an image."""
    rules = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    assert rules[1] == "*"
    copied = {source for step in of("COPY") if not step.startswith("--from=") for source in step.split()[:-1]}
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.parametrize("name", ["VISAVIS_FOLDER", "VISAVIS_KEYS", "VISAVIS_SHREDS", "VISAVIS_CACHE"])
def test_each_variable_names_a_setting_and_a_volume(name: str) -> None:
    assert f"\n{name} " in str(settings.__doc__)
    place = container.assignments(final.last("ENV"))[name]
    volumes = [path for path in container.VOLUMES if Path(place).is_relative_to(path)]
    assert len(volumes) == 1
    assert any(f"chown {final.last('USER')}" in step and f"{volumes[0]} " in f"{step} " for step in of("RUN"))
    assert not of("VOLUME")


def test_the_program_is_the_first_process_and_gets_its_signals() -> None:
    assert json.loads(final.last("ENTRYPOINT")) == ["visavis"]
    assert json.loads(final.last("CMD"))[0] == "serve"
