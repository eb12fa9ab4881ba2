//! The lab inside the emulated machine of `cargo xtask lab --guest`: `SCENARIO,… PEER` tries some, nothing lists all.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = lab::hidden(&arguments) {
        return code;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &words[..] {
        [] => writeln!(std::io::stdout(), "{}", lab::guest::list().trim_end()).map_err(Into::into),
        [scenarios, peer] => lab::guest::run(scenarios, peer),
        _ => Err(anyhow::anyhow!("it takes scenarios and a peer, or nothing")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}
