//! `--param`, for the commands that run statements with `$name` parameters.

use clap::Args;
use pragati::shell::Parameter;

#[derive(Debug, Args)]
pub struct ParameterOptions {
    /// Value of the parameter $NAME; text, or of TYPE int, number, bool, date or timestamp. May be repeated
    #[arg(short, long = "param", value_name = "NAME[:TYPE]=VALUE")]
    pub parameters: Vec<Parameter>,
}
