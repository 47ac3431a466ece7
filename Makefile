# SPDX-License-Identifier: Apache-2.0
# What people and CI run; `make` lists it. Everything lands in .venv-demo, .venv-test and build/: `make clean` undoes it.
#   PYTHON  the Python to use, 3.10 or newer:                  make test PYTHON=python3.12
#   TORCH   what pip installs for the torch tests:             make test TORCH=torch
#   MINUTES the longest the benchmark against torch takes:     make bench MINUTES=5
#   TESTS   what pytest is given (default: every test):        make test TESTS='tests/spec -k bound'
#   WORKERS the processes that run tests, a file at a time:    make test WORKERS=0 (in pytest's own process)
PYTHON ?= python3
TORCH ?= torch==2.13.0
TESTS ?=
WORKERS ?= 2

.DELETE_ON_ERROR:
.NOTPARALLEL:  # two builds at once would share build/
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

DEMO := .venv-demo
TEST := .venv-test
EXPORT := .venv-export
export PIP_DISABLE_PIP_VERSION_CHECK := 1
say = printf '\n== %s\n'

# A change to any of these means another wheel. Nothing is installed editable: what is tested is what users get.
SOURCES := pyproject.toml CMakeLists.txt $(shell find src core -type f -not -path '*/__pycache__/*' -not -name '*.so')

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# ---------------------------------------------------------------------------------------------------------- for users

.PHONY: demo
demo: $(DEMO)/installed ## warp a photograph, draw a contact sheet, time it against SciPy (needs the extra `viz` only)
	@$(say) "demo: examples/demo.py"
	$(DEMO)/bin/python examples/demo.py

.PHONY: bench
bench: $(TEST)/peers ## time against every peer, interleaved, into bench/results, and write the page; resumes (MINUTES=12)
	@$(say) "bench: gridsample bench, at most $(MINUTES) minutes for torch and $(OTHERS) for each other peer"
	$(BENCH) --peer torch --verb forward,backward,affine --dtypes float32,float64 --minutes $(MINUTES)
	-$(BENCH) --peer others --verb forward,backward,affine --dtypes float32,uint8 --minutes $(OTHERS)
	$(TEST)/bin/gridsample bench --page

BENCH = $(TEST)/bin/gridsample bench --threads 1,2 --resume -o bench/results
MINUTES ?= 12
OTHERS ?= 3

# ----------------------------------------------------------------------------------------------------- for developers

.PHONY: test
test: core-test $(TEST)/installed ## the core's C++ tests, then every Python test on the installed package
	@$(say) "test: pytest"
	GRIDSAMPLE_TEST_INSTALLED=1 $(TEST)/bin/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

.PHONY: test-export
test-export: $(EXPORT)/installed ## exports to Core ML, ONNX, OpenVINO and ncnn; GRIDSAMPLE_SLOW=1 converts every cell
	@$(say) "test-export: pytest tests/export"
	$(EXPORT)/bin/pytest tests/export

.PHONY: core-test
core-test: $(TEST)/installed ## the core's C++ tests alone, as built with the package
	@$(say) "core-test: core/tests"
	$(TOOLS) ctest --test-dir build/test --output-on-failure

.PHONY: sanitize
sanitize: export ASAN_OPTIONS := strict_init_order=1
sanitize: export UBSAN_OPTIONS := print_stacktrace=1:halt_on_error=1
sanitize: $(TEST)/base ## the core's tests and fuzz with the address and undefined-behaviour sanitizers
	@$(say) "sanitize: core/tests with -fsanitize=address,undefined"
	$(TOOLS) cmake -S . -B build/sanitize -G Ninja -DGRIDSAMPLE_TESTS=ON -DGRIDSAMPLE_SANITIZE=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo
	$(TOOLS) cmake --build build/sanitize
	$(TOOLS) ctest --test-dir build/sanitize --output-on-failure

