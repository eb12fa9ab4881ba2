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
    /// A larger recurrent network through `burn`, to compare with (docs/forecasts.md): minutes to build, the first time
    Large {
        /// Passed on: `--learn F.csv --judge F.csv --out FOLDER`, `--cell lstm`, `--device cuda`, …; `-- --help` explains them
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
        Model::Large { more } => return large(&more),
        Model::Judge { more } => ("judge", more),
    };
    run::check(run::cargo(&["run", "--release", "--quiet", "--package", "trainer", "--", verb]).args(more))
}

/// A workspace of its own, so that nothing else is built with what it needs.
fn large(more: &[String]) -> Result<()> {
    let mut command =
        run::cargo(&["run", "--release", "--quiet", "--manifest-path", "crates/trainer/large/Cargo.toml"]);
    let is_cuda = |pair: &[String]| pair[0] == "--device" && pair[1] == "cuda";
    if more.windows(2).any(is_cuda) || more.iter().any(|one| one == "--device=cuda") {
        command.args(["--features", "cuda"]);
    }
    run::check(command.arg("--").args(more))
}
