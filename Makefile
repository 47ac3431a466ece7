# SPDX-License-Identifier: Apache-2.0
# What people and CI run; `make` lists it. Everything lands in .venv-*, docs/executed and build/: `make clean` undoes it.
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
EXECUTORCH := .venv-executorch
LITERT := .venv-litert
DOCS := .venv-docs
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
	$(TEST)/bin/python -c "import gridsample as gs; gs.torch.compile_node('$(TEST)/compiled')"
	$(BENCH) --peer torch --verb forward,backward,affine,step --dtypes float32,float64 --minutes $(MINUTES)
	-$(BENCH) --peer others --verb forward,backward,affine --dtypes float32,uint8 --minutes $(OTHERS)
	$(TEST)/bin/gridsample bench --page

BENCH = GRIDSAMPLE_CACHE=$(TEST)/compiled $(TEST)/bin/gridsample bench --threads 1,2 --resume -o bench/results
MINUTES ?= 12
OTHERS ?= 3

.PHONY: docs
docs: $(DOCS)/installed ## the site, its code run, warnings are errors: build/docs/html/index.html
	@$(say) "docs: the code of the pages and of the docstrings"
	$(DOCS)/bin/pytest tests/docs
	@$(say) "docs: the gallery and the site, into build/docs/html"
	$(DOCS)/bin/sphinx-build -W --keep-going -b html docs build/docs/html

.PHONY: gallery
gallery: $(DOCS)/installed ## run examples/ at full length: bench/results/gallery, and the tables and pictures of docs/gallery.md
	@$(say) "gallery: bench/gallery.py; some minutes each"
	$(DOCS)/bin/python bench/gallery.py

# ----------------------------------------------------------------------------------------------------- for developers

.PHONY: test
test: core-test $(TEST)/installed ## the core's C++ tests, then every Python test on the installed package
	@$(say) "test: pytest"
	GRIDSAMPLE_TEST_INSTALLED=1 $(TEST)/bin/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

.PHONY: test-export
test-export: $(EXPORT)/installed $(EXPORT)/web $(EXECUTORCH)/installed $(LITERT)/installed ## exports to every target, run for real; GRIDSAMPLE_SLOW=1 converts every cell
	@$(say) "test-export: pytest tests/export"
	$(EXPORT)/bin/pytest tests/export
	@$(say) "test-export: ExecuTorch"
	$(EXECUTORCH)/bin/pytest tests/export/test_runtimes.py tests/export/test_refusals.py -k executorch
	@$(say) "test-export: LiteRT"
	$(LITERT)/bin/pytest tests/export/test_runtimes.py tests/export/test_refusals.py -k litert

.PHONY: deploying
deploying: $(EXPORT)/installed $(EXPORT)/web $(EXECUTORCH)/installed $(LITERT)/installed ## measure every cell on every target into docs/deploying, and write docs/deploying.md
	@$(say) "deploying: tests/export/matrix.py"
	$(EXPORT)/bin/python tests/export/matrix.py onnx onnx-opset-11 web openvino coreml coreml-trace-iOS18 ncnn
	$(EXECUTORCH)/bin/python tests/export/matrix.py executorch
	$(LITERT)/bin/python tests/export/matrix.py litert

.PHONY: core-test
core-test: $(TEST)/installed ## the core's C++ tests alone, as built with the package
	@$(say) "core-test: core/tests"
	$(TOOLS) ctest --test-dir build/test --output-on-failure

# of the instruction sets that can be built here, those that can also be run
RUNS_HERE = $(shell printf baseline; for set in avx2 avx512; do grep -qsE "^flags.* $$set(dq)?( |$$)" /proc/cpuinfo && printf ';%s' $$set; done)

.PHONY: sanitize
sanitize: export ASAN_OPTIONS := strict_init_order=1
sanitize: export UBSAN_OPTIONS := print_stacktrace=1:halt_on_error=1
sanitize: $(TEST)/base ## the core's tests and fuzz with the address and undefined-behaviour sanitizers
	@$(say) "sanitize: core/tests with -fsanitize=address,undefined"
	$(TOOLS) cmake -S . -B build/sanitize -G Ninja -DGRIDSAMPLE_TESTS=ON -DGRIDSAMPLE_SANITIZE=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo \
	  "-DGRIDSAMPLE_TARGETS=$(RUNS_HERE)"
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
PHRASEBOOK = $(subst spec.generate,spec.phrasebook,$(GENERATE))

