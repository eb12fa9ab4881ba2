//! `equalnet decisions`

use super::{Finding, Talk, now_ms, read};
use crate::paint::Paint;
use crate::text::{ago, plain};
use std::time::Duration;
use wire::Decision;

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// How many, the latest
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    /// Go on with those to come
    #[arg(long, short)]
    follow: bool,
    /// JSON for machines, one decision a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    let mut told = 0;
    loop {
        let limit = if told == 0 { args.limit } else { 1_000 };
        let mut decisions: Vec<Decision> = read(&talk.client, &format!("decisions?limit={limit}"))?;
        // The newest last: where the eye is on a terminal, and where more will come.
        decisions.reverse();
        let now_ms = now_ms()?;
        for decision in decisions.iter().filter(|decision| told == 0 || decision.id > told) {
            if args.json {
                talk.write_json(decision)?;
            } else {
                talk.write(&line(decision, talk.paint, now_ms))?;
            }
        }
        told = decisions.last().map_or(told, |decision| decision.id.max(told));
        if !args.follow {
            if decisions.is_empty() && !args.json {
                talk.write("Nothing was decided yet.\n")?;
            }
            return Ok(Finding::Fine);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// A decision with its time, as in the journal.
pub(super) fn line(decision: &Decision, paint: Paint, now_ms: u64) -> String {
    format!("{}  {}\n", paint.dim(&format!("{:>10}", ago(decision.at_ms, now_ms))), plain(&decision.sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_its_time_and_its_sentence() {
        let decision = Decision {
            at_ms: 1_000,
            sentence: "Backup of NAS held to 10.0 Mbit/s down.".to_owned(),
            ..Decision::default()
        };
        assert_eq!(line(&decision, Paint::Plain, 13_000), "  12 s ago  Backup of NAS held to 10.0 Mbit/s down.\n");
    }
}
