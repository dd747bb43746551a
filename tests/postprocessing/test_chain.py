"""The chain: legal orders, results by hand, cache."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mitoseg.errors import InvalidParameterError, UnknownNameError
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import (
    DEFAULT_CHAIN,
    BoundaryThreshold,
    Chain,
    ChainCache,
    ConnectedComponents,
    RemoveSmall,
    SeededWatershed,
    SeedMap,
    Step,
    Threshold,
    legal_after,
    steps,
)

SPACING = (40.0, 10.0, 10.0)
CHAIN = DEFAULT_CHAIN.removed(0)
"""What the default chain makes of maps alone, without their image."""


def maps_of(semantic, boundary=None):
    semantic = np.array(semantic, np.uint8, ndmin=3)
    if boundary is not None:
        boundary = np.array(boundary, np.uint8, ndmin=3)
    return ProbabilityMaps(semantic, boundary, SPACING)


def two_touching():
    """Two mitochondria with a ridge of boundary between them, and a faint third."""
    semantic = [0, 200, 250, 250, 200, 250, 250, 200, 0, 140, 0]
    boundary = [0, 220, 10, 10, 230, 10, 10, 220, 0, 90, 0]
    return maps_of(semantic, boundary)


KEEP_ALL = RemoveSmall(size=0)


def test_paper_chain_by_hand():
    chain = Chain([Threshold(), SeedMap(), ConnectedComponents()])
    result = drain(chain.run(two_touching()))
    assert result.semantic.ravel().tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0]
    assert result.labels.ravel().tolist() == [0, 0, 1, 1, 0, 2, 2, 0, 0, 0, 0]
    assert result.boundary.sum() == 0


def test_default_chain_by_hand():
    chain = CHAIN.replaced(6, KEEP_ALL)
    result = drain(chain.run(two_touching()))
    labels = result.labels.ravel().tolist()
    assert labels[:4] == [0, 1, 1, 1]
    assert labels[4] in (1, 2)
    assert labels[5:] == [2, 2, 2, 0, 3, 0]
    assert result.boundary.ravel().tolist() == [0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0]
    types = (result.semantic.dtype, result.boundary.dtype, result.labels.dtype)
    assert types == (np.uint8, np.uint8, np.uint32)
    assert result.spacing == SPACING


def test_default_chain_without_boundary_map():
    chain = CHAIN.replaced(3, SeedMap()).replaced(6, KEEP_ALL)
    result = drain(chain.run(maps_of(two_touching().semantic)))
    assert result.boundary.shape == result.labels.shape
    assert not result.boundary.any()
    assert result.labels.max() == 3


def test_one_report_a_step():
    reports = []
    drain(CHAIN.run(two_touching()), reports.append)
    assert [r.done for r in reports] == list(range(1, 8))
    assert {r.total for r in reports} == {7}
    assert reports[0].message == "Threshold"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "must end with labels. Add threshold and connected-components"),
        (["threshold"], "ends with a mask.*Add connected-components"),
        (
            ["seed-map"],
            r"Step 1 of the chain, seed-map, works on a mask, but there is none yet"
            r".*may stand: .*threshold",
        ),
        (
            ["threshold", "seeded-watershed"],
            "Step 2.*works on labels, but threshold leaves a mask.*seed-map",
        ),
        (
            ["threshold", "connected-components", "seeded-watershed"],
            "Step 3.*needs the step seed-map somewhere before it",
        ),
        (
            ["threshold", "connected-components", "median-z"],
            "Step 3.*connected-components leaves labels",
        ),
        (["threshold", "seed-map", "seed-map"], "Step 3.*makes no sense twice"),
        (["threshold", "threshold"], "Step 2.*threshold leaves a mask"),
    ],
)
def test_nonsense_is_refused(names, words):
    with pytest.raises(InvalidParameterError, match=words):
        Chain.parse([{"step": name} for name in names])


def test_unknown_step_and_field():
    with pytest.raises(UnknownNameError, match="mean 'threshold'"):
        Chain.parse([{"step": "treshold"}])
    with pytest.raises(InvalidParameterError, match="Threshold has no setting 'val'"):
        Chain.parse([{"step": "threshold", "val": 0.5}])


def test_json_of_the_default_chain_is_stable():
    written = json.loads(DEFAULT_CHAIN.model_dump_json())
    assert written[0] == {"step": "average-z", "weight": 0.2}
    assert written[1] == {"step": "threshold", "value": 0.5}
    assert written[4] == {"step": "seed-map", "semantic": 0.6, "boundary": 0.8}
    assert Chain.parse(written) == DEFAULT_CHAIN


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_offered_steps_and_only_those_may_be_inserted(data):
    chain = Chain([Threshold(), ConnectedComponents()])
    for _ in range(data.draw(st.integers(0, 6))):
        position = data.draw(st.integers(0, len(chain)))
        offered = chain.legal_next(position)
        for name in set(steps) - set(offered):
            with pytest.raises(InvalidParameterError):
                chain.inserted(position, steps[name]())
        if offered:
            chain = chain.inserted(
                position, steps[data.draw(st.sampled_from(offered))]()
            )
    assert Chain.parse(json.loads(chain.model_dump_json())) == chain


def test_removing_and_moving_are_foreseen():
    for i in range(len(DEFAULT_CHAIN)):
        assert DEFAULT_CHAIN.can_remove(i) == is_legal(DEFAULT_CHAIN.removed, i)
        for j in range(len(DEFAULT_CHAIN)):
            can = DEFAULT_CHAIN.can_move(i, j)
            assert can == is_legal(DEFAULT_CHAIN.moved, i, j)
    assert DEFAULT_CHAIN.can_remove(0)
    assert DEFAULT_CHAIN.can_remove(7)
    assert not DEFAULT_CHAIN.can_remove(1)


def is_legal(edit, *positions):
    try:
        edit(*positions)
    except InvalidParameterError:
        return False
    return True


def test_legal_beginnings():
    first = {"threshold", "boundary-threshold", "median-z", "average-z", "dense-crf"}
    assert set(legal_after([])) == first
    assert "seeded-watershed" not in legal_after([Threshold, ConnectedComponents])
    grown = [Threshold, SeedMap, ConnectedComponents]
    assert "seeded-watershed" in legal_after(grown)
    assert "seeded-watershed" not in legal_after([*grown, SeededWatershed])


class Counter:
    """Counts how often each step really runs."""

    def __init__(self, monkeypatch):
        self.names = []
        for name, step in steps.items():
            monkeypatch.setattr(step, "apply", self.counting(name, step.apply))

    def counting(self, name, apply):
        def counted(step: Step, state):
            self.names.append(name)
            return apply(step, state)

        return counted

    def take(self):
        names, self.names = self.names, []
        return names


@pytest.fixture
def ran(monkeypatch):
    return Counter(monkeypatch)


def run_names():
    return [step.name for step in CHAIN.steps]


def test_cache_reruns_only_what_follows_a_change(ran):
    maps, cache = two_touching(), ChainCache()
    drain(CHAIN.run(maps, cache))
    assert ran.take() == run_names()
    reports = []
    changed = CHAIN.replaced(6, RemoveSmall(size=0.1))
    drain(changed.run(maps, cache), reports.append)
    assert ran.take() == ["remove-small"]
    assert len(reports) == 7
    drain(changed.run(maps, cache))
    assert ran.take() == ["remove-small"], "what the last step made is not kept"
    drain(changed.replaced(3, SeedMap(semantic=0.99)).run(maps, cache))
    assert ran.take() == run_names()[3:]
    drain(changed.run(two_touching(), cache))
    assert ran.take() == run_names()


def test_steps_that_would_read_the_same_are_not_repeated(ran):
    maps, cache = two_touching(), ChainCache()
    drain(CHAIN.run(maps, cache))
    ran.take()
    drain(CHAIN.replaced(0, Threshold(value=0.6)).run(maps, cache))
    same = {"boundary-threshold", "connected-components"}
    assert ran.take() == [name for name in run_names() if name not in same]
    drain(CHAIN.replaced(0, Threshold(value=0.99)).run(maps, cache))
    assert "connected-components" in ran.take(), "there are other seeds now"
    drain(CHAIN.replaced(1, BoundaryThreshold(value=0.1)).run(maps, cache))
    assert "boundary-threshold" in ran.take()


def test_cached_runs_equal_fresh_ones():
    maps, cache = two_touching(), ChainCache()
    for value in (0.5, 0.9, 0.5, 0.2):
        for size in (0.0, 1e-5):
            chain = CHAIN.replaced(0, Threshold(value=value))
            chain = chain.replaced(6, RemoveSmall(size=size))
            cached, fresh = drain(chain.run(maps, cache)), drain(chain.run(maps))
            np.testing.assert_array_equal(cached.labels, fresh.labels)
            np.testing.assert_array_equal(cached.semantic, fresh.semantic)
            np.testing.assert_array_equal(cached.boundary, fresh.boundary)


def test_cache_survives_a_run_that_stops_halfway(ran):
    maps, cache = two_touching(), ChainCache()
    job = CHAIN.run(maps, cache)
    next(job)
    next(job)
    job.close()
    ran.take()
    drain(CHAIN.run(maps, cache))
    assert ran.take() == run_names()[2:]


def test_cache_keeps_within_its_bytes_but_for_the_last_steps(ran):
    maps, cache = two_touching(), ChainCache(max_bytes=0)
    drain(CHAIN.run(maps, cache))
    ran.take()
    small = cache.n_bytes
    drain(CHAIN.replaced(6, RemoveSmall(size=0.1)).run(maps, cache))
    assert ran.take() == ["remove-small"]
    drain(CHAIN.replaced(4, ConnectedComponents(connectivity=6)).run(maps, cache))
    assert ran.take() == run_names()
    roomy = ChainCache()
    drain(CHAIN.run(maps, roomy))
    assert small < roomy.n_bytes
    roomy.clear()
    assert roomy.n_bytes == 0


def test_a_cached_result_cannot_spoil_the_cache():
    maps, cache = two_touching(), ChainCache()
    result = drain(CHAIN.run(maps, cache))
    for array in (result.semantic, result.boundary, result.labels):
        if array.any():
            with pytest.raises(ValueError, match="read-only"):
                array[0, 0, 0] = 1


def test_labels_have_no_gaps_and_follow_the_scan():
    semantic = np.zeros((3, 20, 20), np.uint8)
    semantic[0, ::4, ::4] = semantic[2, ::4, ::4] = 255
    chain = Chain([Threshold(), ConnectedComponents()])
    labels = drain(chain.run(maps_of(semantic))).labels
    assert labels[labels > 0].tolist() == list(range(1, 51))
