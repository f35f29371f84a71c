"""Sessions with `pragati sql` on a terminal: sessions.py NAME PRAGATI EXPORTS [FOLDER].

Each session is a function; what it prints is for the test that called it.
"""

import os
import signal
import sys
import time

from terminal import CTRL_C, CTRL_D, CTRL_R, TAB, UP, Terminal

# Takes hours, and gives control back all the time.
LONG = "select count(*) from range(0, 10000000) a cross join range(0, 10000000) b where a.value + b.value < 0;"


def shell(pragati, exports, folder, *arguments, columns=100, lines=50, **environment):
    environment = {"XDG_STATE_HOME": f"{folder}/state", "PAGER": ""} | environment
    command = [pragati, "sql", "--exports", exports, *arguments]
    terminal = Terminal(command, columns, lines, **environment)
    terminal.wait_for_prompt()
    return terminal


def recorded(pragati, exports, folder):
    """The session of docs/sql.md."""
    terminal = shell(pragati, exports, folder, columns=110, lines=120, NO_COLOR="1")
    terminal.enter("\\d batches")
    terminal.type("select batch_name, count(*) as clicks")
    terminal.press("\r")
    terminal.wait(lambda screen: screen.endswith("...>"), "a second line")
    terminal.type("from batches")
    terminal.press("\r")
    terminal.wait(lambda screen: screen.endswith("...>"), "a third line")
    terminal.enter("join distinct_download_events using (batch_id) group by 1 order by 2 desc, 1 limit 3;")
    terminal.enter("select snapshot_date, count(*) as users from users_history group by 1 order by 1;")
    terminal.enter("\\x")
    terminal.enter("select downloads, batches, download_ratio, coverage from download_ratio_overall where time_window = '7d';")
    terminal.enter("\\date 2026-11-21", "2026-11-21>")
    terminal.enter("select * from learners;", "2026-11-21>")
    terminal.press("\\q\r")
    assert terminal.end() == 0
    print("$ pragati sql --exports sample_data")
    print(terminal.text())


def completion(pragati, exports, folder):
    terminal = shell(pragati, exports, folder)
    terminal.press("select user_id from enrolm" + TAB)
    terminal.wait_for("enrolments_history")
    terminal.press(CTRL_C)
    terminal.wait_for_prompt()
    terminal.press("sel" + TAB)
    terminal.wait(lambda screen: screen.endswith("> select"), "the keyword")
    # What is only one is completed at once; the column is one of the table named after the cursor.
    terminal.press(" b.batch_n" + TAB)
    terminal.press(CTRL_C)
    terminal.wait_for_prompt()
    terminal.clear()
    terminal.press("select * from batches b where b.batch_n" + TAB)
    terminal.wait_for("b.batch_name")
    terminal.press(CTRL_C)
    terminal.wait_for_prompt()
    terminal.clear()
    terminal.press("\\form" + TAB)
    terminal.wait_for("\\format")
    terminal.press(CTRL_C)
    terminal.wait_for_prompt()
    terminal.press(CTRL_D)
    assert terminal.end() == 0


def cancel(pragati, exports, folder):
    terminal = shell(pragati, exports, folder)
    terminal.type(LONG)
    terminal.press("\r")
    terminal.wait_for("Ctrl-C stops the query")
    begun = time.monotonic()
    terminal.press(CTRL_C)
    terminal.wait_for("Cancelled.")
    terminal.wait_for_prompt()
    assert time.monotonic() - begun < 10, "the query went on"
    terminal.clear()
    # The shell lives on; the cancelled query does not.
    terminal.enter("select 40 + 2 as answer;")
    assert "42" in terminal.text(), terminal.text()
    time.sleep(1)
    assert busy_share(terminal.child.pid) < 0.5, "the cancelled query still runs"
    # At the prompt, Ctrl-C clears the line.
    terminal.type("select nothing")
    terminal.press(CTRL_C)
    terminal.wait_for_prompt()
    terminal.press(CTRL_D)
    assert terminal.end() == 0


def busy_share(pid):
    """How much of one core the process takes."""

    def ticks():
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(1)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK")


def dates(pragati, exports, folder):
    terminal = shell(pragati, exports, folder)
    terminal.enter("\\date 2026-11-21", "2026-11-21>")
    # A day that cannot be opened leaves the one that is.
    terminal.enter("\\date 1999-01-01", "2026-11-21>")
    assert "there is no usable snapshot of 1999-01-01" in terminal.text(), terminal.text()
    terminal.enter("\\date tomorrow", "2026-11-21>")
    terminal.enter("select count(*) as users from users;", "2026-11-21>")
    assert "(1 row)" in terminal.text()
    terminal.enter("\\date latest")
    terminal.press(CTRL_D)
    assert terminal.end() == 0


