"""`fmnist doctor`."""

import typer

from fmnist.cli import options


def doctor(json: options.Json = None) -> None:
    """Check what can run models on this machine.

    Each engine runs the golden images of a small model. The table also describes the machine, and the lines
    below it say how to fix problems. Exit 0 if at least one engine can run models.
    """
    import sys

    from fmnist.devices.doctor.loading import load_parts

    parts = load_parts()
    if not parts["numpy"].works:  # then nothing below could be imported
        from fmnist.text.colours import error_line
        from fmnist.text.tables import printable

        numpy = parts["numpy"]
        reason = (
            f"nothing runs models here, as NumPy {'runs none' if numpy.package else 'does not load'} "
            f"({printable(numpy.error)}): "
            "pip install --force-reinstall numpy, or sudo apt install python3-numpy for the system's Python"
        )
        print(error_line(reason, sys.stderr), file=sys.stderr)
        raise typer.Exit(1)

    from fmnist.cli.output import show
    from fmnist.devices.doctor.diagnosis import examination_text, examine

    examination = examine(parts)
    show(examination_text(examination), "doctor", examination, json)
