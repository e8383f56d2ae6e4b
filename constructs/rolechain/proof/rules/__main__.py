"""Prints the rules as Markdown: ``python -m rolechain.proof.rules > docs/rules.md``."""

from rolechain.proof.rules.markdown import page

if __name__ == "__main__":
    print(page(), end="")
