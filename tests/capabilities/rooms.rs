//! The rooms of the program, its top-level modules, and which of them may use which: `docs/design.md` has the table,
//! and the sources must keep to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const DESIGN: &str = include_str!("../../docs/design.md");
const README: &str = include_str!("../../README.md");

#[test]
fn rooms_use_only_what_the_design_allows() {
    let allowed: BTreeMap<String, BTreeSet<String>> = rooms().into_iter().collect();
    let mut violations = Vec::new();
    for (file, text) in sources("src") {
        let Some(room) = room_of(&file) else { continue };
        for used in rooms_used_in(&text, &room) {
            if !allowed[&room].contains(&used) {
                violations.push(format!("src/{file}: {room} uses {used}"));
            }
        }
    }
    assert!(
        violations.is_empty(),
        "docs/design.md, \"Rooms and directions\", does not allow:\n{}",
        violations.join("\n")
    );
}

#[test]
fn the_design_lists_every_room_and_has_no_circles() {
    let mut earlier = BTreeSet::new();
    for (room, may_use) in rooms() {
        let later: Vec<_> = may_use.difference(&earlier).collect();
        assert!(
            later.is_empty(),
            "{room} may use {later:?}, which do not stand above it"
        );
        assert!(earlier.insert(room.clone()), "{room} is listed twice");
    }
    let found: BTreeSet<String> = sources("src").iter().filter_map(|(file, _)| room_of(file)).collect();
    assert_eq!(earlier, found, "the rooms in docs/design.md and those in src");
}

#[test]
fn the_readme_finds_the_way_to_every_room() {
    let guide = README.split_once("## Finding your way").expect("the guide").1;
    let named: BTreeSet<String> = names(guide).into_iter().collect();
    for (room, _) in rooms() {
        let is_named = named.contains(&format!("src/{room}")) || named.contains(&format!("src/{room}.rs"));
        assert!(is_named, "{room} is not in the README's table of folders");
    }
}

#[test]
fn references_to_the_design_name_one_of_its_headings() {
    let headings: BTreeSet<&str> = DESIGN
        .lines()
        .filter_map(|line| {
            line.trim_start_matches('#')
                .strip_prefix(' ')
                .filter(|_| line.starts_with('#'))
        })
        .collect();
    let mut references = 0;
    for (file, text) in ["src", "tests", "queries"].into_iter().flat_map(sources) {
        if file.ends_with("rooms.rs") {
            continue;
        }
        // A reference may go on in the next line of a comment.
        let lines = text.lines().map(|line| line.trim_start_matches(['/', '!', '-', ' ']));
        let text = lines.collect::<Vec<_>>().join(" ");
        for reference in text.split("`docs/design.md`, \"").skip(1) {
            let heading = reference.split('"').next().unwrap_or_default();
            assert!(headings.contains(heading), "{file} refers to \"{heading}\"");
            references += 1;
        }
        assert!(
            !text.contains("DESIGN, section"),
            "{file} refers to a page that is not in the project"
        );
    }
    assert!(references > 0, "no file refers to docs/design.md");
}

#[test]
fn paths_to_rooms_are_found_in_every_form() {
    let text = "
        use crate::exports::{Table, Location};
        use crate::{catalog::Catalog, engine::{self, cluster::Cluster}, ids};
        // A comment may name crate::server.
        fn open() -> Result<(), crate::report::ReportError> { $crate::config::check() }
        use own_crate::ratio;
        use crate::nightly::own;
    ";
    let found = rooms_used_in(text, "nightly");
    let expected = ["catalog", "engine", "exports", "ids", "report"].map(str::to_owned);
    assert_eq!(found, BTreeSet::from(expected));
    let of_binary = rooms_used_in("use pragati::shell::Session;\nuse crate::cli::options;", "cli");
    assert_eq!(of_binary, BTreeSet::from(["shell".to_owned()]));
}

/// The rooms with those that each may use, in the order of the design page.
fn rooms() -> Vec<(String, BTreeSet<String>)> {
    let rows = rows_of("rooms").into_iter();
    rows.map(|cells| (names(&cells[0]).concat(), names(&cells[2]).into_iter().collect()))
        .collect()
}

/// The rows of the table between `<!-- NAME: begin -->` and `<!-- NAME: end -->`, in cells.
fn rows_of(name: &str) -> Vec<Vec<String>> {
    let (begin, end) = (format!("<!-- {name}: begin -->"), format!("<!-- {name}: end -->"));
    let after = DESIGN.split_once(&begin).expect("the table begins").1;
    let table = after.split_once(&end).expect("the table ends").0;
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        cells.collect()
    })
    .collect()
}

/// What stands in backquotes.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The room of a file below `src`; none for the roots of the library and the program.
fn room_of(file: &str) -> Option<String> {
    let room = file.split('/').next().unwrap_or(file).trim_end_matches(".rs");
    (!matches!(room, "lib" | "main")).then(|| room.to_owned())
}

/// The other rooms that the code names by `crate::`, or in the program by `pragati::`.
fn rooms_used_in(text: &str, room: &str) -> BTreeSet<String> {
    let root = if room == "cli" { "pragati::" } else { "crate::" };
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (place, _) in code.match_indices(root) {
        let is_whole =
            !code[..place].ends_with(|before: char| before == '$' || before == '_' || before.is_alphanumeric());
        if is_whole {
            found.extend(first_names(&code[place + root.len()..]));
        }
    }
    found.remove(room);
    found
}

/// The first name of a path, or those of the paths in braces.
fn first_names(path: &str) -> Vec<String> {
    let name = |path: &str| -> String {
        path.trim_start()
            .chars()
            .take_while(|&c| c == '_' || c.is_alphanumeric())
            .collect()
    };
    let Some(list) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let (mut depth, mut starts) = (1, vec![0]);
    for (place, char) in list.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => starts.push(place + 1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    let names = starts.into_iter().map(|start| name(&list[start..]));
    names.filter(|name| !name.is_empty()).collect()
}

/// The texts of the source files in a folder of the project, by their paths below it.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let texts = files.into_iter().map(|file| {
        let text = fs::read_to_string(&file).expect("a text");
        let relative = file.strip_prefix(&root).expect("a file of the folder");
        (relative.display().to_string(), text)
    });
    texts.collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "sql")
        {
            files.push(path);
        }
    }
}
