//! `pragati sample`: made-up exports to try things with.

use std::path::PathBuf;

use clap::Args;
use pragati::ids::SnapshotDate;
use pragati::sample::{SampleOptions, generate};

use super::log;
use super::options::MessageOptions;
use super::progress;

const EXAMPLES: &str = "\
Examples:
  pragati sample --out exports
  pragati sample --out exports --users 1000000 --enrolments 5000000 --batches 5000 --days 1
  pragati sample --out exports --telemetry 1000000

The same options always make the same files.";

/// Make up realistic exports to try things with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SampleArguments {
    /// Folder to write the exports to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Users
    #[arg(long, value_name = "N", default_value_t = 300)]
    users: usize,
    /// Enrolments
    #[arg(long, value_name = "N", default_value_t = 1_500)]
    enrolments: usize,
    /// Batches
    #[arg(long, value_name = "N", default_value_t = 12)]
    batches: usize,
    /// Consecutive days
    #[arg(long, value_name = "N", default_value_t = 2)]
    days: usize,
    /// Events of the platform's telemetry, over all days; a quarter are clicks, and a few lines are no events
    #[arg(long, value_name = "N", default_value_t = 0)]
    telemetry: usize,
    /// The newest day, as YYYY-MM-DD
    #[arg(long, value_name = "DATE", default_value = "2026-11-22")]
    last_date: SnapshotDate,
    /// Another seed makes other data
    #[arg(long, value_name = "S", default_value_t = 7)]
    seed: u64,
    #[command(flatten)]
    talk: MessageOptions,
}

pub fn run(arguments: SampleArguments) -> anyhow::Result<()> {
    arguments.talk.start_log();
    let options = SampleOptions {
        users: arguments.users,
        enrolments: arguments.enrolments,
        batches: arguments.batches,
        days: arguments.days,
        telemetry: arguments.telemetry,
        seed: arguments.seed,
        last_date: arguments.last_date.day(),
    };
    let spinner = progress::spinner("making exports", arguments.talk.is_quiet());
    let made = generate(&options, &arguments.out, &mut |day| {
        spinner.set_message(format!("made {day}"))
    })?;
    spinner.finish_and_clear();
    if !arguments.talk.is_quiet() {
        log::say(&format!(
            "{}: {} days, the last with {} users, {} enrolments, {} batches (the largest has {} enrolments)",
            arguments.out.display(),
            made.days.len(),
            made.users,
            made.enrolments,
            made.batches,
            made.largest_batch
        ));
    }
    Ok(())
}
