//! `cargo xtask train`: makes the weights of the models anew, and says how good they are.

use crate::run;
use anyhow::Result;

/// What the user asked for.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    model: Model,
}

#[derive(clap::Subcommand)]
enum Model {
    /// How flows move: learn, write the weights, judge (docs/behavior-model.md)
    Behavior {
        /// Passed on: `--seed 1`, `--without FAMILY`, `--captures FOLDER --truth FILE`, …; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        more: Vec<String>,
    },
    /// How demand goes on: make series, learn, write the weights that ship (docs/forecast-data.md)
    Forecast {
        /// Passed on: `--out F.safetensors`, `--hours 1100`, `--seed 1`, …; `-- --help` explains them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        more: Vec<String>,
    },
    /// Make series of demand that forecasts may learn from (docs/forecast-data.md)
    Demand {
        /// Passed on: `--out F.csv.gz`, `--hours 520`, `--seed 1`; `-- --help` explains them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        more: Vec<String>,
    },
    /// Judge the built-in weights of behaviour only
    Judge {
        /// Passed on: `--captures FOLDER --truth FILE`, `--list`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        more: Vec<String>,
    },
}

/// Builds the trainer and runs it.
pub fn run(arguments: Arguments) -> Result<()> {
    let (verb, more) = match arguments.model {
        Model::Behavior { more } => ("behavior", more),
        Model::Forecast { more } => ("forecast", more),
        Model::Demand { more } => ("demand", more),
        Model::Judge { more } => ("judge", more),
    };
    run::check(run::cargo(&["run", "--release", "--quiet", "--package", "trainer", "--", verb]).args(more))
}
