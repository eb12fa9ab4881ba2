//! `equalnet mode [observe|suggest|control]`

use super::{Finding, Talk, read};
use crate::paint::Paint;
use wire::{ModeChange, Status};

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Which; says the present one if absent
    #[arg(value_parser = ["observe", "suggest", "control"])]
    mode: Option<String>,
    /// JSON for machines
    #[arg(long)]
    json: bool,
}

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    let now = match &args.mode {
        None => ModeChange { mode: read::<Status>(&talk.client, "status")?.mode },
        Some(mode) => talk.client.put("mode", &ModeChange { mode: mode.clone() })?,
    };
    if args.json {
        talk.write_json(&now)?;
    } else {
        talk.write(&text(&now.mode, talk.paint))?;
    }
    Ok(Finding::Fine)
}

fn text(mode: &str, paint: Paint) -> String {
    let meaning = match mode {
        "observe" => "measures, touches nothing",
        "suggest" => "shows the plan it would apply, touches nothing",
        "control" => "applies its plans",
        _ => "not known to this version",
    };
    format!("{}: EqualNet {meaning}.\n", paint.state(mode, mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_explained() {
        assert_eq!(text("observe", Paint::Plain), "observe: EqualNet measures, touches nothing.\n");
    }
}