.PHONY: generate
generate: ## write core/src/table.gen.hpp and docs/names.md from the tables in src/gridsample/spec
	@$(say) "generate: core/src/table.gen.hpp, docs/names.md"
	$(GENERATE)
	$(PHRASEBOOK) > docs/names.md

.PHONY: generate-check
generate-check: ## fail if core/src/table.gen.hpp or docs/names.md is not what the tables say
	@$(say) "generate-check: core/src/table.gen.hpp, docs/names.md"
	$(GENERATE) --check
	$(PHRASEBOOK) | diff docs/names.md -

.PHONY: clean
clean: ## remove the virtual environments, builds and caches
	@$(say) "clean"
	rm -rf $(DEMO) $(TEST) $(EXPORT) $(EXECUTORCH) $(LITERT) $(DOCS) docs/executed build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
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

# Environments of their own: coremltools needs an older NumPy, and the other two move packages that all share. pytest
# is all their tests need of the extra `test`. The engine is compiled once, in build/test.
INSTALL_AGAIN = --config-settings=build-dir=build/test --config-settings=cmake.define.GRIDSAMPLE_TESTS=ON
$(EXPORT)/base $(EXECUTORCH)/base $(LITERT)/base: %/base:
	$(call create,$*)
	$*/bin/python -m pip install --quiet '$(TORCH)'
	touch $@

$(EXPORT)/installed: $(EXPORT)/base $(TEST)/installed
	@$(say) "$(EXPORT): install gridsample[coreml,onnx,openvino,ncnn]"
	$(EXPORT)/bin/python -m pip install --quiet '.[coreml,onnx,openvino,ncnn]' '$(TORCH)' pytest $(INSTALL_AGAIN)
	touch $@

$(EXECUTORCH)/installed: $(EXECUTORCH)/base $(TEST)/installed
	@$(say) "$(EXECUTORCH): install gridsample[executorch]"
	$(EXECUTORCH)/bin/python -m pip install --quiet '.[executorch]' '$(TORCH)' pytest $(INSTALL_AGAIN)
	touch $@

$(LITERT)/installed: $(LITERT)/base $(TEST)/installed
	@$(say) "$(LITERT): install gridsample[litert]"
	$(LITERT)/bin/python -m pip install --quiet '.[litert]' '$(TORCH)' pytest $(INSTALL_AGAIN)
	touch $@

# ONNX Runtime Web, and a Chromium of pip's where none is on the path. No npm: the tests that need it say so and skip.
ONNX_WEB := onnxruntime-web@1.30.0
$(EXPORT)/web: $(EXPORT)/installed
	@$(say) "build/web: $(ONNX_WEB)"
	command -v chromium > /dev/null || command -v google-chrome > /dev/null || \
	  $(EXPORT)/bin/python -m pip install --quiet 'gridsample[browser]'
	mkdir -p build/web
	! command -v npm > /dev/null || npm install --silent --ignore-scripts --no-fund --no-audit --prefix build/web $(ONNX_WEB)
	touch $@

# torch as for the tests. The engine is compiled where the tests have it, if they do, else where `make demo` does.
COMPILED = $(if $(wildcard build/test/CMakeCache.txt),--config-settings=build-dir=build/test \
  --config-settings=cmake.define.GRIDSAMPLE_TESTS=ON)

$(DOCS)/base:
	$(call create,$(DOCS))
	$(DOCS)/bin/python -m pip install --quiet '$(TORCH)'
	touch $@

$(DOCS)/installed: $(DOCS)/base $(SOURCES)
	@$(say) "$(DOCS): build and install gridsample[docs]; the engine takes a few minutes to compile"
	$(DOCS)/bin/python -m pip install --quiet '.[docs]' $(COMPILED)
	touch $@

# The package is there already: pip only adds what its extra names.
$(TEST)/peers: $(TEST)/installed
	@$(say) "$(TEST): install the peers of the benchmark"
	$(TEST)/bin/python -m pip install --quiet 'gridsample[bench]'
	touch $@
