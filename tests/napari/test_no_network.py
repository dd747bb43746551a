"""Nothing goes over the network unless the user asks for it."""

import subprocess
import sys

FORBID = """
import sys

ASKING = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
TALKING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
LOOPBACK = ("127.", "::1")

def watch(event, arguments):
    if event in ASKING or event == "urllib.Request":
        raise SystemExit(f"NETWORK {event} {arguments}")
    if event in TALKING and isinstance(arguments[1], tuple):
        # Python's own event loop talks to itself this way on Windows.
        if not str(arguments[1][0]).startswith(LOOPBACK):
            raise SystemExit(f"NETWORK {event} {arguments}")

sys.addaudithook(watch)
"""

SEGMENT = """
import napari_mitoseg
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.zoo import list_models
from napari_mitoseg.pipeline import run_recipe
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.samples import synthetic_em

assert list_models()
image, _ = synthetic_em((2, 96, 96), (40.0, 16.0, 16.0), 0)
result = drain(run_recipe(image, Recipe()))
print("DONE", result.segmentation.labels.shape)
"""

WIDGETS = """
from importlib import import_module
from importlib.resources import files

from napari.components import ViewerModel
from npe2 import PluginManifest
from qtpy.QtWidgets import QApplication

application = QApplication([])
manifest = PluginManifest.from_file(files("napari_mitoseg") / "napari.yaml")
commands = {c.id: c.python_name for c in manifest.contributions.commands}
for offer in manifest.contributions.widgets:
    module, _, name = commands[offer.command].partition(":")
    widget = getattr(import_module(module), name)(ViewerModel())
    widget.show()
    application.processEvents()
    widget.close()
print("DONE", len(manifest.contributions.widgets))
"""


def run_without_network(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORBID + program],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_watch_notices_a_connection() -> None:
    program = 'import socket; socket.create_connection(("192.0.2.1", 9), 0.1)'
    assert "NETWORK socket.getaddrinfo" in run_without_network(program)
    program = 'import socket; socket.socket().connect(("192.0.2.1", 9))'
    assert "NETWORK socket.connect" in run_without_network(program)


def test_segmenting_asks_nobody() -> None:
    assert "DONE (2, 96, 96)" in run_without_network(SEGMENT)


def test_opening_the_widgets_asks_nobody() -> None:
    assert "DONE 8" in run_without_network(WIDGETS)
