"""Jobs within jobs."""

from napari_mitoseg.jobs import Progress, drain, relayed


def test_a_relayed_job_reports_in_other_words_and_returns_its_own():
    def part():
        yield Progress(1, 2, "half")
        return "made"

    seen = []
    job = relayed(part(), lambda progress: Progress(progress.done, 10, "whole"))
    assert drain(job, seen.append) == "made"
    assert seen == [Progress(1, 10, "whole")]


def test_closing_a_relayed_job_closes_the_part():
    closed = []

    def part():
        try:
            yield Progress(1, 2)
            yield Progress(2, 2)
        finally:
            closed.append(True)

    job = relayed(part(), lambda progress: progress)
    next(job)
    job.close()
    assert closed == [True]
