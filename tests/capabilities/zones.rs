//! The time zones that dates are reckoned by, against another copy of the tz database.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use pragati::zone::Zone;

use crate::prepared::prepared;
use crate::python::python_for;

/// What asks the package, and which edition of it.
const SOURCES: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/zones/offsets.py"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/zones/requirements.txt"),
];

const START: i64 = 0;
const END: i64 = 2_145_916_800;
const STEP: i64 = 3 * 86_400;

/// As `tests/zones/offsets.py` writes them.
fn changes(zone: &Zone) -> String {
    let mut before = zone.offset_at(START);
    let mut line = before.to_string();
    let mut moment = START + STEP;
    while moment <= END {
        let after = zone.offset_at(moment);
        if after != before {
            let (mut same, mut other) = (moment - STEP, moment);
            while other - same > 1 {
                let middle = i64::midpoint(same, other);
                if zone.offset_at(middle) == before {
                    same = middle;
                } else {
                    other = middle;
                }
            }
            write!(line, " {other}:{}", zone.offset_at(other)).expect("written");
            before = after;
        }
        moment += STEP;
    }
    line
}

/// What the package says, which takes Python some seconds; it is asked once for each edition. None, after a message
/// SKIPPED, where it cannot be had.
fn offsets() -> Option<String> {
    const ANSWER: &str = "offsets";
    let python = python_for("zones", "tzdata")?;
    let [script, _] = SOURCES;
    let ask = |folder: &Path| {
        let output = Command::new(&python).arg(script).output().expect("a run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::write(folder.join(ANSWER), output.stdout).expect("written");
        true
    };
    let asked = SOURCES.map(|source| fs::read(source).expect("a file")).concat();
    prepared("zones-offsets", &asked, ask, |folder| {
        fs::read_to_string(folder.join(ANSWER)).expect("text")
    })
}

#[test]
fn every_zone_has_the_offsets_of_the_python_package_of_the_same_edition() {
    let Some(text) = offsets() else { return };
    let theirs: BTreeMap<String, String> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, changes)| (name.to_owned(), changes.to_owned()))
        .collect();
    assert!(theirs.len() > 500, "{} zones", theirs.len());
    // A placeholder for machines whose zone is not set, and no place.
    let all = theirs.keys().cloned().chain(Zone::all_names().map(str::to_owned));
    for name in all.filter(|name| name != "Factory").collect::<BTreeSet<String>>() {
        let ours: Zone = name.parse().unwrap_or_else(|error| panic!("{error}"));
        let expected = theirs
            .get(&name)
            .unwrap_or_else(|| panic!("{name} is not in the package"));
        assert_eq!(&changes(&ours), expected, "{name}");
    }
}
