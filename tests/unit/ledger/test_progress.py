"""Progress: it never goes back and never beyond the total, even if a shard is done again."""

from support.jobs.ledger_desk import LedgerDesk

from datacenter.ledger import leases
from datacenter.ledger.leases import ShardPlan, Totals
from datacenter.ledger.states import JobState, Step


def test_heartbeats_add_up_over_shards(desk: LedgerDesk) -> None:
    job_id, held = desk.started(2)

    desk.extend(held[0], files=4, size_bytes=400)
    desk.extend(held[1], files=1, size_bytes=100)
    desk.extend(held[0], files=5, size_bytes=500)

    job = desk.job(job_id)
    assert (job.files_done, job.files_total, job.bytes_done, job.bytes_total) == (6, 20, 600, 2000)


def test_a_shard_that_begins_again_counts_only_what_is_new(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    desk.extend(held, files=7, size_bytes=700)
    desk.lose(held)
    again = desk.claim()

    for files, expected in ((2, 7), (7, 7), (9, 9)):
        desk.extend(again, files=files, size_bytes=files * 100)
        assert desk.job(job_id).files_done == expected
    desk.done(again)
    assert desk.job(job_id).files_done == 10


def test_a_finished_job_has_done_all_of_it(desk: LedgerDesk) -> None:
    job_id, finish = desk.finishing(2)

    desk.finished(finish)

    job = desk.job(job_id)
    assert (job.state, job.phase) == (JobState.SUCCESS, "done")
    assert (job.files_done, job.bytes_done) == (job.files_total, job.bytes_total) == (20, 2000)
    assert job.result == {"made": "it"}


def test_totals_that_nobody_knows_stay_unknown(desk: LedgerDesk) -> None:
    job_id = desk.enqueue()
    held = desk.claim()
    totals = Totals(files=None, size_bytes=50)
    desk.run(lambda session: leases.complete_plan(session, held, [ShardPlan(spec={})], totals, "importing"))
    desk.done(desk.claim(), files=3, size_bytes=50)
    desk.finished(desk.claim())

    job = desk.job(job_id)
    assert (job.files_done, job.files_total, job.bytes_done, job.bytes_total) == (3, None, 50, 50)


def test_the_phase_says_what_is_going_on(desk: LedgerDesk) -> None:
    job_id = desk.enqueue()
    phases = [desk.job(job_id).phase]
    plan = desk.claim()
    phases.append(desk.job(job_id).phase)
    desk.planned(plan, 1)
    phases.append(desk.job(job_id).phase)
    desk.done(desk.claim())
    desk.claim()
    phases.append(desk.job(job_id).phase)

    assert phases == ["waiting", "planning", "working", "finishing"]


def test_a_finish_may_ask_for_more_shards_and_runs_again_after_them(desk: LedgerDesk) -> None:
    job_id, finish = desk.finishing(2)
    wave = [ShardPlan(spec={"part": 1}), ShardPlan(spec={"part": 2})]

    desk.run(lambda session: leases.complete_wave(session, finish, wave))

    more = [desk.claim(), desk.claim()]
    assert [held.number for held in more] == [3, 4]
    assert desk.job(job_id).open_shards == 2
    for held in more:
        desk.done(held, files=0, size_bytes=0)
    again = desk.claim()
    assert (again.step, again.number) == (Step.FINISH, 1)


def test_the_last_shard_commits_the_finish(desk: LedgerDesk) -> None:
    job_id, held = desk.started(2)
    desk.done(held[1])
    assert desk.claim_any() is None

    desk.done(held[0])

    assert [shard.step for shard in desk.shards(job_id)] == [Step.PLAN, Step.RUN, Step.RUN, Step.FINISH]
    assert desk.claim().step == Step.FINISH
