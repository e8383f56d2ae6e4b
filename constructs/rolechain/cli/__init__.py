"""The command ``rolechain``.

Each module of this package but ``main`` is one command: ``add_arguments(parser)`` declares what it takes,
``run(arguments)`` does it and returns the exit code.
"""

from rolechain.cli.main import main

__all__ = ["main"]
