"""A disk that is full half way: every library, in one process."""

import json
import subprocess
import sys

import pytest

from napari_mitoseg.io.label_files import label_formats
from napari_mitoseg.io.meshes import mesh_formats
from napari_mitoseg.io.tables import table_formats

# Libraries are loaded before files may only be small: that writes caches.
PROGRAM = """
import json, resource, signal, sys
from pathlib import Path
import h5py, nibabel, nrrd, openpyxl, zarr
import numpy as np
import pyarrow.parquet
from napari_mitoseg.errors import WriteError
from napari_mitoseg.io import write_labels, write_meshes, write_table
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
class Mesh:
    vertices = np.random.default_rng(0).random((3000, 3), np.float32)
    faces = np.arange(6000).reshape(-1, 3) % 3000
labels = np.random.default_rng(0).integers(0, 60_000, (4, 128, 128))
table = {"index": np.arange(20_000), "x": np.random.default_rng(0).random(20_000)}
said = {}
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for ending in sys.argv[2:]:
    path = Path(sys.argv[1]) / f"new{ending}" / f"a{ending}"
    if ending in {".obj", ".ply", ".stl"}:
        write, what = write_meshes, {1: Mesh}
    elif ending in {".csv", ".parquet", ".xlsx"}:
        write, what = write_table, table
    else:
        write, what = write_labels, labels
    try:
        write(path, what)
    except WriteError as error:
        said[ending] = str(error)
    except Exception as error:
        said[ending] = repr(error)
print(json.dumps([said, sorted(path.name for path in Path(sys.argv[1]).iterdir())]))
"""

ENDINGS = [
    *(one.extensions[0] for _, one in label_formats.items()),
    *(one.extensions[0] for _, one in mesh_formats.items()),
    *(one.extensions[0] for _, one in table_formats.items()),
]


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit for files")
def test_nothing_is_left(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), *ENDINGS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said, left = json.loads(done.stdout)
    assert left == []
    assert list(said) == ENDINGS
    for ending, words in said.items():
        assert words.startswith("Cannot write into"), (ending, words)
        assert words.endswith("nothing was written.")
