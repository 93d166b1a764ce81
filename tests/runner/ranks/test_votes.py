"""The votes of the ranks of one program, and its end if one of them is lost."""

import subprocess
import sys
import textwrap
import threading
import time

import pytest

from bohb.runner.ranks.votes import VoteLeader, VoteMember

PROGRAM = """
    import os, sys, threading
    from bohb.runner.ranks.votes import VoteLeader, VoteMember
    leader = VoteLeader(2, patience=0.1)
    if os.fork() == 0:
        member = VoteMember(leader.address, 1)
        {member}
        threading.Event().wait()
    {leader}
    threading.Event().wait(60)
"""


def test_every_round_has_one_vote_of_each_rank_in_order() -> None:
    leader = VoteLeader(4, patience=600.0)
    members = [VoteMember(leader.address, rank) for rank in (3, 1, 2)]
    for round_number in range(3):
        leader.begin(60.0)
        for member in members:
            member.vote(round_number, has_failed=False)
        assert leader.collect(own_failed=False) == [(rank, round_number) for rank in (1, 2, 3)]
    leader.finish()
    closing = threading.Thread(target=leader.close)
    closing.start()
    for member in members:
        member.close()
    closing.join(60)
    assert not closing.is_alive()


def test_a_leader_that_ends_at_once_waits_for_ranks_that_have_yet_to_connect() -> None:
    leader = VoteLeader(3, patience=600.0)
    leader.finish()
    closing = threading.Thread(target=leader.close)
    closing.start()
    for rank in (1, 2):
        time.sleep(0.1)
        assert closing.is_alive()
        VoteMember(leader.address, rank).close()
    closing.join(600)
    assert not closing.is_alive()


def test_a_leader_waits_no_longer_than_its_patience() -> None:
    leader = VoteLeader(2, patience=0.2)
    leader.finish()
    leader.close()


@pytest.mark.parametrize(
    ("member", "leader", "reason"),
    [
        ("os._exit(0)", "", "rank 1 died"),
        ("member.vote(None, has_failed=True)", "", "rank 1 failed"),
        ("", "leader.begin(0.1)", "a trial took longer than 0.1 s"),
    ],
)
def test_the_program_ends_if_a_rank_is_lost_or_hangs(member: str, leader: str, reason: str) -> None:
    code = textwrap.dedent(PROGRAM).format(member=member, leader=leader)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert ended.returncode == 1
    assert f"bohb.runner.spmd: {reason}" in ended.stderr