def errors(pragati, exports, folder):
    terminal = shell(pragati, exports, folder)
    for line, complaint in [
        ("selec 1;", "error: SQL: Expected: an SQL statement"),
        ("select * from learners;", "error: query: "),
        ("select 1 / 0;", "error: query: "),
        ("\\nothing", "error: there is no command \\nothing"),
        ("\\d learners", "error: there is no table or view learners"),
        ("drop table users;", "error: users belongs to the snapshot"),
        ("copy users to '/tmp/never.csv';", "error: COPY is not allowed"),
        ("\\i /no/such.sql", "error: /no/such.sql cannot be read"),
        ("select cast(chr(27) || '[31mred' as int);", "error: query: "),
        ("select * from users where user_id = $nobody;", "error: the statement needs a value for $nobody"),
        ("select 6 * 7 as answer;", "42"),
    ]:
        terminal.clear()
        terminal.enter(line)
        assert complaint in terminal.text(), f"{line}: {terminal.text()}"
    assert b"\x1b[31mred" not in terminal.raw
    terminal.press(CTRL_D)
    assert terminal.end() == 0


def commands(pragati, exports, folder):
    terminal = shell(pragati, exports, folder, columns=160, lines=100)
    for line, answer in [
        ("\\explain select count(*) from users;", "physical_plan"),
        ("select 1 as one; select 2 as two;", "two"),
        ("\\explain", "logical_plan"),
        ("\\timing", "Times are shown."),
        ("select 1 as timed;", "Time: 0."),
        ("\\timing off", "Times are not shown."),
        ("\\dt", "course_progress_history"),
        ("\\dv", "Course Progress Report of every batch."),
        ("\\d", "distinct_users"),
        ("\\d download_ratio_by_tenant", "queries/metrics/download_ratio_by_tenant.sql"),
        ("\\df generate", "generate_series"),
        ("\\x on", "One line a value."),
        ("select 7 as seven, null as nothing;", "nothing | NULL"),
        ("\\x off", "One line a row."),
        ("\\?", "read the snapshot of another day"),
        ("create view mine as select 1 as one;", "Done."),
        ("\\d mine", "integer"),
        ("\\format json", "The format is json."),
        ("select 1 as n, chr(27) as t;", '[{"n":1,"t":"\\u001b"}]'),
        ("\\format csv", "The format is csv."),
        ("select chr(27) || '[1m' as t;", "\\u{1b}[1m"),
        ("", ""),
        (";", ""),
        ("-- a note", ""),
    ]:
        terminal.clear()
        terminal.enter(line)
        assert answer in terminal.text(), f"{line}: {terminal.text()}"
        assert "error:" not in terminal.text(), f"{line}: {terminal.text()}"
    # The names of the session's own views are completed.
    terminal.press("select * from min" + TAB)
    terminal.wait_for("from mine")
    terminal.press(CTRL_C)
    terminal.wait_for_prompt()
    terminal.press(CTRL_D)
    assert terminal.end() == 0


def not_interactive(pragati, exports, folder):
    """`-c` on a terminal: laid out for it, and without what would command it."""
    for arguments, expected in [
        (["-c", "select repeat('long ', 100) as t"], "…"),
        (["--format", "csv", "-c", "select chr(27) || '[31mred' as t"], "\\u{1b}[31mred"),
        (["-c", "select chr(27) || '[31mred' as t"], "\\u{1b}[31mred"),
    ]:
        terminal = Terminal([pragati, "sql", "--exports", exports, *arguments], columns=60)
        assert terminal.end() == 0
        assert expected in terminal.text(), terminal.text()
        assert b"\x1b[31mred" not in terminal.raw


def files(pragati, exports, folder):
    answer = f"{folder}/answer.csv"
    script = f"{folder}/script.sql"
    terminal = shell(pragati, exports, folder, "--history", f"{folder}/mine")
    terminal.enter("\\format csv")
    terminal.enter(f"\\o {answer}")
    terminal.enter("select 1 as n, 'a' as t;")
    assert not os.path.exists(answer), "a file appears when it is whole"
    # Of a query that fails, nothing stays in the file.
    terminal.enter("select value, 1 / (value - 20000) as n from range(0, 30000);")
    terminal.enter("select 2 as n;")
    terminal.enter("\\o")
    with open(answer) as file:
        assert file.read() == "n,t\n1,a\nn\n2\n"
    assert os.stat(answer).st_mode & 0o777 == 0o600
    with open(script, "w") as file:
        file.write("-- A script.\n\\format table\nselect 'included' as t;\nselect\n  'twice;' as t;\nselec;\nselect 'never' as t;\n")
    terminal.clear()
    terminal.enter(f"\\i {script}")
    screen = terminal.text()
    assert "included" in screen and "twice;" in screen and "error: SQL" in screen and "never" not in screen, screen
    with open(script, "w") as file:
        file.write(f"\\i {script}\n")
    terminal.enter(f"\\i {script}")
    assert "include each other" in terminal.text(), terminal.text()
    terminal.enter("\\format parquet")
    terminal.enter("select 1;")
    assert "name a file" in terminal.text(), terminal.text()
    terminal.enter(f"\\o {folder}/answer.parquet")
    terminal.enter("select 1 as n;")
    assert os.path.getsize(f"{folder}/answer.parquet") > 0
    terminal.press(CTRL_D)
    assert terminal.end() == 0
    assert os.path.exists(f"{folder}/mine") and not os.path.exists(f"{folder}/state"), "--history names the file"


