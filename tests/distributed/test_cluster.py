"""What workers of a dask cluster are told before they begin."""

import platform

from napari_mitoseg.distributed.cluster import _keep_freed_memory


def test_freed_memory_is_kept_wherever_there_is_glibc() -> None:
    assert _keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
