# One command per chore. Everything is installed once: into .venv, and a device's packages into .venv-device. Nothing
# outside this folder changes, except that emulated-pi writes to the user's cache.

# Environments use the first of these that all packages have wheels for.
PYTHON ?= python3 python3.13 python3.12 python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVICE := .venv-device
# The shortest first: from seconds to minutes.
BENCHMARKS := harness_cost help_start percentile_coverage parity_coverage predict_memory beside_polygraphy \
	compare_coverage microcontroller native parity_cost runtime read_pictures unlike repeatability emulated_pi exports training \
	export_memory architectures

# Everything that a device's verbs use, and the verbs whose tests need no other program.
DEVICE_TESTS := tests/runtime tests/toolkit/devices tests/toolkit/predict $(patsubst %,tests/toolkit/%.py, \
	cli/test_engine_option cli/test_help cli/test_strangers cli/test_verbs export/test_import parity/test_bad_input \
	parity/test_scores)

# NumPy's OpenBLAS has kernels for AVX2, for AVX-512 and for older processors. By default it uses the processor's own.
KERNELS := Haswell SkylakeX Prescott
PRODUCT := import numpy; numpy.eye(99, dtype="f") @ numpy.eye(99, dtype="f")
# test_hostile.py is left out: rounding does not change whether a mutant is refused. C models do not use NumPy's kernels.
KERNEL_TESTS := tests/runtime tests/exporters $(patsubst %,--ignore tests/%, \
	runtime/safety/test_hostile.py runtime/native exporters/formats/test_c_network.py)
PYTEST := -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-kernels test-device test-arm64 emulated-pi lint format docs bench clean

demo: $(INSTALLED)  ## train, export, evaluate, compare and time the network on the real Fashion-MNIST
	$(BIN)/fmnist run

test: $(INSTALLED)  ## every test, on all cores
	$(BIN)/python $(PYTEST)

# A kernel with instructions that the processor lacks ends Python with SIGILL, exit code 128 + 4.
test-kernels: $(INSTALLED)  ## the numeric tests with NumPy's kernels for other processors, and with one thread
	@for kernel in $(KERNELS); do \
		export OPENBLAS_CORETYPE=$$kernel; \
		core=$$(OPENBLAS_VERBOSE=2 $(BIN)/python -c '$(PRODUCT)' 2>&1); \
		case $$? in \
			0) echo "OPENBLAS_CORETYPE=$$kernel: $$core"; $(BIN)/python $(PYTEST) $(KERNEL_TESTS) || exit 1;; \
			132) echo "OPENBLAS_CORETYPE=$$kernel: skipped, this processor lacks its instructions (SIGILL)";; \
			*) echo "OPENBLAS_CORETYPE=$$kernel: a matrix product fails: $$core" >&2; exit 1;; \
		esac; \
	done
	OPENBLAS_NUM_THREADS=1 $(BIN)/python $(PYTEST) $(KERNEL_TESTS)

test-device: $(DEVICE)/.installed  ## the device's tests, without TensorFlow, on all cores
	@$(DEVICE)/bin/python -c 'import sys; from importlib.util import find_spec as find; \
		sys.exit([f"$(DEVICE) has {name}" for name in ("tensorflow", "keras", "onnx") if find(name)] or 0)'
	$(DEVICE)/bin/python $(PYTEST) $(DEVICE_TESTS)

# Needs root on Debian, and names what is missing. `make test` runs these tests, too, once the boards are built.
test-arm64: emulated-pi  ## only the tests on emulated Raspberry Pis, on all cores
	FMNIST_SKIP_NOTHING=1 $(BIN)/python $(PYTEST) tests/arm64

emulated-pi: $(INSTALLED)  ## build the emulated Raspberry Pis in the user's cache
	@PYTHONPATH=tests $(BIN)/python -m arm64.emulated_pi

lint: $(INSTALLED)  ## style, types and import boundaries
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(INSTALLED)  ## fix style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(INSTALLED)  ## generate docs/reference and the tables in docs/explanation/statistics.md from the code
	$(BIN)/python docs/generator/make_reference.py

# Runs all benchmarks even if one fails, and names those that failed or broke a limit at the end.
bench: $(INSTALLED)  ## measure the figures in the README, and write its tables
	@failed=; \
	for name in $(BENCHMARKS) readme_table; do \
		echo "benchmarks/$$name.py"; \
		$(BIN)/python benchmarks/$$name.py || failed="$$failed $$name"; \
	done; \
	test -z "$$failed" || { echo "make bench: failed, or broke a limit:$$failed" >&2; exit 1; }

clean:  ## remove everything that was installed or generated, except runs/
	rm -rf $(VENV) $(DEVICE) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# The stamp is written last, so that an interrupted installation starts again. An environment of another Python version is
# cleared, because venv would keep the old Python.
$(INSTALLED): EXTRAS := train
$(INSTALLED): PYTHONS := 3.13, 3.12 or 3.11
$(DEVICE)/.installed: EXTRAS := tflite,onnx,images
$(DEVICE)/.installed: PYTHONS := 3.14, 3.13, 3.12 or 3.11
$(INSTALLED) $(DEVICE)/.installed: pyproject.toml constraints.txt
	@version() { "$$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }; \
	clear=; others=; \
	for python in $(PYTHON); do \
		found=$$(version "$$python") || continue; \
		case " $(PYTHONS)," in *" $$found"[,\ ]*) \
			test "$$(version $(@D)/bin/python)" = "$$found" || clear=--clear; \
			"$$python" -m venv $$clear $(@D) && exit; \
			echo "on Debian, install venv first: apt install python$$found-venv" >&2; exit 1;; \
		esac; \
		others="$${others:+$$others, }$$python is $$found"; \
	done; \
	echo "fmnist: $(@D) needs Python $(PYTHONS), for which all of its packages have wheels" \
		"(found: $${others:-none}): install one, or name it: make PYTHON=/path/to/python3.13" >&2; exit 1
	$(@D)/bin/python -m pip install --quiet --constraint constraints.txt pip
	$(@D)/bin/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt --editable '.[$(EXTRAS)]' --group dev
	touch $@
