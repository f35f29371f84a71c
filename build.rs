//! Compiles again when a file of `queries/` changes: `include_dir!` does not tell cargo what it read.

fn main() {
    println!("cargo::rerun-if-changed=queries");
}
