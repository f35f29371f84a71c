//! `pragati nightly`: the reports of all batches, the report mart and the metric tables, in one run.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytesize::ByteSize;
use clap::Args;
use pragati::catalog::{Catalog, Readings};
use pragati::config::Config;
use pragati::nightly::{self, NightlyError, NightlyOutput, Removed};

use super::counts::days_kept;
use super::failure::UsageError;
use super::log;
use super::options::CommonOptions;
use super::progress::NightlyBar;

const EXAMPLES: &str = "\
Examples:
  pragati nightly --exports exports --out reports
  pragati nightly --exports s3://bucket/exports --out s3://bucket/reports --memory-limit 2GB --threads 4
  pragati nightly --exports exports --out reports --keep 30
  pragati nightly --exports exports --out reports --full        make every report anew

Writes OUT/date=YYYY-MM-DD/ with csv/<tenant>/<batch>.csv, course_progress_report/*.parquet (the report mart),
download_ratio/ and download_ratio_by_day/ (Parquet and CSV), changed_batches/ (what is new since the day before) and
manifest.json. Reports that did not change are taken over from the newest output that was made with the same settings:
linked in a folder, copied by the store in a store; the bytes are those of a full run. Days of the ratio that are too old
to be revised are carried over from the output before. A run that is stopped, or loses its power, leaves the earlier output
as it was. With --keep 30, the output of all but the newest 30 days is removed afterwards, and the removed days are listed.
A day stays where its folder holds anything else, or where the newest output lacks some of its rows of the ratio by day.";

/// Write the reports of all batches, the report mart and the metric tables.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct NightlyArguments {
    /// Folder or URL of the output
    #[arg(long, value_name = "DIR|URL")]
    out: Option<String>,
    /// Remove the output of all but the newest N days afterwards [default: all days stay]
    #[arg(long, value_name = "N", value_parser = days_kept)]
    keep: Option<NonZeroU32>,
    /// Make every report anew, instead of taking over from an earlier output what did not change
    #[arg(long)]
    full: bool,
    /// Compare some of the reports that are taken over with reports that are made anew
    #[arg(long, conflicts_with = "full")]
    verify: bool,
    #[command(flatten)]
    common: CommonOptions,
}

pub async fn run(arguments: NightlyArguments) -> anyhow::Result<()> {
    let config = settings(&arguments)?;
    let out = arguments.out.or_else(|| config.nightly.out.clone()).ok_or_else(|| {
        UsageError("no output given; use --out DIR|URL, PRAGATI_NIGHTLY__OUT, or `out` under [nightly]".to_owned())
    })?;
    if out == "-" {
        let problem = "the nightly output is several files, which standard output cannot hold; use --out DIR|URL";
        return Err(UsageError(problem.to_owned()).into());
    }
    let catalog = Catalog::open_for(&config, Readings::Several).await?;
    let bar = Arc::new(NightlyBar::new(arguments.common.is_quiet()));
    let made = nightly::run(&catalog, &config, &out, bar.clone()).await;
    bar.finish();
    let made = made?;
    let counts = &made.manifest.counts;
    if !arguments.common.is_quiet() {
        log::say(&format!("{}; {}", summary(&made), origin(&made, config.nightly.verify)));
    }
    if let Some(taken) = made.manifest.taken_over {
        tracing::info!("{} files are those of the output of {}", taken.files, taken.from);
    }
    if let Some(consent) = &counts.consent {
        tracing::info!(
            "consent: {} rows show nothing personal, {} enrolments of other organisations are left out",
            consent.hidden_details,
            consent.left_out
        );
    }
    let rejected = counts.without_user_id + counts.without_batch_id;
    if rejected > 0 {
        tracing::warn!(
            "{rejected} enrolments have no user or batch and are in no report; manifest.json names their batches"
        );
    }
    let removed = made.removed.map_err(|reason| NotRemoved {
        published: made.place,
        reason,
    })?;
    if !arguments.common.is_quiet() {
        say_removed(&removed);
    }
    Ok(())
}

/// The configuration with the options of the command.
fn settings(arguments: &NightlyArguments) -> anyhow::Result<Config> {
    let mut config = arguments.common.load()?;
    if arguments.verify && config.nightly.full {
        // `--full` beside `verify = true` is one full night of many that are verified; here, somebody asks for a check.
        let problem = "--verify compares reports that are taken over, and `full` under [nightly], or PRAGATI_NIGHTLY__FULL, \
                       takes none over; give one of the two";
        return Err(UsageError(problem.to_owned()).into());
    }
    config.nightly.keep = arguments.keep.or(config.nightly.keep);
    config.nightly.full |= arguments.full;
    config.nightly.verify |= arguments.verify;
    Ok(config)
}

/// What was made, and how long it took.
fn summary(made: &NightlyOutput) -> String {
    let (manifest, counts) = (&made.manifest, &made.manifest.counts);
    format!(
        "{}: {} reports with {} rows ({} in all) of the snapshot of {}, in {:.1} s",
        made.place,
        counts.batches,
        counts.rows_reported,
        made.bytes(),
        manifest.snapshot_date,
        manifest.timings.seconds
    )
}

/// How many reports were taken over and how many were made; where the run `verifies`, how many were compared.
fn origin(made: &NightlyOutput, verifies: bool) -> String {
    let (manifest, reused) = (&made.manifest, &made.reused);
    let origin = match &manifest.taken_over {
        None => "all made anew".to_owned(),
        Some(taken) => {
            let made_anew = manifest.counts.batches.saturating_sub(reused.reports);
            format!(
                "{} taken over from the output of {}, {made_anew} made anew",
                reused.reports, taken.from
            )
        }
    };
    match (verifies, reused.compared) {
        (false, _) => origin,
        (true, 0) => format!("{origin}; nothing compared, since no report was taken over"),
        (true, compared) => {
            format!("{origin}; compared {compared} of those taken over with reports made anew: no difference")
        }
    }
}

/// Old days that could not be removed, after a run that published.
#[derive(Debug, thiserror::Error)]
#[error("{published} was published, and older days could not be removed: {reason}")]
struct NotRemoved {
    published: String,
    reason: NightlyError,
}

fn say_removed(removed: &Removed) {
    let [first, .., last] = removed.days.as_slice() else {
        if let [day] = removed.days.as_slice() {
            log::say(&format!("removed the output of {day} ({})", size_of(removed)));
        }
        return;
    };
    let days = removed.days.len();
    log::say(&format!(
        "removed the output of {days} days, {first} to {last} ({})",
        size_of(removed)
    ));
}

fn size_of(removed: &Removed) -> String {
    format!("{} files, {}", removed.files, ByteSize::b(removed.bytes))
}
