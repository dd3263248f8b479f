"""Write ``README.md`` of every folder under ``baselines/`` from its card: python tools/baseline_readmes.py"""

from __future__ import annotations

from iper_bench.atomic import write_text
from iper_bench.baseline_kit.card_page import README_FILE, card_page
from iper_bench.baseline_kit.opening import card_of
from iper_bench.methods.baseline_folders import baseline_folders


def main() -> None:
    """One page per folder."""
    for name, folder in baseline_folders().items():
        write_text(folder / README_FILE, card_page(card_of(name)))
        print(folder / README_FILE)


if __name__ == "__main__":
    main()
