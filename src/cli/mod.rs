//! The command line: parses arguments, calls the library, prints results. A file for each subcommand; no logic of its
//! own.

mod bounces;
mod changes;
mod check;
#[cfg(feature = "cluster")]
mod cluster;
mod completions;
mod config;
mod counts;
mod failure;
mod format;
mod json_lines;
mod log;
mod man;
mod nightly;
mod options;
mod parameters;
mod password;
mod progress;
mod queries;
mod query;
mod ratio;
mod report;
mod report_filter;
mod requests;
mod rows;
mod sample;
mod serve;
mod sql;
mod subscriptions;
mod table_or_json;
mod token;
mod version;

use std::time::Duration;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use pragati::engine::STACK_OF_THREADS;
use pragati::observability;

pub use failure::Failure;

/// The time limit for a stopped run to clean up its files.
const TIME_TO_CLEAN_UP: Duration = Duration::from_secs(10);

/// Course Progress Reports and the download ratio from a learning platform's daily Parquet exports.
#[derive(Debug, Parser)]
#[command(
    name = "pragati",
    version,
    long_version = version::long(),
    arg_required_else_help = true,
    after_help = EXAMPLES
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  pragati sample --out exports                                  make exports to try things with
  pragati check --exports exports                               is the latest snapshot sound?
  pragati report --exports exports --batch 013… -o report.csv   one batch's Course Progress Report
  pragati nightly --exports exports --out reports               all reports, the report mart and the metrics
  pragati ratio --exports exports --level tenant                is the report used?
  pragati changes --reports reports                             which batches changed since the night before?
  pragati serve --exports exports --reports reports             reports by mail and download, for who may have them
  pragati sql --exports exports                                 a shell for any SQL over the same tables and views
  pragati query download_ratio_by_tenant --exports exports      one of the SQL files by its name

Every setting can stand in pragati.toml, in an environment variable PRAGATI_… (PRAGATI_EXPORTS, PRAGATI_REPORT__BOM),
or in a flag; a flag wins over the environment, and the environment over the file.
Exit codes: 0 done, 1 the job failed, 2 wrong usage.";

#[derive(Debug, Subcommand)]
enum Command {
    Report(report::ReportArguments),
    Nightly(nightly::NightlyArguments),
    Ratio(ratio::RatioArguments),
    Changes(changes::ChangesArguments),
    Sql(sql::SqlArguments),
    Queries(queries::QueriesArguments),
    Query(query::QueryArguments),
    Serve(serve::ServeArguments),
    Password(password::PasswordArguments),
    Token(token::TokenArguments),
    Check(check::CheckArguments),
    Sample(sample::SampleArguments),
    Requests(requests::RequestsArguments),
    Subscriptions(subscriptions::SubscriptionsArguments),
    Config(config::ConfigArguments),
    Completions(completions::CompletionsArguments),
    Man(man::ManArguments),
    Bounces(bounces::BouncesArguments),
    #[cfg(feature = "cluster")]
    Cluster(cluster::ClusterArguments),
}

/// Runs the command of the process's arguments.
pub fn run() -> Result<(), Failure> {
    let command = Arguments::parse().command;
    let reads_only_copy = matches!(&command, Command::Bounces(bounces) if bounces.reads_input());
    let result = run_command(command);
    if reads_only_copy {
        result.map_err(Failure::into_later)
    } else {
        result
    }
}

fn run_command(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_OF_THREADS)
        .build()
        .context("the engine's threads cannot be started")
        .map_err(Failure::from)?;
    let result = runtime.block_on(async {
        match command {
            // The service shuts down in order; a second signal ends it at once.
            Command::Serve(arguments) => tokio::select! {
                result = serve::run(arguments, async { stop_signal().await; }) => result.map_err(Failure::from),
                signal = async { stop_signal().await; stop_signal().await } => Err(signal),
            },
            #[cfg(feature = "cluster")]
            Command::Cluster(arguments) => tokio::select! {
                result = cluster::run(arguments, async { stop_signal().await; }) => result.map_err(Failure::from),
                signal = async { stop_signal().await; stop_signal().await } => Err(signal),
            },
            // Ctrl-C cancels a query, not the shell.
            Command::Sql(arguments) if arguments.is_interactive() => {
                sql::run_shell(arguments, terminate_signal()).await
            }
            command => tokio::select! {
                result = execute(command) => result,
                signal = stop_signal() => Err(signal),
            },
        }
    });
    // While the runtime still sends.
    observability::stop();
    runtime.shutdown_timeout(TIME_TO_CLEAN_UP);
    result
}

/// Runs a command that can be stopped at any moment.
async fn execute(command: Command) -> Result<(), Failure> {
    let result = match command {
        Command::Report(arguments) => report::run(arguments).await,
        Command::Nightly(arguments) => nightly::run(arguments).await,
        Command::Ratio(arguments) => ratio::run(arguments).await,
        Command::Changes(arguments) => changes::run(arguments).await,
        Command::Sql(arguments) => sql::run(arguments).await,
        Command::Queries(arguments) => queries::run(arguments),
        Command::Query(arguments) => query::run(arguments).await,
        Command::Serve(arguments) => serve::run(arguments, std::future::pending()).await,
        Command::Password(arguments) => password::run(arguments),
        Command::Token(arguments) => token::run(arguments).await,
        Command::Check(arguments) => check::run(arguments).await,
        Command::Sample(arguments) => sample::run(arguments),
        Command::Requests(arguments) => requests::run(arguments).await,
        Command::Subscriptions(arguments) => subscriptions::run(arguments).await,
        Command::Config(arguments) => config::run(arguments).await,
        Command::Completions(arguments) => completions::run(arguments, Arguments::command()),
        Command::Man(arguments) => man::run(arguments, Arguments::command()),
        Command::Bounces(arguments) => return bounces::run(arguments).await,
        #[cfg(feature = "cluster")]
        Command::Cluster(arguments) => cluster::run(arguments, std::future::pending()).await,
    };
    result.map_err(Failure::from)
}

/// Says on standard error why the command failed.
pub fn complain(failure: &Failure) {
    log::complain(&failure.to_string());
}

async fn stop_signal() -> Failure {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => Failure::Interrupted,
        () = terminate_signal() => Failure::Terminated,
    }
}

/// Ready when the process receives SIGTERM.
async fn terminate_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
