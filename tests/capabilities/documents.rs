//! Every console block of the README and the docs is run, and must print what it shows.
//!
//! Blocks of a page run one after another in one folder, with the project's `sample_data` and `pragati.toml`. `…`
//! stands for anything in a line, and on a line of its own for any lines; times and sizes of runs may differ. A command
//! that shows nothing must succeed; one that shows `error: …` must fail. What cannot run here is listed with what
//! checks it instead.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use regex::Regex;
use tempfile::TempDir;

use crate::prepared::copy_folder;
use crate::running_process::Running;
use crate::support::skipped;

/// Blocks that do not run here, by the start of their first command, and where what they show is checked.
const ELSEWHERE: [(&str, &str, &str); 11] = [
    ("README.md", "pragati cluster scheduler", "a cluster: cluster.rs"),
    (
        "README.md",
        "curl -s http://127.0.0.1:8480/api/v1/reports",
        "a mail server: delivery.rs",
    ),
    (
        "README.md",
        "pragati serve --exports sample_data --dev-auth --postgres",
        "psql: endpoint_clients.rs",
    ),
    (
        "docs/batches.md",
        "curl -s 'http://127.0.0.1:8480/api/v1/batches",
        "a service: my_batches.rs",
    ),
    (
        "docs/dashboards.md",
        "curl -s 'http://127.0.0.1:8480/api/v1/download-ratio",
        "a service: figures.rs",
    ),
    (
        "docs/delivery.md",
        "curl -s http://127.0.0.1:8480/api/v1/reports",
        "a mail server: delivery.rs, delivery_options.rs",
    ),
    ("docs/identity.md", "pragati token explain", "a token: identity.rs"),
    (
        "docs/postgres.md",
        "pragati serve --exports sample_data --dev-auth --postgres",
        "psql: endpoint_clients.rs",
    ),
    ("docs/postgres.md", "psql -h 127.0.0.1", "psql: endpoint_clients.rs"),
    (
        "docs/sql.md",
        "pragati sql --exports sample_data",
        "a terminal: terminal.rs",
    ),
    (
        "docs/telemetry.md",
        "pragati check --exports exports",
        "damaged telemetry: telemetry.rs",
    ),
];

/// How often a service that still computes is asked, and the wait between.
const TRIES: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// A command and the lines that the block shows for it.
#[derive(Debug)]
pub struct Shown {
    pub command: String,
    pub lines: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder_of_program() -> PathBuf {
    let program = assert_cmd::cargo::cargo_bin("pragati");
    program.parent().expect("a folder").to_owned()
}

/// The README and all pages of the docs, below the root.
fn pages() -> Vec<String> {
    let docs = fs::read_dir(root().join("docs")).expect("the docs");
    let names = docs.map(|page| page.expect("a page").file_name().to_string_lossy().into_owned());
    let pages = names
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"));
    let mut pages: Vec<String> = pages.collect();
    pages.push("README.md".to_owned());
    pages.sort();
    pages
}

/// The console blocks of a page, each as its commands.
pub fn blocks(page: &str) -> Vec<Vec<Shown>> {
    let text = fs::read_to_string(root().join(page)).expect(page);
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "```console" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
            blocks.push(commands(&block));
        }
    }
    blocks
}

/// The commands of a block; a backslash at the end of a line continues one.
fn commands(block: &[&str]) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    let mut goes_on = false;
    for line in block {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push(Shown {
                command: command.to_owned(),
                lines: Vec::new(),
            }),
            (None, Some(last)) if goes_on => {
                last.command.push('\n');
                last.command.push_str(line);
            }
            (None, Some(last)) => last.lines.push((*line).to_owned()),
            (None, None) => panic!("a block begins with {line}"),
        }
        let is_of_command = found.last().is_some_and(|last| last.lines.is_empty());
        goes_on = is_of_command && line.ends_with('\\');
    }
    found
}

fn elsewhere(page: &str, block: &[Shown]) -> Option<usize> {
    let first = &block.first().expect("a command").command;
    ELSEWHERE
        .iter()
        .position(|(of, start, _)| *of == page && first.starts_with(start))
}

/// What is shown as a pattern of the whole output.
fn pattern(lines: &[String]) -> Regex {
    let mut pattern = "^".to_owned();
    for line in lines {
        match line.trim_end() {
            "…" => pattern.push_str("(?:[^\n]*\n)*?"),
            line => {
                pattern.push_str(&regex::escape(&without_measures(line)).replace('…', "[^\n]*"));
                pattern.push('\n');
            }
        }
    }
    pattern.push('$');
    Regex::new(&pattern).expect("a pattern")
}

/// The output as patterns are made for: no byte-order mark, no white space at the ends of lines, no times and sizes of
/// runs.
fn comparable(text: &str) -> String {
    let lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(|line| format!("{}\n", line.trim_end()));
    without_measures(&lines.collect::<String>())
}

/// The text without times and sizes of runs.
fn without_measures(text: &str) -> String {
    let seconds = Regex::new(r"in [0-9]+\.[0-9] s\b").expect("a pattern");
    let sizes = Regex::new(r"\([0-9.]+ [KMG]?i?B in all\)").expect("a pattern");
    let text = seconds.replace_all(text, "in SECONDS");
    sizes.replace_all(&text, "(SIZE in all)").into_owned()
}

