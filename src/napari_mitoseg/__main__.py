"""Run the command line as ``python -m napari_mitoseg``."""

from napari_mitoseg.cli import main

if __name__ == "__main__":
    main()
