"""./cardioserver3: what it does before there is an environment."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "cardioserver3"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("cardioserver3", str(SCRIPT))
    specification = importlib.util.spec_from_loader(loader.name, loader)
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    loader.exec_module(module)
    return module


def in_a_fresh_clone(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script where there is no environment yet."""
    for name in ("cardioserver3", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return subprocess.run(
        [sys.executable, str(tmp_path / "cardioserver3"), *arguments],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_it_needs_nothing_but_the_standard_library() -> None:
    """Under -S there are no installed packages, and -I ignores this project."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), "install", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "install [--dev]" in done.stderr


def test_old_python_is_told_what_to_install(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script.sys, "version_info", (3, 9, 2, "final", 0))
    monkeypatch.setattr(script.shutil, "which", lambda name: None)
    with pytest.raises(script.SetupError, match=r"needs Python 3\.11 or newer; this is 3\.9\.2"):
        script.require_python()
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    with pytest.raises(script.SetupError, match="нужен Python"):
        script.require_python()


def test_old_python_looks_for_a_newer_one(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    monkeypatch.setattr(script.sys, "version_info", (3, 9, 2, "final", 0))
    monkeypatch.setattr(script.shutil, "which", lambda name: f"/x/{name}" if name == "python3.12" else None)
    monkeypatch.setattr(script.os, "execv", lambda program, arguments: taken.append(program) or sys.exit(0))
    with pytest.raises(SystemExit):
        script.require_python()
    assert taken == ["/x/python3.12"]


def test_an_old_python_can_read_it() -> None:
    """Its syntax is that of Python 3.6, the oldest that anybody may still have as python3."""
    import ast

    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_debian_without_venv_is_told_which_package(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(script, "PYTHON", tmp_path / "none")
    monkeypatch.setattr(script.importlib.util, "find_spec", lambda name: None)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    with pytest.raises(script.SetupError, match=f"apt install python{version}-venv"):
        script.create_venv()


def test_pip_that_fails_gives_a_readable_error_in_either_language(tmp_path: Path, free_port: int) -> None:
    lacking = in_a_fresh_clone(tmp_path, "status", PIP_NO_INDEX="1", PIP_CONFIG_FILE=os.devnull)
    assert lacking.returncode == 3
    assert "First run: creating" in lacking.stderr
    assert "pip's index lacks one of the pinned packages" in lacking.stderr
    assert "install.log" in lacking.stderr

    unreachable = in_a_fresh_clone(
        tmp_path,
        "status",
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL=f"http://127.0.0.1:{free_port}/simple",
        PIP_RETRIES="1",
        LANG="ru_RU.UTF-8",
        PYTHONUTF8="1",
    )
    assert unreachable.returncode == 3
    assert "создаётся" not in unreachable.stderr  # the environment of the first attempt is used
    assert "не может связаться с индексом пакетов" in unreachable.stderr
    assert "Traceback" not in lacking.stderr + unreachable.stderr
    assert not list((tmp_path / ".venv").glob("*.stamp"))


def test_a_changed_pin_means_installing_again(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    python = tmp_path / "python"
    python.touch()
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "VENV", tmp_path)
    monkeypatch.setattr(script, "PYTHON", python)
    assert not script.is_ready("runtime")
    script.stamp("runtime").write_text(script.fingerprint(), encoding="ascii")
    assert script.is_ready("runtime")
    assert not script.is_ready("dev")
    with (tmp_path / "constraints.txt").open("a", encoding="utf-8") as pins:
        pins.write("another==1.0\n")
    assert not script.is_ready("runtime")


def test_pins_are_plain() -> None:
    import re

    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.!+]*", line) for line in lines)


def test_every_dependency_is_pinned() -> None:
    """Of the runtime and of the tests, with all they need themselves."""
    from importlib.metadata import distribution

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pinned = {
        canonicalize_name(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    }
    wanted, todo = set(), [("cardioserver", ""), ("cardioserver", "dev")]
    while todo:
        name, extra = todo.pop()
        for line in distribution(name).requires or ():
            requirement = Requirement(line)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            key = canonicalize_name(requirement.name)
            if key not in wanted:
                wanted.add(key)
                todo += [(key, ""), *((key, extra) for extra in requirement.extras)]
    assert wanted - pinned == set()
