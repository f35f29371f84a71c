//! What releases are made of: the Debian package's files, the image's bases, the compiler, and the software bill of
//! materials.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

fn read_toml(path: &str) -> toml::Table {
    read(path).parse().expect(path)
}

/// The files that a source of the package names: one, or those of a folder with an ending.
fn files_of(source: &str) -> Vec<PathBuf> {
    let path = root().join(source);
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name")
        .to_owned();
    let Some(ending) = name.strip_prefix('*') else {
        return vec![path];
    };
    let folder = fs::read_dir(path.parent().expect("a folder")).expect(source);
    let files = folder.map(|file| file.expect("a file").path());
    files.filter(|file| file.to_string_lossy().ends_with(ending)).collect()
}

#[test]
fn the_package_has_files_that_are_there_and_every_unit() {
    let manifest = read_toml("Cargo.toml");
    let package = &manifest["package"]["metadata"]["deb"];
    let assets = package["assets"].as_array().expect("a list");
    let script = read("deploy/deb.sh");
    let mut packed = BTreeSet::new();
    for asset in assets {
        let parts: Vec<&str> = asset
            .as_array()
            .expect("a list")
            .iter()
            .map(|part| part.as_str().expect("a text"))
            .collect();
        let [source, target, mode] = parts.as_slice() else {
            panic!("{parts:?}");
        };
        assert!(target.starts_with("usr/"), "{target}");
        assert_eq!(*mode == "755", target.starts_with("usr/bin"), "{source}");
        match source.strip_prefix("target/package/") {
            // Made by the script before the package is.
            Some(made) => {
                let folder = made.split('/').next().expect("a folder");
                assert!(script.contains(&format!("$made/{folder}")), "{source}");
            }
            None if source.starts_with("target/release/") => {}
            None => {
                let files = files_of(source);
                assert!(!files.is_empty(), "{source}");
                packed.extend(files);
            }
        }
    }
    assert!(packed.iter().all(|file| file.is_file()), "{packed:?}");
    let units = fs::read_dir(root().join("deploy/systemd")).expect("the units");
    for unit in units {
        let unit = unit.expect("a unit").path();
        assert!(packed.contains(&unit), "{}", unit.display());
    }
}

#[test]
fn scripts_of_the_package_are_sound() {
    let scripts = fs::read_dir(root().join("deploy/debian")).expect("the scripts");
    let mut names = BTreeSet::new();
    for script in scripts {
        let script = script.expect("a script").path();
        let checked = Command::new("sh").arg("-n").arg(&script).output().expect("a run");
        assert!(checked.status.success(), "{}: {checked:?}", script.display());
        names.extend(script.file_name().map(|name| name.to_string_lossy().into_owned()));
    }
    assert_eq!(
        names,
        BTreeSet::from(["postinst", "postrm", "prerm"].map(str::to_owned))
    );
    let build = root().join("deploy/deb.sh");
    let checked = Command::new("bash").arg("-n").arg(build).output().expect("a run");
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn units_find_the_program_where_the_package_and_a_copy_put_it() {
    for unit in ["pragati-serve.service", "pragati-nightly.service"] {
        let text = read(&format!("deploy/systemd/{unit}"));
        let commands: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("ExecStart").and_then(|rest| rest.split_once('=')))
            .map(|(_, command)| command)
            .collect();
        assert!(!commands.is_empty(), "{unit}");
        for command in commands {
            assert!(command.starts_with("pragati "), "{unit}: {command}");
        }
    }
}

#[test]
fn bases_are_pinned_and_the_compiler_is_the_one_that_is_needed() {
    let manifest = read_toml("Cargo.toml");
    let needed = manifest["package"]["rust-version"].as_str().expect("a version");
    let image = read("deploy/Dockerfile");
    let bases: Vec<&str> = image
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .map(|line| line.split(' ').next().expect("a base"))
        .collect();
    assert_eq!(bases.len(), 2, "{bases:?}");
    for base in &bases {
        let (image, digest) = base.split_once("@sha256:").expect("a digest");
        assert!(
            digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit()),
            "{base}"
        );
        let tag = image.split_once(':').expect("a tag").1;
        let version = tag.split('-').next().expect("a version");
        let is_number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
        assert!(version.contains('.') && version.split('.').all(is_number), "{base}");
    }
    assert!(
        bases[0].starts_with(&format!("rust:{needed}.0-bookworm@")),
        "{}",
        bases[0]
    );
}

