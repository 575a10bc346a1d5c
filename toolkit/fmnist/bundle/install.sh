#!/bin/sh
# Installs what lies beside this file into .venv, beside this file, and ends with `fmnist verify`.
# Uses no network, but to fetch packages where the bundle was made with --wheels none. May be run again.
# With --system-site-packages, what the system's Python has is there, too, such as picamera2, and NumPy is its.
set -eu

fail() {
	echo "install.sh: $1" >&2
	exit 1
}

case "$*" in
'') set -- ;;  # also of an empty word, as of "$OPTIONS" in a script
--system-site-packages) ;;
*) fail "$*: the only option is --system-site-packages" ;;
esac

if [ -L "$0" ]; then
	exec sh "$(readlink -f -- "$0")" "$@"
fi
unset CDPATH PYTHONHOME PYTHONPATH
cd -- "$(dirname -- "$0")"

echo "checking the files"
[ -f SHA256SUMS ] || fail "SHA256SUMS: is missing; copy the bundle again"
if ! changed=$(LC_ALL=C sha256sum --check --strict --quiet SHA256SUMS 2>/dev/null); then
	[ -n "$changed" ] ||
		fail "SHA256SUMS: cannot be checked; copy the bundle again, or where sha256sum is not GNU's: apk add coreutils"
	fail "${changed%%: FAILED*}: is missing, or not what was bundled; copy the bundle again"  # the first
fi

echo "checking the machine"
# Two at once would remove each other's .venv. The lock goes with those who hold it, however they end.
[ ! -f install.sh ] || exec 9<install.sh
flock -n -E 75 9 2>/dev/null || [ $? != 75 ] || fail "another install.sh is at work here; wait until it is done"
[ -w . ] || fail "$PWD: takes no files; copy the bundle to another folder"
command -v python3 >/dev/null || fail "there is no python3; sudo apt install python3"
python3 -I -c '' </dev/null || fail "python3 does not work; sudo apt install --reinstall python3"
# In words that any Python 3 understands. It prints --system-site-packages where NumPy is to be the system's.
option=$(python3 -I -B - "$@" <<'END'
import signal
signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is answered by install.sh
import json, os, platform, struct, sys

def fail(reason):
    sys.exit("install.sh: " + reason)

with open("bundle.json") as file:
    bundle = json.load(file)
here = "%d.%d" % sys.version_info[:2]
wanted = tuple(int(part) for part in bundle["python"].split("."))
bits = 8 * struct.calcsize("P")
machine = platform.machine()
anywhere = bundle["platform"] == "any"
system = anywhere or len(sys.argv) > 1

if sys.version_info < (3, 11):
    fail("Python %s is too old, 3.11 is needed; install Raspberry Pi OS bookworm or newer" % here)
if not anywhere:
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
elif sys.version_info[:2] < wanted:
    fail("this is Python %s, and the bundle needs %s; on the workstation run: "
         "fmnist bundle --platform any --python %s" % (here, bundle["python"], here))
if system:
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

if anywhere:
    sys.stderr.write("for any machine: NumPy of the system runs the npz artifact, and .c artifacts bring their libraries\n")
if system:
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
no_venv="python3 cannot make .venv, as said above; if it is venv that is missing: sudo apt install python3-venv"
if grep -q '"wheels": true' bundle.json; then
	python3 -m venv --without-pip ${option:+"$option"} .venv || fail "$no_venv"
	# All that pip would do with them: their digests are checked, and each holds what it unpacks to.
	.venv/bin/python -I -B - ${option:+"$option"} <<'END' || fail "the packages could not be unpacked, as said above"
import signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
import os, shlex, sys, sysconfig, zipfile

with open("requirements.txt") as file:  # not all that lies in wheels/: another bundle may have been here
    wheels = [line.split()[0] for line in file]
try:
    for wheel in wheels:
        if not (sys.argv[1:] and wheel.startswith("./wheels/numpy-")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(sysconfig.get_path("purelib"))
except OSError as error:  # such as that the disk is full
    sys.exit("install.sh: %s: %s" % (wheel, error))
with open(".venv/bin/fmnist", "w") as file:
    file.write('#!/bin/sh\nexec %s -P -m fmnist "$@"\n' % shlex.quote(os.path.abspath(".venv/bin/python")))
os.chmod(".venv/bin/fmnist", 0o755)
END
else
	python3 -m venv ${option:+"$option"} .venv || fail "$no_venv"
	sed -e "${option:+/^numpy==/d}" requirements.txt >.venv/requirements.txt
	.venv/bin/python -m pip install --no-deps --ignore-installed --no-compile \
		--disable-pip-version-check --quiet --requirement .venv/requirements.txt ||
		fail "pip could not fetch and install the packages; its own words stand above"
fi
if [ -d native ]; then  # libraries of the .c artifacts, which no compiler has to make here
	{ mkdir -p .venv/share/fmnist && cp -R native .venv/share/fmnist/; } || fail "native: cannot be copied into .venv"
fi
trap - EXIT HUP INT TERM

echo "verifying"
exec .venv/bin/fmnist verify
