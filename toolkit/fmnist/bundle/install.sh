#!/bin/sh
# Installs what lies beside this file into .venv, beside this file, and ends with `fmnist verify`.
# Uses no network, but to fetch packages where the bundle was made with --wheels none. May be run again.
set -eu

fail() {
	echo "install.sh: $1" >&2
	exit 1
}

unset CDPATH PYTHONHOME PYTHONPATH
cd -- "$(dirname -- "$0")"

echo "checking the files"
[ -f SHA256SUMS ] || fail "SHA256SUMS: is missing; copy the bundle again"
if ! changed=$(LC_ALL=C sha256sum --check --strict --quiet SHA256SUMS 2>/dev/null); then
	[ -n "$changed" ] || fail "SHA256SUMS: cannot be checked by sha256sum; copy the bundle again"
	fail "${changed%%: FAILED*}: is missing, or not what was bundled; copy the bundle again"  # the first
fi

echo "checking the machine"
command -v python3 >/dev/null || fail "there is no python3; sudo apt install python3"
# In words that any Python 3 understands. It prints how the environment is to be made.
options=$(python3 -I -B - <<'END'
import json, os, platform, struct, sys

def fail(reason):
    sys.exit("install.sh: " + reason)

with open("bundle.json") as file:
    bundle = json.load(file)
here = "%d.%d" % sys.version_info[:2]
wanted = tuple(int(part) for part in bundle["python"].split("."))
bits = 8 * struct.calcsize("P")
machine = platform.machine()
system = bundle["platform"] == "any"

if sys.version_info < (3, 11):
    fail("Python %s is too old, 3.11 is needed; install Raspberry Pi OS bookworm or newer" % here)
if not system:
    if "linux-" + machine != bundle["platform"] or bits != 64:
        fail("this is Python for %s, %d bits, and the bundle is for %s; on the workstation run: "
             "fmnist bundle --platform any" % (machine, bits, bundle["platform"]))
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION").split()[1]
    except (AttributeError, ValueError, OSError):
        libc = "0"
    if tuple(int(part) for part in libc.split(".")[:2]) < (2, 28):
        fail("the wheels need glibc 2.28, which this system has not; on the workstation run: "
             "fmnist bundle --platform any")
    if sys.version_info[:2] != wanted:
        fail("this is Python %s, and the bundle is for %s; on the workstation run: "
             "fmnist bundle --platform %s --python %s" % (here, bundle["python"], bundle["platform"], here))
else:
    if sys.version_info[:2] < wanted:
        fail("this is Python %s, and the bundle needs %s; on the workstation run: "
             "fmnist bundle --platform any --python %s" % (here, bundle["python"], here))
    if sys.prefix != sys.base_prefix:
        fail("python3 is that of a virtual environment, and NumPy has to be the system's; deactivate it")
    try:
        import numpy
    except ImportError as error:
        if getattr(error, "name", None) == "numpy":
            fail("the system's Python has no NumPy; sudo apt install python3-numpy")
        while error.__context__ is not None:  # NumPy wraps the reason into a page of advice
            error = error.__context__
        fail("the system's NumPy does not load (%s); sudo apt install --reinstall python3-numpy" % error)
    if tuple(int(part) for part in numpy.__version__.split(".")[:2]) < (1, 24):
        fail("NumPy %s is too old, 1.24 is needed; sudo apt install python3-numpy" % numpy.__version__)

replaced = sum(
    os.lstat(os.path.join(folder, name)).st_blocks * 512
    for folder, _, names in os.walk(".venv") for name in names
)
free = os.statvfs(".")
free = free.f_bavail * free.f_frsize + replaced
if free < bundle["installed_bytes"]:
    fail("needs %d MB of disk, and %d MB are free; delete what is not needed"
         % (bundle["installed_bytes"] / 1e6 + 1, free / 1e6))

if system:
    sys.stderr.write("for any machine: NumPy of the system runs the npz artifact\n")
    print("--system-site-packages")
END
) || exit 1

# What is begun is made whole or removed, so that what lies there is never half of it.
remove() {
	rm -rf .venv
}
trap remove EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
remove

echo "installing"
set -- wheels/pip-*.whl
if [ -f "$1" ]; then
	# shellcheck disable=SC2086  # one option, or none
	python3 -m venv --without-pip $options .venv ||
		fail "python3 cannot make .venv, as said above; if it is venv that is missing: sudo apt install python3-venv"
	# --isolated and no settings: those are for the user's own packages, and may name other places.
	PIP_CONFIG_FILE=/dev/null PYTHONPATH=$1 .venv/bin/python -m pip --isolated install \
		--no-index --find-links wheels --require-hashes --no-deps --ignore-installed --no-compile \
		--no-cache-dir --disable-pip-version-check --quiet --requirement requirements.txt ||
		fail "pip could not install the packages; its own words stand above"
else
	# shellcheck disable=SC2086
	python3 -m venv $options .venv || fail "python3 cannot make .venv, as said above; if it is venv that is missing: sudo apt install python3-venv"
	.venv/bin/python -m pip install --no-deps --ignore-installed --no-compile \
		--disable-pip-version-check --quiet --requirement requirements.txt ||
		fail "pip could not fetch and install the packages; its own words stand above"
fi
trap - EXIT HUP INT TERM

echo "verifying"
exec .venv/bin/fmnist verify