/// A folder in which the blocks of a page run, and the service that one of them has started.
struct Place {
    folder: TempDir,
    service: Option<Service>,
}

/// A service in the background; its words are read, so that it can go on to say them.
struct Service {
    _process: Running,
    url: String,
    _words: Lines<BufReader<ChildStderr>>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for needed in ["sample_data", "tests/data/sunbird"] {
            let copy = folder.path().join(needed);
            fs::create_dir_all(&copy).expect("a folder");
            copy_folder(&root().join(needed), &copy);
        }
        fs::copy(root().join("pragati.toml"), folder.path().join("pragati.toml")).expect("copied");
        Self { folder, service: None }
    }

    /// A shell in the folder that finds the program, without settings from this environment.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", folder_of_program().display()));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PRAGATI_")) {
            command.env_remove(name);
        }
        command
    }

    /// Starts `pragati serve …` on a free port.
    fn start(&mut self, command: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let [program, arguments @ ..] = words.as_slice() else {
            panic!("no command");
        };
        let mut serve = self.command(program);
        serve.args(arguments).args(["--listen", "127.0.0.1:0"]);
        let mut process = Running(serve.stderr(Stdio::piped()).spawn().expect("a service"));
        let mut lines = BufReader::new(process.0.stderr.take().expect("its words")).lines();
        let url = lines.find_map(|line| {
            let line = line.expect("a line");
            line.strip_prefix("listening on ").map(str::to_owned)
        });
        self.service = Some(Service {
            _process: process,
            url: url.expect("an address"),
            _words: lines,
        });
    }

    fn run(&self, command: &str) -> Output {
        self.command("bash").args(["-c", command]).output().expect("a shell")
    }

    /// Runs a command and compares.
    fn check(&mut self, page: &str, shown: &Shown) {
        if let Some(command) = shown.command.strip_suffix(" &") {
            self.start(command);
            return;
        }
        let mut command = shown.command.clone();
        if let Some(service) = &self.service {
            command = command.replace("http://127.0.0.1:8480", &service.url);
        }
        let mut output = self.run(&command);
        // A service that has just started still computes its figures.
        for _ in 0..TRIES {
            if !String::from_utf8_lossy(&output.stdout).contains("are being computed") {
                break;
            }
            std::thread::sleep(BETWEEN_TRIES);
            output = self.run(&command);
        }
        let [printed, said] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
        let fails = shown.lines.iter().any(|line| line.starts_with("error: "));
        // Where a pipe cuts the output off, its end counts.
        assert_eq!(output.status.success(), !fails, "{page}: {command}\n{printed}{said}");
        if shown.lines.is_empty() {
            return;
        }
        // What is printed, what is said beside it, or both.
        let all = format!("{printed}{said}");
        let pattern = pattern(&shown.lines);
        assert!(
            [&printed, &said, &all]
                .iter()
                .any(|text| pattern.is_match(&comparable(text))),
            "{page} shows of {command}:\n{}\n\nand it prints:\n{all}",
            shown.lines.join("\n")
        );
    }
}

fn run_blocks_of(page: &str) {
    let mut place = Place::new();
    for block in blocks(page) {
        if elsewhere(page, &block).is_some() {
            continue;
        }
        for shown in &block {
            place.check(page, shown);
        }
        place.service = None;
    }
}

#[test]
fn blocks_of_the_readme_print_what_they_show() {
    if Command::new("curl").arg("--version").output().is_err() {
        skipped("the README's blocks need curl");
        return;
    }
    run_blocks_of("README.md");
}

#[test]
fn blocks_of_the_docs_print_what_they_show() {
    for page in pages().iter().filter(|page| *page != "README.md") {
        run_blocks_of(page);
    }
}

#[test]
fn the_list_of_blocks_that_run_elsewhere_is_not_too_long() {
    let (mut run, mut used) = (0, BTreeSet::new());
    for page in pages() {
        for block in blocks(&page) {
            match elsewhere(&page, &block) {
                Some(index) => _ = used.insert(index),
                None => run += 1,
            }
        }
    }
    assert_eq!(used.len(), ELSEWHERE.len(), "a block that is listed is in no page");
    assert!(run >= 12, "{run} blocks run");
    for (_, _, checked) in ELSEWHERE {
        let files = checked.split(": ").nth(1).expect("files").split(", ");
        for file in files {
            assert!(root().join("tests/capabilities").join(file).is_file(), "{file}");
        }
    }
}

#[test]
fn shown_lines_are_compared_with_gaps() {
    let shows = |lines: &[&str], printed: &str| {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        pattern(&lines).is_match(&comparable(printed))
    };
    assert!(shows(&["a", "…", "b … c"], "a\nx\ny\nb 1 c\n"));
    assert!(shows(&["a", "…"], "a\n"));
    assert!(shows(&["done in 0.2 s"], "done in 11.7 s\n"));
    assert!(!shows(&["a", "b"], "a\nx\nb\n"));
    assert!(!shows(&["a.c"], "abc\n"));
    assert!(!shows(&["a"], "a\nb\n"));
    let block = ["$ one \\", "    two", "shown \\", "more", "$ three"];
    let found = commands(&block);
    assert_eq!(found[0].command, "one \\\n    two");
    assert_eq!(found[0].lines, ["shown \\", "more"]);
    assert_eq!((found.len(), found[1].lines.len()), (2, 0));
}