.PHONY: lint
lint: $(TEST)/base ## ruff: rules and formatting
	@$(say) "lint: ruff"
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .

.PHONY: types
types: $(TEST)/installed ## mypy over the package
	@$(say) "types: mypy"
	$(TEST)/bin/mypy --python-executable $(TEST)/bin/python src/gridsample

.PHONY: format
format: $(TEST)/base ## let ruff put imports and layout right
	@$(TEST)/bin/ruff check --fix-only .
	$(TEST)/bin/ruff format .

# The tables are read where they lie, without the compiled engine: their package is stood in for by an empty one, so
# that a changed table needs neither a build nor an installation to be written out.
GENERATE = $(PYTHON) -c 'import sys, types; package = types.ModuleType("gridsample"); \
  package.__path__ = ["src/gridsample"]; sys.modules["gridsample"] = package; \
  from gridsample.spec.generate import main; raise SystemExit(main(sys.argv[1:]))'

.PHONY: generate
generate: ## write core/src/table.gen.hpp from the tables in src/gridsample/spec
	@$(say) "generate: core/src/table.gen.hpp"
	$(GENERATE)

.PHONY: generate-check
generate-check: ## fail if core/src/table.gen.hpp is not what the tables say
	@$(say) "generate-check: core/src/table.gen.hpp"
	$(GENERATE) --check

.PHONY: clean
clean: ## remove the virtual environments, builds and caches
	@$(say) "clean"
	rm -rf $(DEMO) $(TEST) $(EXPORT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests bench examples -name __pycache__ -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------------------------------ installations

# with the environment's CMake and Ninja
TOOLS = PATH="$(CURDIR)/$(TEST)/bin:$$PATH"

OLD = gridsample: expected Python 3.10 or newer, got {sys.version.split()[0]}; name one with PYTHON=python3.12
define create
	@$(say) "$(1): a virtual environment of $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and f"$(OLD)")'
	rm -rf $(1)
	$(PYTHON) -m venv $(1)
endef

$(DEMO)/base:
	$(call create,$(DEMO))
	touch $@

$(DEMO)/installed: $(DEMO)/base $(SOURCES)
	@$(say) "$(DEMO): build and install gridsample[viz]; the engine takes a few minutes to compile"
	$(DEMO)/bin/python -m pip install --quiet '.[viz]'
	touch $@

# torch comes first and by its own name, so that pip may take a local build; then it satisfies the package's extra.
$(TEST)/base:
	$(call create,$(TEST))
	$(TEST)/bin/python -m pip install --quiet '$(TORCH)' 'cmake>=3.22' ninja ruff
	touch $@

$(TEST)/installed: $(TEST)/base $(SOURCES)
	@$(say) "$(TEST): build and install gridsample[torch,test,dev]; the engine takes a few minutes to compile"
	$(TEST)/bin/python -m pip install --quiet '.[torch,test,dev]' \
	  --config-settings=build-dir=build/test --config-settings=cmake.define.GRIDSAMPLE_TESTS=ON
	touch $@

# An environment of its own, as coremltools needs an older NumPy. The engine is not compiled twice.
$(EXPORT)/base:
	$(call create,$(EXPORT))
	$(EXPORT)/bin/python -m pip install --quiet '$(TORCH)'
	touch $@

$(EXPORT)/installed: $(EXPORT)/base $(TEST)/installed
	@$(say) "$(EXPORT): install gridsample[test,coreml,onnx,openvino,ncnn]"
	$(EXPORT)/bin/python -m pip install --quiet '.[test,coreml,onnx,openvino,ncnn]' \
	  --config-settings=build-dir=build/test --config-settings=cmake.define.GRIDSAMPLE_TESTS=ON
	touch $@

# The package is there already: pip only adds what its extra names.
$(TEST)/peers: $(TEST)/installed
	@$(say) "$(TEST): install the peers of the benchmark"
	$(TEST)/bin/python -m pip install --quiet 'gridsample[bench]'
	touch $@
