# What to type. Every target sets up what it needs; nothing but `chaos` needs root, and that only where users cannot make
# namespaces.

PYTHON ?= $(firstword $(foreach p,python3.14 python3.13 python3.12 python3.11 python3,$(if $(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo yes),$(p))))
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PROTO_VENV := .venv-proto
CARGO := cargo
RUST := dns_server/Cargo.toml
FUZZ := dns_server/fuzz
LOAD := bench/load/Cargo.toml --target-dir build/bench/target
RUST_SOURCES := $(RUST) dns_server/Cargo.lock $(shell find dns_server/crates -name '*.rs' -o -name Cargo.toml)

.PHONY: help demo test check lint rust-lint unit rust-unit fuzz fuzz-corpus e2e chaos format proto proto-check bench bench-growth bench-reflex bench-scale bench-agents bench-parts clean

help: ## Say what can be typed
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt $(RUST_SOURCES)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with make PYTHON=/path/to/python"; exit 1; }
	@$(CARGO) --version >/dev/null 2>&1 || { echo "Rust 1.88 or newer is needed (cargo), for the native engine"; exit 1; }
	@echo "setting up $(VENV) with $(PYTHON) and building the native engine (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group dev --editable .
	@touch $@

demo: $(READY) ## See it work and break it, in under a minute (KEEP=1 leaves it running)
	@$(BIN)/gslb demo $(if $(KEEP),--keep)

test: check unit fuzz e2e ## Everything that must hold: style, types, contracts, all tests

check: lint rust-lint proto-check ## Style, types, import contracts, freshness of generated code

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

rust-lint:
	@$(CARGO) fmt --manifest-path $(RUST) --all --check
	@$(CARGO) clippy --quiet --manifest-path $(RUST) --locked --workspace --all-targets -- -D warnings
	@$(CARGO) fmt --manifest-path $(firstword $(LOAD)) --check
	@$(CARGO) fmt --manifest-path $(FUZZ)/Cargo.toml --check
	@$(CARGO) clippy --quiet --manifest-path $(LOAD) --locked --all-targets -- -D warnings
	@CUSTOM_LIBFUZZER_PATH=/not/linked/libfuzzer.a $(CARGO) clippy --quiet --manifest-path $(FUZZ)/Cargo.toml \
	  --target-dir build/fuzz/lint --locked --all-targets -- -D warnings

unit: $(READY) rust-unit
	@$(BIN)/pytest -q --numprocesses auto tests/unit tests/property tests/scenario tests/contract

rust-unit:
	@$(CARGO) test --quiet --manifest-path $(RUST) --locked
	@$(CARGO) test --quiet --manifest-path $(LOAD) --locked

fuzz: ## Fuzz the native engine, 10 seconds a target (SECONDS=3600 for an hour); needs a C++ compiler
	@$(FUZZ)/run $(or $(SECONDS),10)

fuzz-corpus: $(READY) ## Bring the fuzz targets' world and corpus up to date
	@PYTHONPATH=tests $(BIN)/python -m support.fuzzseeds $(FUZZ)/world.bin build/fuzz/seeds
	@$(FUZZ)/run merge

e2e: $(READY)
	@$(BIN)/pytest -q tests/e2e

chaos: $(READY) ## Break everything while clients ask, in 15 minutes (ONLY=killed for some, LONG=1, JSON=1); needs namespaces
	@PYTHONPATH=tests $(BIN)/python -m chaos $(addprefix --only ,$(ONLY)) $(if $(LONG),--long) $(if $(JSON),--json)

format: $(READY) ## Bring the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(CARGO) fmt --manifest-path $(RUST) --all

$(PROTO_VENV)/.ready: pyproject.toml
	@$(PYTHON) -m venv $(PROTO_VENV)
	@$(PROTO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(PROTO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --group proto
	@touch $@

proto: $(PROTO_VENV)/.ready ## Generate gslb/api and gslb/etcdpb from proto/
	@PATH="$(CURDIR)/$(PROTO_VENV)/bin:$$PATH" python -m grpc_tools.protoc --proto_path=proto \
	  --python_out=$(or $(OUT),.) --grpc_python_out=$(or $(OUT),.) --mypy_out=quiet:$(or $(OUT),.) --mypy_grpc_out=quiet:$(or $(OUT),.) \
	  proto/gslb/*/*/*.proto

proto-check: $(PROTO_VENV)/.ready
	@PATH="$(CURDIR)/$(PROTO_VENV)/bin:$$PATH" buf lint proto
	@PATH="$(CURDIR)/$(PROTO_VENV)/bin:$$PATH" buf format --diff --exit-code proto
	@rm -rf build/proto && mkdir -p build/proto && $(MAKE) --no-print-directory proto OUT=build/proto
	@for folder in gslb/api/v1 gslb/etcdpb/v3; do diff -r -x __pycache__ -x __init__.py build/proto/$$folder $$folder \
	  || { echo "$$folder is not what proto/ generates: run make proto and commit"; exit 1; }; done

bench: $(READY) ## Compare the dns server with others that steer (docs/benchmarks.md)
	@$(BIN)/python -m bench.dns $(BENCH)

bench-growth: $(READY) ## What an answer costs with more names, prefixes and swaps
	@$(BIN)/python -m bench.dns.growth $(BENCH)

bench-reflex: $(READY) ## How long from a changed report to a changed answer
	@$(BIN)/python -m bench.dns.reflex $(BENCH)

bench-scale: $(READY) ## Memory of the dns server and time of changes with 100,000 services
	@$(BIN)/python -m bench.dns.scale $(BENCH)

bench-agents: $(READY) ## What 500 agents cost one coordinator, and how fast a large site goes down
	@$(BIN)/python -m bench.agents $(BENCH)

bench-parts: $(READY) ## Measure the other parts: agent, relay, decisions, geo databases
	@for file in bench/*.py; do $(BIN)/python $$file || exit 1; done
	@$(BIN)/python -m bench.geo

clean: ## Remove what was set up and built
	@rm -rf $(VENV) $(PROTO_VENV) build dist dns_server/target dns_server/_native.*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