def history(pragati, exports, folder):
    terminal = shell(pragati, exports, folder)
    terminal.enter("select 'the first session' as t;")
    terminal.enter(" select 'not kept' as t;")
    terminal.press(CTRL_D)
    assert terminal.end() == 0
    place = f"{folder}/state/pragati/history"
    assert os.stat(place).st_mode & 0o777 == 0o600
    terminal = shell(pragati, exports, folder)
    terminal.press(UP)
    terminal.wait_for("the first session")
    terminal.press(CTRL_C)
    terminal.wait_for_prompt()
    terminal.press(CTRL_R)
    terminal.press("first")
    terminal.wait_for("the first session")
    # A session that is killed keeps its lines.
    terminal.press(CTRL_C)
    terminal.wait_for_prompt()
    terminal.enter("select 'killed' as t;")
    terminal.child.kill(signal.SIGKILL)
    with open(place) as file:
        assert file.read().splitlines() == ["select 'the first session' as t;", "select 'killed' as t;"]


def narrow(pragati, exports, folder):
    """Prints what a terminal of 40 columns shows."""
    terminal = shell(pragati, exports, folder, columns=40, lines=60, NO_COLOR="1")
    for sql in [
        "select null as n, chr(27) || '[31mred' as t;",
        "select 12345 as number, repeat('wide ', 20) as text;",
        "select repeat('a',9) a,'bbbbbbb' b,'ccccccc' c,'ddddddd' d,'eeeeeee' e,null f;",
    ]:
        terminal.enter(sql)
    assert b"\x1b[31mred" not in terminal.raw, "data commanded the terminal"
    screen = terminal.text()
    terminal.press(CTRL_D)
    assert terminal.end() == 0
    print("\n".join(line for line in screen.split("\n") if line.startswith(("|", "+", "-[", "(", "a |", "b |", "c |", "d |", "e |", "f |"))))


def pager(pragati, exports, folder):
    terminal = shell(pragati, exports, folder, lines=20, PAGER=f"tee {folder}/paged")
    terminal.enter("select 1;")
    assert not os.path.exists(f"{folder}/paged"), "what fits is not paged"
    terminal.enter("select value from range(0, 100);")
    with open(f"{folder}/paged") as file:
        lines = file.read().splitlines()
    assert len(lines) == 105 and lines[-1] == "(100 rows)", lines[-3:]
    terminal.press(CTRL_D)
    assert terminal.end() == 0
    # A query that is cancelled below the pager ends when the pager is closed, and the keyboard is the shell's again.
    terminal = shell(pragati, exports, folder, lines=20, PAGER="trap '' INT; cat > /dev/null; sleep 2; echo closed")
    terminal.press("select * from range(0, 1000000000000);\r")
    time.sleep(2)
    terminal.press(CTRL_C)
    terminal.wait_for("closed")
    terminal.wait_for("Cancelled.")
    terminal.wait_for_prompt()
    terminal.press(CTRL_D)
    assert terminal.end() == 0
    # Closing the pager early ends the query, and is no error.
    terminal = shell(pragati, exports, folder, lines=20, PAGER="head -n 1 > /dev/null")
    terminal.enter("select * from range(0, 1000000000000);")
    assert "error" not in terminal.text(), terminal.text()
    terminal.press(CTRL_D)
    assert terminal.end() == 0


def terminated(pragati, exports, folder):
    terminal = shell(pragati, exports, folder)
    terminal.child.kill(signal.SIGTERM)
    assert terminal.end() == 143
    # The terminal is as it was found: no raw mode, no pasting mode.
    assert terminal.raw.rstrip().rfind(b"\x1b[?2004l") > terminal.raw.rfind(b"\x1b[?2004h")


def colours(pragati, exports, folder):
    for environment, has_colours in [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]:
        terminal = shell(pragati, exports, folder, **environment)
        terminal.enter("select 'coloured' as t, null as n;")
        styles = [b"\x1b[1;34mselect", b"\x1b[32m'coloured'", b"\x1b[2mNULL"]
        found = [style in terminal.raw for style in styles]
        assert found == [has_colours] * 3, f"{environment}: {found} {terminal.raw}"
        terminal.press(CTRL_D)
        assert terminal.end() == 0


if __name__ == "__main__":
    name, pragati, exports, folder = sys.argv[1:]
    globals()[name](pragati, exports, folder)
