"""Files that are damaged, foreign, newer or hostile: a clear error in a short time, and never another study."""

import json
import os
import random
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

import bohb
from bohb.errors import BohbError, StudyCorrupt, StudyMismatch, StudyUnavailable, StudyVersion
from bohb.study import quick_tell
from bohb.study.stores import header
from bohb.study.stores.rows import Row, _digest, checksum, read_facts, seal, verify
from bohb.study.stores.sqlite import CREATE_TABLE, SQLiteLog
from tests.study.common import loss_of, open_new, rows_of

REFUSED = (StudyCorrupt, StudyMismatch, StudyVersion)
NO_WAY = 77
"""The exit code of a child that cannot reach the folder of the test."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study of 30 trials, and its state."""
    target = tmp_path_factory.mktemp("whole") / "s.db"
    with open_new(target) as study:
        for _ in range(30):
            trial = study.ask(lease=60)
            study.tell(trial, loss_of(trial), checkpoint="c", info={"text": "\u20ac"})
        study.ask()
    return target


@pytest.fixture
def scratch(tmp_path):
    """A folder in memory where there is one: thousands of files are written here."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


def mutated(content, rng):
    """One accident: bytes flipped, zeroed, removed, inserted, swapped, repeated, or the end cut off."""
    data, place, num = bytearray(content), rng.randrange(len(content)), rng.randint(1, 64)
    other = rng.randrange(len(content))
    match rng.randrange(8):
        case 0:
            data[place] ^= 1 << rng.randrange(8)
        case 1:
            data[place] = rng.randrange(256)
        case 2:
            data[place : place + num] = bytes(len(data[place : place + num]))
        case 3:
            del data[place : place + num]
        case 4:
            data[place:place] = rng.randbytes(num)
        case 5:
            data[place : place + num], data[other : other + num] = data[other : other + num], data[place : place + num]
        case 6:
            page = place // 4096 * 4096
            data[page : page + 4096] = data[other // 4096 * 4096 :][:4096]
        case 7:
            del data[place:]
    return bytes(data)


def companions(target):
    return [target.with_name(f"{target.name}-wal"), target.with_name(f"{target.name}-shm")]


def rows_or_refusal(target):
    """All verified rows of a file, or the error; this is what opening reads, without the cost of a space."""
    log = SQLiteLog(str(target))
    try:
        with log.transaction(write=False) as moment:
            rows = list(log.read_after(0))
            header.read_header(rows[0])
            check = checksum(rows[0])
            for number, row in enumerate(rows[1:], 2):
                check = verify(row, number, check)
            return rows if moment.last == rows[-1] else StudyCorrupt("the last row is not the last")
    except BohbError as error:
        return error
    finally:
        log.close()


@pytest.mark.parametrize("num", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_mutated_files_are_read_unchanged_or_refused(whole, scratch, num):
    """What opens has every event to the last bit; the rest is one of three errors. A control: many are refused."""
    content, expected, target = whole.read_bytes(), rows_of(whole), scratch / "m.db"
    rng, num_refused, slowest = random.Random(0), 0, 0.0
    for _ in range(num):
        data = mutated(content, rng)
        target.write_bytes(data)
        started = time.process_time()
        found = rows_or_refusal(target) if data else StudyCorrupt("")
        slowest = max(slowest, time.process_time() - started)
        if isinstance(found, list):
            assert found == expected
        else:
            assert isinstance(found, REFUSED), repr(found)
            num_refused += 1
    assert num_refused > num / 4
    assert slowest < 10.0


def test_mutated_files_open_unchanged_or_not_at_all(whole, scratch):
    """The same with the whole of a study; and a refused file is left as it is."""
    content, target = whole.read_bytes(), scratch / "m.db"
    with bohb.Study.open(whole) as study:
        expected = study.to_state()
    rng = random.Random(1)
    for _ in range(400):
        data = mutated(content, rng)
        target.write_bytes(data)
        try:
            with bohb.Study.open(target, lease=60) as study:
                assert study.to_state() == expected
        except REFUSED:
            assert target.read_bytes() == data
        for companion in companions(target):
            companion.unlink(missing_ok=True)


def test_a_quick_tell_does_not_spread_damage(whole, scratch):
    """A quick tell reads little. The damage that it does not see is refused when the study is opened."""
    content, target = whole.read_bytes(), scratch / "m.db"
    expected, rng = rows_of(whole), random.Random(2)
    for _ in range(1000):
        target.write_bytes(mutated(content, rng) or b"x")
        try:
            quick_tell.tell(target, 30, 0.5)
        except REFUSED:
            continue
        found = rows_or_refusal(target)
        assert isinstance(found, REFUSED) or found[:-1] == expected


def test_a_file_cut_anywhere_is_refused(whole, tmp_path):
    content, target = whole.read_bytes(), tmp_path / "t.db"
    for length in range(0, len(content), 97):
        target.write_bytes(content[:length])
        with pytest.raises(REFUSED):
            bohb.Study.open(target)


def test_a_damaged_companion_is_not_believed(scratch):
    """SQLite leaves out damaged parts of the write-ahead file: at most the latest events are missing."""
    target = scratch / "s.db"
    study = open_new(target)
    for _ in range(10):
        study.tell(trial := study.ask(), loss_of(trial))
    expected, rng = rows_of(target), random.Random(3)
    wal, content = (scratch / "s.db-wal").read_bytes(), target.read_bytes()
    for number in range(1000):
        copy = scratch / f"c{number}.db"
        copy.write_bytes(content)
        (scratch / f"c{number}.db-wal").write_bytes(mutated(wal, rng))
        found = rows_or_refusal(copy)
        assert isinstance(found, REFUSED) or found == expected[: len(found)]
    study.close()


@pytest.mark.parametrize("column", ["kind", "payload", "at", "seq", "delete", "swap", "insert"])
def test_a_changed_row_is_found(whole, tmp_path, column):
    """Each column of each row is under the checksum, and so is the order."""
    for number in (1, 2, 17, 60):
        target = tmp_path / f"{number}.db"
        shutil.copy(whole, target)
        with closing(sqlite3.connect(target)) as connection, connection:
            change = {
                "kind": "UPDATE bohb_events SET kind = 'forgotten' WHERE seq = ?1",
                "payload": "UPDATE bohb_events SET payload = replace(payload, '1', '2') WHERE seq = ?1",
                "at": "UPDATE bohb_events SET at = at + 1e-3 WHERE seq = ?1",
                "seq": "UPDATE bohb_events SET seq = 1000 WHERE seq = ?1",
                "delete": "DELETE FROM bohb_events WHERE seq = ?1",
                "swap": "UPDATE bohb_events AS a SET payload = (SELECT payload FROM bohb_events WHERE seq = a.seq + 1) "
                "WHERE seq = ?1",
                "insert": "INSERT INTO bohb_events SELECT 1000 + seq, kind, payload, at FROM bohb_events "
                "WHERE seq = ?1",
            }[column]
            connection.execute(change, (number,))
        with pytest.raises(REFUSED):
            bohb.Study.open(target)


def test_the_last_events_cannot_vanish(whole, tmp_path):
    target = tmp_path / "s.db"
    shutil.copy(whole, target)
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute("DELETE FROM bohb_events WHERE seq > 20")
    with pytest.raises(StudyCorrupt, match="events"):
        bohb.Study.open(target)
    with pytest.raises(StudyCorrupt, match="events"):
        quick_tell.tell(target, 1, 0.5)


# Things that are no study.


def foreign(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE trials (id INTEGER)")


def look_alike(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bohb_events (a, b)")


def with_trigger(path):
    open_new(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON bohb_events BEGIN DELETE FROM bohb_events; END")


def no_tables(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version = 7")


def linked(path):
    open_new(path.with_name("real.db")).close()
    path.symlink_to(path.with_name("real.db"))


THINGS = {
    "directory": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "empty file": lambda path: path.touch(),
    "text": lambda path: path.write_text("hello\n" * 1000),
    "JSON lines": lambda path: path.write_text('{"op": "create"}\n'),
    "zeros": lambda path: path.write_bytes(bytes(8192)),
    "link to a study": linked,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "foreign database": foreign,
    "look-alike": look_alike,
    "trigger": with_trigger,
    "no tables": no_tables,
}


@pytest.mark.parametrize("way", ["open", "create", "tell"])
@pytest.mark.parametrize("thing", THINGS)
def test_other_files_are_refused(tmp_path, thing, way):
    """On resuming, creating and telling; and the file is left alone."""
    path = tmp_path / "s.db"
    THINGS[thing](path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(REFUSED):
        {"open": bohb.Study.open, "create": open_new, "tell": lambda path: quick_tell.tell(path, 0, 1.0)}[way](path)
    if before is not None:
        assert path.read_bytes() == before


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/null", "mysql://host/db", "", "a\0b"])
def test_other_targets_are_refused(target):
    with pytest.raises(StudyMismatch):
        open_new(target)


def test_a_foreign_table_on_a_server_is_refused(database):
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE bohb_events (id int)")
    with pytest.raises(StudyMismatch):
        open_new(database)


@pytest.mark.parametrize("column", ["kind", "payload", "at", "seq"])
def test_a_changed_row_on_a_server_is_found(database, column):
    import psycopg

    with open_new(database) as study:
        study.tell(study.ask(), 0.5)
    change = {"kind": "'x'", "payload": "'{}'", "at": "at + 1e-3", "seq": "99"}[column]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"UPDATE bohb_events SET {column} = {change} WHERE seq = 2")
    with pytest.raises(StudyCorrupt):
        bohb.Study.open(database)


# Forged files with a valid chain.


def forge(path, rows, first=None):
    """A file with valid checksums and any content."""
    facts = first
    if first is None:
        facts = header.describe(bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0))
    last = seal(None, "study", facts, 1.0)
    sealed = [last]
    for kind, text in rows:
        marked = seal(last, kind, {"PLACE": 0}, 1.0) if isinstance(text, str) else seal(last, kind, text, 1.0)
        if isinstance(text, str):
            marked = forged(last, kind, text)
        sealed.append(marked)
        last = marked
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(CREATE_TABLE)
        connection.executemany("INSERT INTO bohb_events VALUES (?, ?, ?, ?)", sealed)
        connection.execute(f"PRAGMA user_version = {len(sealed)}")


def forged(last, kind, body):
    check = _digest(checksum(last), last.seq + 1, kind, body[:-1], 1.0)
    return Row(last.seq + 1, kind, f'{body[:-1]},"check":"{check}"}}', 1.0)


ASKED = {
    "id": 0, "config": {"x": 0.5}, "budget": 1, "config_id": 0, "bracket": 0, "rung": 0, "previous": None,
    "checkpoint": None, "origin": "random", "why": {},
}  # fmt: skip
TOLD = {"id": 0, "loss": 0.5, "status": "ok", "checkpoint": None, "info": {}}
DEEP = '{"id":0,"info":' + "[" * 100_000 + "]" * 100_000 + "}"

HOSTILE = {
    "deep": [("told", DEEP)],
    "unclosed": [("told", '{"id":' + "[" * 100_000 + "}")],
    "no object": [("told", "[1,2]")],
    "nan": [("asked", ASKED), ("told", json.dumps(TOLD).replace("0.5", "NaN"))],
    "infinity": [("asked", ASKED), ("told", json.dumps(TOLD).replace("0.5", "-Infinity"))],
    "overflow": [("asked", ASKED), ("told", json.dumps(TOLD).replace("0.5", "1e999"))],
    "huge integer": [("asked", ASKED), ("told", json.dumps(TOLD).replace("0.5", "9" * 100_000))],
    "name twice": [("asked", ASKED), ("told", json.dumps(TOLD).replace('"loss"', '"id": 0, "loss"'))],
    "text for a loss": [("asked", ASKED), ("told", TOLD | {"loss": "0.5"})],
    "no loss but well": [("asked", ASKED), ("told", TOLD | {"loss": None})],
    "late by itself": [("asked", ASKED), ("told", TOLD | {"status": "late"})],
    "list for info": [("asked", ASKED), ("told", TOLD | {"info": [1]})],
    "number for a checkpoint": [("asked", ASKED), ("told", TOLD | {"checkpoint": 7})],
    "told twice": [("asked", ASKED), ("told", TOLD), ("told", TOLD)],
    "told before it was asked": [("told", TOLD)],
    "negative id": [("asked", ASKED), ("told", TOLD | {"id": -1})],
    "true for an id": [("asked", ASKED), ("told", TOLD | {"id": True})],
    "huge id": [("asked", ASKED | {"id": 10**30})],
    "gap in the ids": [("asked", ASKED | {"id": 5})],
    "unknown parameter": [("asked", ASKED | {"config": {"y": 1}})],
    "outside of the space": [("asked", ASKED | {"config": {"x": 7.0}})],
    "outside of the ladder": [("asked", ASKED | {"budget": 2})],
    "far bracket": [("asked", ASKED | {"bracket": 10**9})],
    "far rung": [("asked", ASKED | {"rung": 10**9})],
    "negative bracket": [("asked", ASKED | {"bracket": -1})],
    "unknown origin": [("asked", ASKED | {"origin": "__import__('os')"})],
    "promoted for no reason": [("asked", ASKED | {"origin": "promoted"})],
    "reissue of nothing": [("asked", ASKED | {"why": {"reissue_of": 7}})],
    "forgotten before it was asked": [("forgotten", {"id": 0})],
    "unknown kind": [("exec", {"code": "1"})],
    "no kind": [("", {"id": 0})],
    "lease of nothing": [("renewed", {"id": 0})],
    "lease without a length": [("leased", {"id": 0})],
    "negative lease": [("leased", {"id": 0, "seconds": -1.0})],
    "a second header": [("study", {"format": 1})],
    "surrogates": [("told", '{"id":"\\ud800"}')],
    "choice of nothing": [("asked", ASKED | {"config": {"x": {"choice": 10**9}}})],
}


@pytest.fixture
def quiet():
    """Fails if anything is executed, compiled or connected; bounds the memory."""
    found = []
    state = {"on": True}

    def hook(event, args):
        if state["on"] and event in {"exec", "compile", "subprocess.Popen", "os.system", "socket.connect", "os.exec"}:
            found.append((event, str(args)[:100]))

    sys.addaudithook(hook)
    yield found
    state["on"] = False


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(tmp_path, name, quiet):
    """Although its checksums are right; without running anything, and soon: 10 s of CPU time are ample."""
    path = tmp_path / "s.db"
    open_new(tmp_path / "warm.db").close()
    forge(path, HOSTILE[name])
    del quiet[:]
    started = time.process_time()
    with pytest.raises(REFUSED):
        bohb.Study.open(path)
    assert time.process_time() - started < 10.0
    assert [event for event in quiet if "<string>" in event[1]] == []


def test_the_control_of_the_hostile_files(tmp_path):
    forge(tmp_path / "s.db", [("asked", ASKED), ("told", TOLD)])
    with bohb.Study.open(tmp_path / "s.db") as study:
        assert study.incumbent.loss == 0.5


def test_a_huge_row_is_refused(tmp_path):
    path = tmp_path / "s.db"
    forge(path, [("told", json.dumps({"id": 0, "x": "y" * (2**26 + 2**20)}))])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(StudyCorrupt):
        bohb.Study.open(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18


HEADER = header.describe(bohb.Optimizer({"x": (0.0, 1.0)}, [1, 3], seed=0))


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"format": header.LOG_FORMATS[-1] + 1}, StudyVersion),
        ({"format": 10**30}, StudyVersion),
        ({"format": 0}, StudyCorrupt),
        ({"format": "1"}, StudyCorrupt),
        ({"seed": -1}, StudyCorrupt),
        ({"seed": 0.5}, StudyCorrupt),
        ({"preset": "unknown"}, StudyCorrupt),
        ({"preset": ["default"]}, StudyCorrupt),
        ({"custom": ["schedule"]}, StudyMismatch),
        ({"custom": None}, REFUSED),
        ({"space": None}, StudyCorrupt),
        ({"space": {}}, StudyCorrupt),
        ({"space": {"hyperparameters": [{"type": "object"}]}}, StudyCorrupt),
        (
            {"space": {"hyperparameters": [{"type": "uniform_float", "name": "x", "lower": 1}]}},
            StudyCorrupt,
        ),
        ({"ladder": None}, StudyCorrupt),
        ({"ladder": {"budgets": [], "costs": [], "eta": None}}, StudyCorrupt),
        ({"ladder": {"budgets": [3, 1], "costs": [3, 1], "eta": 3}}, StudyCorrupt),
        ({"ladder": {"budgets": [1, 3], "costs": [1], "eta": None}}, StudyCorrupt),
        ({"ladder": {"budgets": [1, 3], "costs": ["a", "b"], "eta": None}}, StudyCorrupt),
        ({"ladder": {"budgets": [1, 3], "costs": [1, 3], "eta": 0}}, StudyCorrupt),
    ],
)
def test_a_hostile_header_is_refused(tmp_path, changed, error):
    forge(tmp_path / "s.db", [], first={**HEADER, **changed})
    with pytest.raises(error):
        bohb.Study.open(tmp_path / "s.db").ask()


def test_every_event_of_a_study_is_plain_json(whole):
    for row in rows_of(whole):
        assert read_facts(row) == json.loads(row.payload)


def test_a_replaced_file_is_noticed(tmp_path):
    """A tell to a file without a name would be lost."""
    target = tmp_path / "s.db"
    study = open_new(target)
    trial = study.ask()
    target.rename(tmp_path / "away.db")
    with pytest.raises(StudyUnavailable, match="gone"):
        study.tell(trial, 0.5)
    with pytest.raises(StudyMismatch, match="files of another study"):
        open_new(target, seed=1)
    for companion in companions(target):
        companion.unlink()
    open_new(target, seed=1).close()
    with pytest.raises(StudyCorrupt, match="another or an older one"):
        study.tell(trial, 0.5)
    study.close()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="another user reads what root wrote")
def test_a_read_only_study_can_be_read(whole, tmp_path):
    """In a folder without the right to write, as on read-only media, readers work and writers are told."""
    shutil.copy(whole, tmp_path / "s.db")
    (tmp_path / "s.db").chmod(0o444)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == 0 and "pytest" in str(folder):
            folder.chmod(0o755)
    pid = os.fork()
    if pid == 0:
        os.setuid(65534)
        if not os.access(tmp_path, os.X_OK):
            os._exit(NO_WAY)
        try:
            with bohb.Study.open(tmp_path / "s.db") as study:
                assert len(study.results) == 30
                with pytest.raises(StudyUnavailable, match="read-only"):
                    study.ask()
                assert study.incumbent is not None
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == NO_WAY:
        pytest.skip("other users may not enter the folder for temporary files")
    assert code == 0
