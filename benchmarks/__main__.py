"""Every benchmark: ``python -m benchmarks``, or ``python -m benchmarks proof decision`` for some of them."""

import importlib
import pkgutil
import sys

import benchmarks


def main() -> None:
    """Runs the modules that have a ``main``, in the order of their names, or those that the arguments name."""
    names = sys.argv[1:] or [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
    for name in names:
        if name == "__main__":
            continue
        run = getattr(importlib.import_module(f"benchmarks.{name}"), "main", None)
        if run:
            print(f"\n== {name}")
            run()


if __name__ == "__main__":
    main()
