"""Many passages through the whole of an ingestion: time, memory, and what lies on disk.

    python -m benchmarks.ingest_scale ARTICLES [--passages 100000] [--distinct 100]

Copies of the first articles, in folders of their own until there are enough passages. Title,
headings and words of copies are the same, so that each distinct passage is embedded once only while
it is remembered: embedding is measured on the distinct ones, and said apart. All else (reading,
cutting, storing, the lexical and the vector index) is done for each copy.
"""

import argparse
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from app.bootstrap import Assay
from app.ingestion_speed import measure_ingestion
from app.settings import Settings

_TARGET = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("articles", type=Path)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--distinct", type=int, default=100, help="articles")
    parser.add_argument("--per-megabyte", type=float, default=1430.0, help="passages, about")
    arguments = parser.parse_args()
    articles = sorted(arguments.articles.iterdir())[: arguments.distinct]
    megabytes = sum(path.stat().st_size for path in articles) / 1e6
    copies = round(arguments.passages / (megabytes * arguments.per_megabyte))
    with tempfile.TemporaryDirectory(prefix="assay-scale-") as temporary:
        files = Path(temporary, "files")
        for number in range(copies):
            folder = files / f"copy {number:04}"
            folder.mkdir(parents=True)
            for path in articles:
                shutil.copy(path, folder)
        home = Path(temporary, "home")
        assay = Assay(Settings(home=home))
        try:
            measured = measure_ingestion(assay, files, lambda _: None)
            kind = assay.vectors.current().kind
        finally:
            assay.close()
        report(measured.as_json(), home, str(kind))


def report(measured: dict, home: Path, kind: str) -> None:
    passages, embedded = measured["passages"], measured["embedded"]
    stages = measured["stages"]
    print(f"{measured['files']} files, {measured['megabytes']:.1f} MB, {passages} passages")
    print(f"{embedded} of them embedded; index: {kind}")
    print(f"{measured['seconds']:.1f} s wall, {measured['processor_seconds']:.1f} s of processor")
    for stage, seconds in stages.items():
        print(f"  {stage:10} {seconds:8.1f} s")
    rest = measured["seconds"] - stages["embedding"]
    all_embedded = stages["embedding"] * passages / max(1, embedded)
    print(f"without embedding {rest:.1f} s; embedding all would take {all_embedded:.0f} s")
    print(f"unchanged again {measured['unchanged_seconds']:.1f} s")
    print(f"peak {measured['peak_mb']:.0f} MB, a reader {measured['readers_peak_mb']:.0f} MB")
    sizes: Counter[str] = Counter()
    for path in home.rglob("*"):
        if path.is_file():
            sizes[path.relative_to(home).parts[0]] += path.stat().st_size
    for name, size in sizes.most_common(4):
        print(f"{name}: {size / 1e6:.1f} MB, {size / passages:.0f} bytes a passage")
    factor = _TARGET / passages
    share = stages["embedding"] / measured["seconds"]
    used = measured["processor_seconds"] * (1 - share) / passages
    embedding = measured["processor_seconds"] * share / max(1, embedded)
    print(
        f"processor: about {1e3 * used:.2f} ms a passage, and {1e3 * embedding:.2f} ms to embed one"
    )
    print(
        f"times {factor:.0f}, to {_TARGET:,}: {(used + embedding) * _TARGET / 3600:.0f} h of "
        f"processor, {sum(sizes.values()) * factor / 1e9:.0f} GB on disk"
    )


if __name__ == "__main__":
    main()
