//! The output of `--version`: the version, the commit that was built, the libraries that results depend on, and the
//! features.

use std::sync::LazyLock;

use datafusion::DATAFUSION_VERSION;
use datafusion::arrow::ARROW_VERSION;
use pragati::zone::Zone;

/// The version alone.
pub const SHORT: &str = env!("CARGO_PKG_VERSION");

/// The commit and its day, from `build.rs`.
const COMMIT: &str = env!("BUILT_FROM");

static LONG: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{SHORT}\ncommit: {COMMIT}\nDataFusion: {DATAFUSION_VERSION}\nArrow: {ARROW_VERSION}\n\
         features: {}\ntime zones: {}",
        features(),
        Zone::database_version()
    )
});

/// The version and what was built, a line each.
pub fn long() -> &'static str {
    LONG.as_str()
}

/// The optional features that are built in.
fn features() -> String {
    let all = [
        ("cluster", cfg!(feature = "cluster")),
        ("delta", cfg!(feature = "delta")),
    ];
    let built_in = all
        .iter()
        .filter(|(_, is_built_in)| *is_built_in)
        .map(|(name, _)| *name);
    match built_in.collect::<Vec<_>>().as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}