#[test]
fn rules_for_dependencies_allow_no_unknown_source() {
    let rules = read_toml("deny.toml");
    let sources = &rules["sources"];
    for (rule, word) in [("unknown-registry", "deny"), ("unknown-git", "deny")] {
        assert_eq!(sources[rule].as_str(), Some(word), "{rule}");
    }
    let allowed = sources["allow-registry"].as_array().expect("a list");
    let lock = read_toml("Cargo.lock");
    let packages = lock["package"].as_array().expect("a list");
    let found: BTreeSet<&str> = packages
        .iter()
        .filter_map(|package| package.get("source")?.as_str())
        .map(|source| source.trim_start_matches("registry+"))
        .collect();
    let allowed: BTreeSet<&str> = allowed.iter().filter_map(toml::Value::as_str).collect();
    assert_eq!(found, allowed);
    let names: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let banned = rules["bans"]["deny"].as_array().expect("a list");
    assert!(!banned.is_empty());
    for rule in banned {
        let banned = rule["crate"].as_str().expect("a name");
        assert!(!names.contains(banned), "{banned}");
    }
}

/// What the script makes of this output of `cargo metadata`.
fn bill_of(metadata: &Value) -> Value {
    let mut script = Command::new("python3")
        .arg(root().join("deploy/sbom.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python");
    let mut input = script.stdin.take().expect("its input");
    input.write_all(metadata.to_string().as_bytes()).expect("written");
    drop(input);
    let output = script.wait_with_output().expect("its end");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A package as `cargo metadata` describes it.
fn package(id: &str, name: &str, version: &str, license: Option<&str>) -> Value {
    json!({ "id": id, "name": name, "version": version, "license": license })
}

#[test]
fn the_bill_of_materials_lists_what_is_built_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let lock = "[[package]]\nname = \"adler2\"\nversion = \"2.0.1\"\nchecksum = \"3201\"\n";
    fs::write(folder.path().join("Cargo.lock"), lock).expect("a file");
    let dependency = |id: &str, kinds: &[Option<&str>]| {
        let kinds: Vec<Value> = kinds.iter().map(|kind| json!({ "kind": kind })).collect();
        json!({ "pkg": id, "dep_kinds": kinds })
    };
    let bill = bill_of(&json!({
        "workspace_root": folder.path(),
        "packages": [
            package("p", "pragati", "0.1.0", Some("Apache-2.0")),
            package("a", "adler2", "2.0.1", Some("0BSD OR MIT")),
            package("f", "fnv", "1.0.7", Some("Apache-2.0 / MIT")),
            package("c", "cc", "1.2.0", None),
            package("i", "insta", "1.49.0", Some("Apache-2.0")),
        ],
        "resolve": {
            "root": "p",
            "nodes": [
                { "id": "p", "deps": [
                    dependency("a", &[None]),
                    dependency("i", &[Some("dev")]),
                    dependency("c", &[Some("build"), Some("dev")]),
                ] },
                { "id": "a", "deps": [dependency("f", &[None])] },
                { "id": "f", "deps": [] },
                { "id": "c", "deps": [] },
                { "id": "i", "deps": [dependency("f", &[None])] },
            ]
        }
    }));
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert_eq!(bill["metadata"]["component"]["name"], "pragati");
    assert_eq!(bill["metadata"]["component"]["type"], "application");
    let components = bill["components"].as_array().expect("a list");
    let names: Vec<&str> = components.iter().filter_map(|part| part["name"].as_str()).collect();
    // Not insta, which tests alone use.
    assert_eq!(names, ["adler2", "cc", "fnv"]);
    assert_eq!(
        components[0]["hashes"][0],
        json!({ "alg": "SHA-256", "content": "3201" })
    );
    assert_eq!(components[0]["purl"], "pkg:cargo/adler2@2.0.1");
    assert_eq!(components[1].get("licenses"), None);
    assert_eq!(
        components[2]["licenses"],
        json!([{ "expression": "Apache-2.0 OR MIT" }])
    );
    let of_program = bill["dependencies"]
        .as_array()
        .expect("a list")
        .last()
        .expect("one")
        .clone();
    assert_eq!(
        of_program,
        json!({ "ref": "pkg:cargo/pragati@0.1.0", "dependsOn": ["pkg:cargo/adler2@2.0.1", "pkg:cargo/cc@1.2.0"] })
    );
}
