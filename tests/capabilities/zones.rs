//! The time zones that dates are reckoned by, against another copy of the tz database.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use pragati::zone::Zone;

use crate::python::python_for;

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

#[test]
fn every_zone_has_the_offsets_of_the_python_package_of_the_same_edition() {
    let Some(python) = python_for("zones", "tzdata") else {
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/zones/offsets.py");
    let output = Command::new(python).arg(script).output().expect("a run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let theirs: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    assert!(theirs.len() > 500, "{} zones", theirs.len());
    // A placeholder for machines whose zone is not set, and no place.
    let names = theirs.keys().filter(|name| **name != "Factory");
    for name in names.copied().chain(Zone::all_names()) {
        let ours: Zone = name.parse().unwrap_or_else(|error| panic!("{error}"));
        let expected = theirs
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in the package"));
        assert_eq!(&changes(&ours), expected, "{name}");
    }
}
