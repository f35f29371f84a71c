//! The JSON schema of `pragati.toml`: every example of a configuration keeps it, and mistakes do not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pragati::config::Config;
use serde_json::Value;

use crate::python::python_for;
use crate::support::pragati;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The schema as the command prints it.
fn printed_schema() -> String {
    let output = pragati().args(["config", "schema"]).output().expect("a run");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Every example of a `pragati.toml` in the project, with its place.
fn examples() -> Vec<(String, String)> {
    let whole = fs::read_to_string(root().join("pragati.toml")).expect("the project's own");
    let mut examples = vec![(
        "pragati.toml with its commented examples".to_owned(),
        uncommented(&whole),
    )];
    examples.push(("pragati.toml".to_owned(), whole));
    let pages = fs::read_dir(root().join("docs")).expect("the docs");
    let mut pages: Vec<PathBuf> = pages.map(|page| page.expect("a page").path()).collect();
    pages.extend(["README.md", "CONTRIBUTING.md", "deploy/README.md"].map(|page| root().join(page)));
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page");
        for (line, block) in toml_blocks(&text) {
            let place = page.strip_prefix(root()).expect("below the root").display();
            if !is_of_another_file(&block) {
                examples.push((format!("{place}:{line}"), block));
            }
        }
    }
    assert!(examples.len() > 12, "{} examples", examples.len());
    examples
}

/// The file with the settings that it shows as comments: `# name = value` and `# [section]`.
fn uncommented(text: &str) -> String {
    let is_setting = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        (line.contains(" = ") && is_name) || (line.starts_with('[') && line.ends_with(']'))
    };
    let lines = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(commented) if is_setting(commented) => commented,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The blocks of TOML in a page, with the number of their first line.
fn toml_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.trim(), &mut block) {
            ("```toml", _) => block = Some((index + 2, String::new())),
            ("```", _) => blocks.extend(block.take()),
            (line, Some((_, content))) => {
                content.push_str(line);
                content.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

/// Whether the first line names another file than `pragati.toml`.
fn is_of_another_file(block: &str) -> bool {
    let first = block.lines().next().unwrap_or_default();
    let name = first.strip_prefix("# ").unwrap_or_default();
    name.contains(".toml") && !name.starts_with("pragati.toml")
}

/// What the validator says of these files.
fn validated(python: &Path, schema: &Path, files: &[PathBuf]) -> Output {
    let mut check = Command::new(python);
    check
        .args(["-m", "check_jsonschema", "--schemafile"])
        .arg(schema)
        .args(files);
    check.output().expect("a run")
}

#[test]
fn the_command_prints_the_schema() {
    let printed: Value = serde_json::from_str(&printed_schema()).expect("JSON");
    assert_eq!(printed, Config::schema());
    assert_eq!(printed["$schema"], "http://json-schema.org/draft-07/schema#");
}

#[test]
fn every_example_is_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pragati.toml");
    for (place, text) in examples() {
        fs::write(&file, text).expect("a file");
        if let Err(error) = Config::load(Some(&file)) {
            panic!("{place}: {error}");
        }
    }
}

#[test]
fn every_example_keeps_the_schema_and_mistakes_do_not() {
    let Some(python) = python_for("deploy", "kubernetes_validate") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let schema = folder.path().join("pragati.schema.json");
    fs::write(&schema, printed_schema()).expect("a file");
    let written = |name: String, text: &str| {
        let settings: toml::Table = text.parse().expect(&name);
        let file = folder.path().join(format!("{name}.json"));
        fs::write(&file, serde_json::to_string(&settings).expect("JSON")).expect("a file");
        file
    };
    let files: Vec<PathBuf> = examples()
        .iter()
        .map(|(place, text)| written(place.replace(['/', ':', ' '], "-"), text))
        .collect();
    let checked = validated(&python, &schema, &files);
    let words = format!(
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );
    assert!(checked.status.success(), "{words}");
    for (name, mistake) in [
        ("unknown", "exprots = 'x'"),
        ("unknown-in-section", "[serve]\nlisten_to = '127.0.0.1:1'"),
        ("type", "threads = 'four'"),
        ("zero", "[nightly]\nkeep = 0"),
        ("choice", "[report]\nunknown_users = 'drop'"),
        ("size", "memory_limit = 'much'"),
        ("missing", "[mail.dkim]\nselector = 'pragati'"),
    ] {
        let file = written(name.to_owned(), mistake);
        let checked = validated(&python, &schema, &[file]);
        assert_eq!(checked.status.code(), Some(1), "{mistake}");
    }
}
