//! `pragati sql` on a terminal: sessions driven key by key by `tests/terminal/sessions.py`, on a screen of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::python::python_for;
use crate::support::{TestExports, pragati};

/// The page that shows a session, and sets this variable when it is to be written anew.
const PAGE: &str = "docs/sql.md";
const UPDATE: &str = "UPDATE_DOCS";

/// What the session prints; None where there is no Python for it.
fn session(name: &str, exports: &Path) -> Option<String> {
    let python = python_for("terminal", "pyte, pexpect")?;
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(python)
        .arg(format!("{}/tests/terminal/sessions.py", env!("CARGO_MANIFEST_DIR")))
        .arg(name)
        .arg(pragati().get_program())
        .arg(exports)
        .arg(folder.path())
        .current_dir(folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("a run");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

fn two_days() -> TestExports {
    TestExports::sample(40, 60, 4, 2)
}

#[test]
fn the_session_in_the_documentation_is_what_happens() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(happened) = session("recorded", &root.join("sample_data")) else {
        return;
    };
    let page = fs::read_to_string(root.join(PAGE)).expect("the page");
    let begin = page
        .find("$ pragati sql --exports sample_data\n")
        .expect("a session on the page");
    let end = begin + page[begin..].find("```").expect("its end");
    if std::env::var_os(UPDATE).is_some() {
        let page = format!("{}{happened}{}", &page[..begin], &page[end..]);
        fs::write(root.join(PAGE), page).expect("written");
    } else {
        assert_eq!(&page[begin..end], happened, "{UPDATE}=1 writes the page anew");
    }
}

#[test]
fn names_are_completed() {
    session("completion", two_days().path());
}

#[test]
fn ctrl_c_stops_a_query_and_not_the_shell() {
    session("cancel", two_days().path());
}

#[test]
fn the_day_can_be_changed_and_stays_where_that_fails() {
    session("dates", two_days().path());
}

#[test]
fn a_mistake_is_one_line_and_the_shell_goes_on() {
    session("errors", two_days().path());
}

#[test]
fn commands_do_what_their_help_says() {
    session("commands", two_days().path());
}

#[test]
fn output_on_a_terminal_fits_its_width_and_is_escaped() {
    session("not_interactive", two_days().path());
}

#[test]
fn results_go_to_files_and_statements_come_from_files() {
    session("files", two_days().path());
}

#[test]
fn the_history_is_readable_by_its_owner_alone() {
    session("history", two_days().path());
}

#[test]
fn a_narrow_terminal_is_enough() {
    let Some(screen) = session("narrow", two_days().path()) else {
        return;
    };
    insta::assert_snapshot!(screen, @r"
    +------+---------------+
    | n    | t             |
    +------+---------------+
    | NULL | \u{1b}[31mred |
    +------+---------------+
    (1 row)
    +--------+-----------------------------+
    | number | text                        |
    +--------+-----------------------------+
    |  12345 | wide wide wide wide wide w… |
    +--------+-----------------------------+
    (1 row)
    -[ 1 ]-
    a | aaaaaaaaa
    b | bbbbbbb
    c | ccccccc
    d | ddddddd
    e | eeeeeee
    f | NULL
    (1 row)
    ");
}

#[test]
fn long_results_go_through_the_pager() {
    session("pager", two_days().path());
}

#[test]
fn a_session_that_is_terminated_leaves_the_terminal_as_it_was() {
    session("terminated", two_days().path());
}

#[test]
fn colours_are_for_those_who_want_them() {
    session("colours", two_days().path());
}
