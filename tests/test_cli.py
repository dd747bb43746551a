"""The command line as people and scripts call it."""

import csv
import errno
import json
import subprocess
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mitoseg import cli
from napari_mitoseg.cli.app import PIPE_CLOSED
from napari_mitoseg.io import read_labels
from napari_mitoseg.io.read import labels_origin
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.zoo import TrainedModel, find_model, read_card
from napari_mitoseg.pipeline import run_recipe
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region, Volume

Command = Callable[..., tuple[int, str, str]]

TIFF_OUTPUT = {
    "semantic.tif",
    "boundary.tif",
    "instances.tif",
    "measurements.csv",
    "recipe.json",
}
SPACING = "40,16,16"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command; return exit status, standard output and standard error."""

    def call(*tokens: object) -> tuple[int, str, str]:
        status = 0
        try:
            cli.main([str(token) for token in tokens])
        except SystemExit as stop:
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def image_file(stack: Volume, tmp_path: Path) -> Path:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, stack.read())
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results" / "first"


@pytest.fixture
def two_channels(image_file: Path, tmp_path: Path) -> Path:
    """The image as the second channel; the first is constant."""
    image = tifffile.imread(image_file)
    path = tmp_path / "two.tif"
    both = np.stack([np.full_like(image, 9), image], axis=1)
    tifffile.imwrite(path, both, imagej=True, metadata={"axes": "ZCYX"})
    return path


@pytest.fixture
def segment(run: Command, image_file: Path, model_folder: Path, out: Path) -> Command:
    """Segment the image with the small model; more options may be given."""

    def call(*more: object) -> tuple[int, str, str]:
        options = {"--spacing": SPACING, "--model": model_folder, "--out": out}
        options |= dict(zip(more[::2], more[1::2], strict=True))
        return run("segment", image_file, *chain.from_iterable(options.items()))

    return call


def test_segment_writes_the_promised_files(
    segment: Command, out: Path, stack: Volume
) -> None:
    status, said, _ = segment()
    assert status == 0
    assert {path.name for path in out.iterdir()} == TIFF_OUTPUT
    semantic = tifffile.imread(out / "semantic.tif")
    boundary = tifffile.imread(out / "boundary.tif")
    instances = tifffile.imread(out / "instances.tif")
    assert semantic.shape == boundary.shape == instances.shape == stack.shape
    assert semantic.dtype == boundary.dtype == np.uint8
    assert instances.dtype == np.uint32
    assert set(np.unique(semantic)) <= {0, 1}
    assert set(np.unique(boundary)) <= {0, 1}
    n = int(instances.max())
    word = "mitochondrion" if n == 1 else "mitochondria"
    assert said.startswith(f"{n} {word} in image")
    assert read_labels(out / "instances.tif").spacing == (40.0, 16.0, 16.0)


@pytest.mark.parametrize("kind", ["tiff", "zarr"])
def test_a_region_is_segmented_as_by_the_job(
    segment: Command,
    out: Path,
    stack: Volume,
    tiny_model: TrainedModel,
    kind: str,
) -> None:
    status, said, _ = segment("--region", "2:6,:,17:100", "--format", kind)
    assert status == 0
    assert "in 2:6,:,17:100 of image, written to" in said
    region = Region((2, 0, 17), (6, 128, 100))
    result = drain(run_recipe(stack, Recipe(), region=region, model=tiny_model))
    name = "instances.tif" if kind == "tiff" else "result.ome.zarr"
    found = read_labels(out / name)
    np.testing.assert_array_equal(found.read(), result.segmentation.labels)
    placed = (0, 0, 0) if kind == "tiff" else region.start
    assert labels_origin(out / name) == placed


def test_the_table_has_a_row_for_every_instance(segment: Command, out: Path) -> None:
    segment()
    with (out / "measurements.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    instances = tifffile.imread(out / "instances.tif")
    numbers, counts = np.unique(instances[instances > 0], return_counts=True)
    assert [int(row["index"]) for row in rows] == numbers.tolist()
    assert [int(row["n_voxels"]) for row in rows] == counts.tolist()
    assert rows
    assert all(0.5 < float(row["mean_probability"]) <= 1 for row in rows)


def test_a_replayed_recipe_gives_the_same_bytes(
    segment: Command, run: Command, image_file: Path, out: Path, tmp_path: Path
) -> None:
    segment()
    again = tmp_path / "again"
    recipe = ("--recipe", out / "recipe.json")
    status, _, _ = run(
        "segment", image_file, "--out", again, *recipe, "--spacing", SPACING
    )
    assert status == 0
    for name in TIFF_OUTPUT:
        assert (again / name).read_bytes() == (out / name).read_bytes(), name


def test_zarr_output_holds_the_same_labels(segment: Command, out: Path) -> None:
    segment()
    instances = tifffile.imread(out / "instances.tif")
    status, _, _ = segment("--format", "zarr")
    assert status == 0
    assert (out / "result.ome.zarr").is_dir()
    labels = read_labels(out / "result.ome.zarr" / "labels" / "instances")
    assert np.array_equal(labels.read(), instances)
    assert labels.spacing == (40.0, 16.0, 16.0)


def test_a_channel_is_chosen_by_number(
    segment: Command, run: Command, two_channels: Path, model_folder: Path, out: Path
) -> None:
    segment()
    other = out.with_name("channel")
    options = ("--spacing", SPACING, "--model", model_folder, "--channel", 1)
    status, _, _ = run("segment", two_channels, "--out", other, *options)
    assert status == 0
    one, two = (folder / "semantic.tif" for folder in (out, other))
    assert np.array_equal(tifffile.imread(one), tifffile.imread(two))


def test_every_command_that_reads_a_stack_can_be_told_the_channel(
    run: Command, two_channels: Path, labels_file: Path, annotation_file: Path,
    out: Path,
) -> None:  # fmt: skip
    commands = (
        ("train", two_channels, labels_file),
        ("train-sparse", two_channels, annotation_file),
        ("fine-tune", two_channels, annotation_file, "--model", "fast"),
        ("train-interpolation", two_channels),
        ("measure", two_channels),
    )
    for command in commands:
        status, _, said = run(*command, "--out", out / "a.csv", "--channel", 2)
        assert status == 2, command
        assert "channel=2 was asked of two.tif, which has 2" in said, command
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", "nonsense"), "no model called 'nonsense'"),
        (("--spacing", "40,16"), "three numbers above zero"),
        (("--spacing", "40,sixteen,16"), "three numbers above zero"),
        (("--spacing", "40,0,16"), "three numbers above zero"),
        (("--region", "2:4"), "given as '2:4', for a volume of shape (8, 128, 128)"),
        (("--region", "2:9,:,:"), "0:8,0:128,0:128 is all of it"),
        (("--recipe", "missing.json"), "missing.json"),
        (("--device", "tpu"), "auto"),
        (("--augmentation", "3"), "augmentation"),
        (("--format", "png"), "tiff"),
        (("--memory", "inf"), "100000"),
        (("--nonsense", "1"), "--nonsense"),
    ],
)
def test_bad_options_end_with_one_line_and_no_output(
    segment: Command, out: Path, options: tuple[str, str], words: str
) -> None:
    status, said, error = segment(*options)
    assert status == 2
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert not said
    assert not out.parent.exists()


def write_constant(path: Path) -> None:
    tifffile.imwrite(path, np.full((5, 64, 64), 7, np.uint8))


def write_nan(path: Path) -> None:
    grey = np.random.default_rng(0).random((5, 64, 64), dtype=np.float32)
    grey[1, 5, 5] = np.nan
    tifffile.imwrite(path, grey)


def write_mask(path: Path) -> None:
    mask = np.zeros((5, 64, 64), np.uint8)
    mask[:, 20:40, 20:40] = 1
    tifffile.imwrite(path, mask)


def write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def write_colours(path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), np.uint8)
    tifffile.imwrite(path, grey, photometric="rgb")


def write_truncated(path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (5, 64, 64), np.uint8)
    tifffile.imwrite(path, grey)
    path.write_bytes(path.read_bytes()[:9000])


def make_empty_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    "make",
    [
        write_constant,
        write_nan,
        write_mask,
        write_nothing,
        write_colours,
        write_truncated,
        make_empty_folder,
        lambda _path: None,
    ],
)
def test_bad_input_ends_with_one_line_and_no_output(
    run: Command,
    make: Callable[[Path], None],
    model_folder: Path,
    tmp_path: Path,
    out: Path,
) -> None:
    path = tmp_path / "bad.tif"
    make(path)
    options = ("--spacing", SPACING, "--model", model_folder, "--out", out)
    status, said, error = run("segment", path, *options)
    assert status == 2
    assert "bad" in error
    assert len(error.strip().splitlines()) == 1
    assert not said
    assert not out.parent.exists()


def test_missing_spacing_is_asked_for(
    run: Command, image_file: Path, model_folder: Path, out: Path
) -> None:
    status, _, error = run("segment", image_file, "--model", model_folder, "--out", out)
    assert status == 2
    assert "spacing" in error
    assert not out.exists()


def test_corrupt_weights_are_said(
    run: Command, image_file: Path, model_folder: Path, tmp_path: Path, out: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in model_folder.iterdir():
        content = path.read_bytes()
        (broken / path.name).write_bytes(content.replace(b"\x3f", b"\x40"))
    (broken / "model.json").write_bytes((model_folder / "model.json").read_bytes())
    options = ("--spacing", SPACING, "--model", broken, "--out", out)
    status, _, error = run("segment", image_file, *options)
    assert status == 2
    assert "damaged" in error
    assert not out.exists()


def test_a_full_disk_leaves_nothing_half_written(
    segment: Command, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("napari_mitoseg.outputs.write_table_csv", refuse)
    status, _, error = segment()
    assert status == 2
    assert "No space left on device" in error
    assert not out.parent.exists()


def test_evaluate_prints_every_score(run: Command, tmp_path: Path) -> None:
    truth = np.zeros((1, 6, 6), np.uint8)
    truth[0, :2, :2] = 1
    prediction = np.zeros((1, 6, 6), np.uint8)
    prediction[0, :2, :3] = 1
    for name, mask in [("truth.tif", truth), ("prediction.tif", prediction)]:
        tifffile.imwrite(tmp_path / name, mask)
    pair = (tmp_path / "prediction.tif", tmp_path / "truth.tif")
    status, said, _ = run("evaluate", *pair, "--json", "--instances")
    scores = json.loads(said)
    assert status == 0
    assert scores["foreground_iou"] == pytest.approx(4 / 6)
    assert scores["dice"] == pytest.approx(8 / 10)
    assert scores["n_predicted"] == scores["n_true"] == 1
    assert scores["f1@0.5"] == 1
    assert scores["f1@0.75"] == 0
    status, said, _ = run("evaluate", *pair)
    assert status == 0
    assert "foreground_iou" in said
    assert "0.6667" in said


def test_evaluate_writes_the_errors(run: Command, tmp_path: Path) -> None:
    truth, prediction = np.zeros((2, 1, 5, 6), np.uint16)
    truth[0, 1:3, 1:4] = 7
    prediction[0, 1:3, 1:4], prediction[0, 4] = 3, 9
    sure = np.where(prediction == 9, 200, 100).astype(np.uint8)
    files = {"truth": truth, "prediction": prediction, "sure": sure}
    for name, array in files.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", array)
    pair = (tmp_path / "prediction.tif", tmp_path / "truth.tif")
    out = tmp_path / "errors"
    options = ("--errors", out, "--probability", tmp_path / "sure.tif", "--json")
    status, said, _ = run("evaluate", *pair, *options)
    assert status == 0
    scores = json.loads(said)
    # The made-up object is the surer one: precision 1/2 at every recall.
    assert scores["ap75"] == pytest.approx(1 / 2)
    assert scores["ap75_large"] is None
    assert (scores["n_matched"], scores["n_spurious"]) == (1, 1)
    assert json.loads((out / "scores.json").read_text()) == scores
    painted = tifffile.imread(out / "errors.tif")[None]
    assert painted.tolist() == ((prediction == 3) + 3 * (prediction == 9)).tolist()
    with (out / "errors.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["side"], row["index"], row["class"]) for row in rows] == [
        ("truth", "7", "matched"),
        ("prediction", "3", "matched"),
        ("prediction", "9", "spurious"),
    ]
    assert (rows[0]["partners"], rows[0]["centroid_x"]) == ("3", "2.0")
    status, said, _ = run("evaluate", *pair, "--instances")
    assert status == 0
    assert ["ap75_large", "-"] in [line.split() for line in said.splitlines()]


def test_evaluate_takes_the_parts_of_a_mask_for_instances(
    run: Command, tmp_path: Path
) -> None:
    truth = np.zeros((1, 5, 6), np.uint8)
    truth[0, :2], truth[0, 3:] = 1, 1
    found = np.where(truth, np.arange(1, 6)[:, None] // 3 + 5, 0).astype(np.uint8)
    for name, array in (("truth", truth), ("found", found)):
        tifffile.imwrite(tmp_path / f"{name}.tif", array)
    pair = (tmp_path / "found.tif", tmp_path / "truth.tif", "--json", "--instances")
    status, said, error = run("evaluate", *pair)
    assert status == 0
    assert "truth is a mask" in error
    assert (json.loads(said)["n_true"], json.loads(said)["ap75"]) == (2, 1)
    _, said, error = run("evaluate", *pair, "--labels", "instances")
    assert (json.loads(said)["n_true"], error) == (1, "")


def test_an_image_given_as_labels_is_refused(
    run: Command, image_file: Path, tmp_path: Path, stack: Volume
) -> None:
    mask = tmp_path / "mask.tif"
    tifffile.imwrite(mask, (stack.read() > stack.read().mean()).astype(np.uint8))
    options = ("--model", "fast", "--spacing", SPACING, "--out", tmp_path / "model")
    for command in (
        ("evaluate", mask, image_file),
        ("train", image_file, image_file, *options),
    ):
        status, _, error = run(*command)
        assert (status, "looks like an image" in error) == (2, True)


def test_evaluate_with_bad_files_writes_nothing(run: Command, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.eye(4, dtype=np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.eye(5, dtype=np.uint8))
    pair, out = (tmp_path / "a.tif", tmp_path / "a.tif"), tmp_path / "out"
    for options in (
        ("evaluate", tmp_path / "a.tif", tmp_path / "b.tif", "--errors", out),
        ("evaluate", *pair, "--errors", out, "--probability", tmp_path / "b.tif"),
        ("evaluate", tmp_path / "none.tif", tmp_path / "a.tif", "--errors", out),
    ):
        status, said, error = run(*options)
        assert (status, said, len(error.splitlines())) == (2, "", 1)
        assert not out.exists()


def test_evaluate_refuses_other_shapes(run: Command, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.eye(4, dtype=np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.eye(5, dtype=np.uint8))
    status, _, error = run("evaluate", tmp_path / "a.tif", tmp_path / "b.tif")
    assert status == 2
    assert "shape" in error


def test_a_folder_that_cannot_be_written_is_said_before_the_network_runs(
    segment: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    monkeypatch.setattr("napari_mitoseg.pipeline.run_recipe", pytest.fail)
    status, _, error = segment("--out", tmp_path / "file")
    assert status == 2
    assert "Cannot write into" in error


def test_an_interrupted_command_says_what_can_be_done(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_mitoseg.models.zoo.list_models", interrupt)
    status, _, error = run("models")
    assert status == 130
    assert "--resume" in error


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "napari_mitoseg", "models"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == PIPE_CLOSED


def test_models_lists_spacing_licence_scores_and_place(run: Command) -> None:
    status, said, _ = run("models")
    assert status == 0
    for word in ("fast", "spacing", "licence", "cite", "weights", "nm", "IoU"):
        assert word in said
    card = read_card(find_model("fast"))
    for known in (*card.scores, *card.data, *card.limits):
        assert str(known) in said
    assert "seen in training: never" in said


def test_models_lists_every_network_with_what_to_cite(run: Command) -> None:
    _, said, _ = run("models")
    _, _, networks = said.partition("Networks: napari-mitoseg train")
    lines = networks.splitlines()
    for name in architectures:
        assert name in lines
        for cited in architectures[name].citation:
            assert f"  cite      {cited}" in lines


def test_the_default_recipe_is_written_out(segment: Command, out: Path) -> None:
    segment("--augmentation", 4)
    recipe = Recipe.load(out / "recipe.json")
    assert recipe.inference.augmentation == 4
    assert recipe.postprocessing == Recipe().postprocessing
    assert len(recipe.weights_sha256) == 64


@pytest.fixture
def annotation_file(image_file: Path, tmp_path: Path) -> Path:
    labels = np.zeros(tifffile.imread(image_file).shape, np.uint8)
    labels[0] = 1
    labels[0, 10:20, 10:20] = 2
    path = tmp_path / "annotation.tif"
    tifffile.imwrite(path, labels)
    return path


TRAINED = {
    "model.json",
    "weights.safetensors",
    "coarse.tif",
    "filtered.tif",
    "probability.tif",
    "semantic.tif",
}


def test_training_from_one_slice_writes_a_model_and_the_stack(
    run: Command, image_file: Path, annotation_file: Path, model_folder: Path, out: Path
) -> None:
    status, said, _ = run(
        "train-sparse", image_file, annotation_file, "--out", out, "--spacing", SPACING,
        "--start", model_folder, "--minutes", 0.02, "--device", "cpu",
    )  # fmt: skip
    assert status == 0
    assert {path.name for path in out.iterdir()} == TRAINED
    assert str(out) in said
    semantic = read_labels(out / "semantic.tif").read()
    assert (semantic[0, 10:20, 10:20] == 1).all()
    assert semantic[0].sum() == 100


def test_fine_tuning_writes_the_same(
    run: Command, image_file: Path, annotation_file: Path, model_folder: Path, out: Path
) -> None:
    status, _, _ = run(
        "fine-tune", image_file, annotation_file, "--model", model_folder, "--out", out,
        "--spacing", SPACING, "--minutes", 0.02, "--device", "cpu",
    )  # fmt: skip
    assert status == 0
    assert {path.name for path in out.iterdir()} == TRAINED


def test_an_annotation_that_does_not_fit_leaves_nothing(
    run: Command, image_file: Path, tmp_path: Path, out: Path
) -> None:
    path = tmp_path / "small.tif"
    tifffile.imwrite(path, np.ones((1, 8, 9), np.uint8))
    status, _, said = run("train-sparse", image_file, path, "--out", out)
    assert status == 2
    assert "has shape (1, 8, 9), the image" in said
    assert not out.exists()


@pytest.fixture
def labels_file(image_file: Path, tmp_path: Path) -> Path:
    labels = np.zeros(tifffile.imread(image_file).shape, np.uint8)
    labels[:, 10:30, 10:30] = 1
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, labels)
    return path


SMALL = (
    "--model", "fast", "--config", '{"widths": [4, 6]}', "--device", "cpu",
    "--steps", 2,
)  # fmt: skip


def test_training_on_labels_writes_a_model_with_its_provenance(
    run: Command, image_file: Path, labels_file: Path, out: Path
) -> None:
    pair = (image_file, labels_file)
    status, said, _ = run(
        "train", *pair, "--more", *pair, "--out", out, "--spacing", SPACING, *SMALL,
        "--validation-slices", "1-2", "--seed", 3,
    )  # fmt: skip
    assert status == 0
    assert {path.name for path in out.iterdir()} == {
        "model.json",
        "weights.safetensors",
    }
    assert said.startswith(f"Model written to {out} after 2 steps, IoU 0.")
    assert "Only 2 steps were made" in said
    card = json.loads((out / "model.json").read_text(encoding="utf-8"))
    assert [data.split("), ")[1] for data in card["data"]] == [
        "all slices, but slices 1–2"
    ] * 2
    assert "--seed 3" in card["command"]


@pytest.fixture
def noisy_file(stack: Volume, tmp_path: Path) -> Path:
    """The stack with its slice 4 missing."""
    image = stack.read().copy()
    image[4] = 0
    path = tmp_path / "noisy.tif"
    tifffile.imwrite(path, image)
    return path


@pytest.fixture
def interpolation(run: Command, noisy_file: Path, tmp_path: Path) -> Path:
    """Folder of a network trained on it for a moment."""
    folder = tmp_path / "interpolation"
    status, said, _ = run(
        "train-interpolation", noisy_file, "--out", folder, "--minutes", 0.001,
        "--reach", 2, "--device", "cpu",
    )  # fmt: skip
    assert status == 0
    assert "dB, the mean of the neighbours" in said
    return folder


def test_a_missing_slice_is_proposed_and_restored(
    run: Command, noisy_file: Path, interpolation: Path, tmp_path: Path
) -> None:
    model = ("--model", interpolation, "--device", "cpu")
    loose = ("--threshold", 50)
    status, said, _ = run("noisy-slices", noisy_file, *model, *loose)
    assert status == 0
    assert "slice    4" in said
    assert "Slices proposed: 1" in said
    _, step, _ = run("noisy-slices", noisy_file, *model, *loose, "--json")
    assert json.loads(step)["slices"] == [4]
    assert Recipe.parse({"preprocessing": [json.loads(step)]}).preprocessing.steps

    out = tmp_path / "restored.tif"
    options = (*model, "--out", out, "--spacing", SPACING)
    status, said, _ = run(
        "restore", noisy_file, *options, "--slices", "4", "--box", "2,8,8,40,48"
    )
    assert status == 0
    assert "Restored slices: 1, regions: 1" in said
    before, after = tifffile.imread(noisy_file), tifffile.imread(out)
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    assert after[4].std() > 5
    same = (after == before).all(axis=(1, 2))
    assert np.flatnonzero(~same).tolist() == [2, 4]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--spacing", SPACING), "No network was chosen"),
        (("--spacing", SPACING, "--model", "fats"), "Did you mean 'fast'"),
        (SMALL, "states no spacing"),
        ((*SMALL, "--spacing", "40,16"), "--spacing was given as '40,16'"),
        ((*SMALL, "--spacing", SPACING, "--validation", 2), "validation"),
        ((*SMALL, "--spacing", SPACING, "--model-spacing", "8"), "--model-spacing"),
        ((*SMALL, "--spacing", SPACING, "--validation-slices", "a-b"), "numbers and"),
        (("--spacing", SPACING, "--model", "fast", "--config", "{"), "not JSON"),
        ((*SMALL, "--spacing", SPACING, "--minutes", 0), "minutes"),
        ((*SMALL, "--spacing", SPACING, "--augmentation", "all"), "challenge"),
        ((*SMALL, "--spacing", SPACING, "--augmentation", "[{"), "not JSON"),
        (
            (*SMALL, "--spacing", SPACING, "--augmentation", '[{"step": "flop"}]'),
            "Did you mean 'flip'",
        ),
        ((*SMALL, "--spacing", SPACING, "--preprocessing", "[{"), "not JSON"),
        (
            (*SMALL, "--spacing", SPACING, "--preprocessing", '[{"step": "invent"}]'),
            "Did you mean 'invert'",
        ),
        (
            (*SMALL, "--spacing", SPACING, "--preprocessing", '[{"step": "register"}]'),
            "moves sections",
        ),
    ],
)
def test_bad_options_of_training_end_with_one_line_and_no_output(
    run: Command,
    image_file: Path,
    labels_file: Path,
    out: Path,
    options: tuple[object, ...],
    words: str,
) -> None:
    status, said, error = run("train", image_file, labels_file, "--out", out, *options)
    assert status == 2
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert not said
    assert not out.parent.exists()


def test_augmentations_can_be_given_in_a_file(
    run: Command, image_file: Path, labels_file: Path, tmp_path: Path, out: Path
) -> None:
    chain = [{"step": "rotation", "largest": 20}, {"step": "cut-noise"}]
    path = tmp_path / "chain.json"
    path.write_text(json.dumps(chain), encoding="utf-8")
    status, _, _ = run(
        "train", image_file, labels_file, "--out", out, "--spacing", SPACING, *SMALL,
        "--augmentation", path,
    )  # fmt: skip
    assert status == 0
    card = json.loads((out / "model.json").read_text(encoding="utf-8"))
    assert f"--augmentation '{json.dumps(chain)}'" in card["command"]


def test_images_are_prepared_before_training_as_told(
    run: Command, image_file: Path, labels_file: Path, tmp_path: Path, out: Path
) -> None:
    """Weights differ from those of the images as they are; the card says why."""
    plain, steps = tmp_path / "plain", json.dumps([{"step": "equalize"}])
    common = ("train", image_file, labels_file, "--spacing", SPACING, *SMALL)
    assert run(*common, "--out", plain)[0] == 0
    assert run(*common, "--out", out, "--preprocessing", steps)[0] == 0
    one, other = (
        json.loads((folder / "model.json").read_text(encoding="utf-8"))
        for folder in (plain, out)
    )
    assert one["sha256"] != other["sha256"]
    assert f"--preprocessing '{steps}'" in other["command"]
    assert other["description"].endswith(f"preprocessing {steps}.")
    assert "preprocessing" not in one["command"] + one["description"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda shape: np.zeros(shape, np.uint8), "no mitochondrion"),
        (lambda shape: np.ones(shape[1:], np.uint8), "have shape"),
        (lambda shape: np.full(shape, 0.5, np.float32), "whole numbers"),
    ],
)
def test_labels_that_cannot_be_trained_on_leave_nothing(
    run: Command,
    image_file: Path,
    tmp_path: Path,
    out: Path,
    make: Callable[[tuple[int, ...]], np.ndarray],
    words: str,
) -> None:
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, make(tifffile.imread(image_file).shape))
    status, _, error = run(
        "train", image_file, path, "--out", out, "--spacing", SPACING, *SMALL
    )
    assert status == 2
    assert words in error
    assert not out.parent.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "No slice and no region is marked"),
        (("--slices", "99"), "Slice 99 was asked for"),
        (("--slices", "0"), "no good slice below"),
        (("--box", "1,2,3"), "five whole numbers"),
        (("--box", "1,a,3,4,5"), "five whole numbers"),
    ],
)
def test_what_cannot_be_restored_is_said(
    run: Command,
    noisy_file: Path,
    interpolation: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    words: str,
) -> None:
    out = tmp_path / "restored.tif"
    status, _, said = run(
        "restore", noisy_file, "--model", interpolation, "--out", out, *options
    )
    assert status == 2
    assert words in said
    assert not out.exists()


def test_a_folder_without_a_network_is_said(
    run: Command, noisy_file: Path, tmp_path: Path
) -> None:
    status, _, said = run("noisy-slices", noisy_file, "--model", tmp_path)
    assert status == 2
    assert "train-interpolation" in said


@pytest.mark.parametrize(
    "make", [write_constant, write_mask, write_nan, write_truncated]
)
def test_images_that_are_none_are_not_trained_on(
    run: Command,
    make: Callable[[Path], None],
    labels_file: Path,
    tmp_path: Path,
    out: Path,
) -> None:
    path = tmp_path / "bad.tif"
    make(path)
    status, _, error = run(
        "train", path, labels_file, "--out", out, "--spacing", SPACING, *SMALL
    )
    assert status == 2
    assert "bad" in error
    assert not out.parent.exists()
