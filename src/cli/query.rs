//! `pragati query`: runs one of the SQL files by name.

use clap::Args;
use pragati::queries::Queries;
use pragati::shell::Session;

use super::format::RowsOptions;
use super::options::CommonOptions;
use super::parameters::ParameterOptions;
use super::rows::RowOutput;

const EXAMPLES: &str = "\
Examples:
  pragati query download_ratio_by_tenant --exports exports
  pragati query reports/report_of_batch --exports exports --param batch_id=013… --format csv -o report.csv
  pragati query users_without_user_id --exports exports --date 2026-11-21

`pragati queries` lists the names; `pragati queries NAME` shows what a query takes and does.
The parameters $timezone, $as_of, $same_tenant and $unknown_users have the configured values where none are given.";

/// Run one of the SQL files by its name.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct QueryArguments {
    /// layer/name of the query, or its name where no other layer has it
    name: String,
    #[command(flatten)]
    given: ParameterOptions,
    #[command(flatten)]
    rows: RowsOptions,
    #[command(flatten)]
    common: CommonOptions,
}

pub async fn run(arguments: QueryArguments) -> anyhow::Result<()> {
    let config = arguments.common.load()?;
    let query = Queries::new(config.queries.clone()).find(&arguments.name)?;
    let mut output = RowOutput::open(&arguments.rows, arguments.common.is_quiet())?;
    let session = Session::open(config, arguments.given.parameters).await?;
    output.write(session.start_query(&query).await?).await?;
    Ok(output.finish()?)
}
