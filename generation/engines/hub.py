"""Chat models of the model hub: what of them is on this machine, and fetching them once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Weights, tokenizer and configuration at the top of a repository; other formats lie in folders.
_WANTED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
_UNWANTED = ["*/*"]


def hub_folder(model: str, on_progress: Callable[[str, float], None]) -> Path:
    """The folder of a hub's model in the local cache, fetched when it is not whole there.

    A whole one is not asked for again: the hub hears of a model once.

    Raises:
        OSError: it cannot be fetched.
        ValueError: the name is none that a hub can have.
    """
    if (folder := cached_hub_folder(model)) is not None:
        return folder
    from huggingface_hub import snapshot_download

    on_progress(f"fetching {model}", 0.0)
    fetched = snapshot_download(
        model,
        allow_patterns=_WANTED,
        ignore_patterns=_UNWANTED,
        tqdm_class=_bar_that_tells(lambda share: on_progress(f"fetching {model}", share)),
    )
    return Path(fetched)


def cached_hub_folder(model: str) -> Path | None:
    """Where a hub's model lies in the local cache; None when it does not, or not all of it."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(model, local_files_only=True))
    except (OSError, ValueError):
        return None
    return folder if _is_whole(folder) else None


def _is_whole(folder: Path) -> bool:
    """Whether every file that the weights are in is there: a download may have been broken off."""
    if not (folder / "config.json").is_file():
        return False
    index = folder / "model.safetensors.index.json"
    try:
        shards = set(json.loads(index.read_bytes())["weight_map"].values())
    except FileNotFoundError:
        shards = {"model.safetensors"}
    has_tokenizer = any(folder.glob("tokenizer*")) or any(folder.glob("*.model"))
    return has_tokenizer and all((folder / shard).is_file() for shard in shards)


def _bar_that_tells(told: Callable[[float], None]) -> Any:  # noqa: ANN401 - a class made here
    """A progress bar that shows nothing and tells how much of the bytes have come."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Telling(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
            options.pop("name", None)  # the hub's own bars have names
            super().__init__(*arguments, **{**options, "disable": False, "file": _Nowhere()})

        def update(self, n: float | None = 1) -> bool | None:
            shown: bool | None = super().update(n)
            if self.unit == "B" and self.total:
                told(min(self.n / self.total, 1.0))
            return shown

    return Telling


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        return None
