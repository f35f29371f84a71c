//! Compiles again when a file of `queries/` or a migration changes: the macros that include them do not tell cargo what
//! they read.

fn main() {
    println!("cargo::rerun-if-changed=queries");
    println!("cargo::rerun-if-changed=src/server/page");
    println!("cargo::rerun-if-changed=src/delivery/store/migrations");
}
