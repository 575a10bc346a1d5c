# One command per chore. Everything is installed into .venv, once, and what a device has into .venv-device; nothing
# outside the folder is touched, but by emulated-pi the user's cache.

# An environment is made with the first of these that its packages have wheels for.
PYTHON ?= python3 python3.13 python3.12 python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVICE := .venv-device
# Those of seconds first, those of minutes last.
BENCHMARKS := harness_cost help_start percentile_coverage parity_coverage predict_memory beside_polygraphy \
	compare_coverage parity_cost runtime repeatability emulated_pi exports training export_memory architectures

# All that is beneath a device's verbs, and the verbs that need no other program to be tested with.
DEVICE_TESTS := tests/runtime tests/toolkit/devices tests/toolkit/predict $(patsubst %,tests/toolkit/%.py, \
	cli/test_engine_option cli/test_help cli/test_strangers cli/test_verbs export/test_adopt parity/test_bad_input \
	parity/test_scores)

# NumPy's OpenBLAS has kernels for AVX2, for AVX-512 and for neither, and takes those of the processor it finds.
KERNELS := Haswell SkylakeX Prescott
PRODUCT := import numpy; numpy.eye(99, dtype="f") @ numpy.eye(99, dtype="f")
# Whether a mutant is refused or used does not depend on how its products are rounded.
KERNEL_TESTS := tests/runtime tests/exporters --ignore tests/runtime/safety/test_hostile.py
PYTEST := -m pytest --numprocesses auto --dist loadfile

.PHONY: demo test test-kernels test-device test-arm64 emulated-pi lint format docs bench clean

demo: $(INSTALLED)  ## train, export, evaluate, compare and time the network on the real Fashion-MNIST
	$(BIN)/fmnist run

test: $(INSTALLED)  ## every test, on all cores
	$(BIN)/python $(PYTEST)

# Kernels of instructions that the processor lacks end Python with SIGILL, which is 128 + 4 here.
test-kernels: $(INSTALLED)  ## the numeric tests with NumPy's kernels for other processors, and with one thread
	@for kernel in $(KERNELS); do \
		export OPENBLAS_CORETYPE=$$kernel; \
		core=$$(OPENBLAS_VERBOSE=2 $(BIN)/python -c '$(PRODUCT)' 2>&1); \
		case $$? in \
			0) echo "OPENBLAS_CORETYPE=$$kernel: $$core"; $(BIN)/python $(PYTEST) $(KERNEL_TESTS) || exit 1;; \
			132) echo "OPENBLAS_CORETYPE=$$kernel: left out, as this processor lacks its instructions (SIGILL)";; \
			*) echo "OPENBLAS_CORETYPE=$$kernel: a product of matrices fails: $$core" >&2; exit 1;; \
		esac; \
	done
	OPENBLAS_NUM_THREADS=1 $(BIN)/python $(PYTEST) $(KERNEL_TESTS)

test-device: $(DEVICE)/.installed  ## what a device runs, where TensorFlow is not installed, on all cores
	@$(DEVICE)/bin/python -c 'import sys; from importlib.util import find_spec as find; \
		sys.exit([f"$(DEVICE) has {name}" for name in ("tensorflow", "keras", "onnx") if find(name)] or 0)'
	$(DEVICE)/bin/python $(PYTEST) $(DEVICE_TESTS)

# Root's, on Debian; what is missing is said. `make test` runs them, too, where the boards are built.
test-arm64: emulated-pi  ## the tests on emulated Raspberry Pis alone, on all cores
	FMNIST_SKIP_NOTHING=1 $(BIN)/python $(PYTEST) tests/arm64

emulated-pi: $(INSTALLED)  ## build those Raspberry Pis, into the user's cache, where they stay
	@PYTHONPATH=tests $(BIN)/python -m arm64.emulated_pi

lint: $(INSTALLED)  ## style, types and import boundaries
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(INSTALLED)  ## mend what can be mended of style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(INSTALLED)  ## docs/reference, and the tables in docs/explanation/statistics.md, made anew from the code
	$(BIN)/python docs/generator/make_reference.py

# All of them, whatever one finds; which of them broke a limit, or failed, is said at the end.
bench: $(INSTALLED)  ## the comparisons behind the figures in the README, and its tables made of them
	@failed=; \
	for name in $(BENCHMARKS) readme_table; do \
		echo "benchmarks/$$name.py"; \
		$(BIN)/python benchmarks/$$name.py || failed="$$failed $$name"; \
	done; \
	test -z "$$failed" || { echo "make bench: a limit is broken, or it failed:$$failed" >&2; exit 1; }

clean:  ## remove what was installed and made, but not runs/
	rm -rf $(VENV) $(DEVICE) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# The stamp is made last, so that an installation that was interrupted is begun again. An environment of another Python is
# cleared, as venv would leave that Python in it.
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
			echo "on Debian, venv is a package of its own: apt install python$$found-venv" >&2; exit 1;; \
		esac; \
		others="$${others:+$$others, }$$python is $$found"; \
	done; \
	echo "fmnist: $(@D) takes Python $(PYTHONS), which all of its packages have wheels for" \
		"(found: $${others:-none}): install one, or name it: make PYTHON=/path/to/python3.13" >&2; exit 1
	$(@D)/bin/python -m pip install --quiet --constraint constraints.txt pip
	$(@D)/bin/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt --editable '.[$(EXTRAS)]' --group dev
	touch $@
