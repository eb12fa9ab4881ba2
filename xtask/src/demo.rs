//! `cargo xtask demo`: builds what it needs, then hands over to `equalnet demo`.

use crate::{run, web};
use anyhow::Result;
use std::path::PathBuf;

/// What the user asked for.
#[derive(clap::Args)]
pub struct Arguments {
    /// How long the household runs (the story needs 30s at least)
    #[arg(long = "for", value_name = "TIME", default_value = "60s")]
    duration: String,
    /// Write what was measured to this file, as JSON
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Do not open the dashboard in a browser
    #[arg(long)]
    no_browser: bool,
}

/// Builds dashboard and program, names or installs what is missing, and runs the household.
pub fn run(arguments: Arguments) -> Result<()> {
    if run::is_root() {
        run::ensure_packages(&[("ip", "iproute2"), ("tc", "iproute2"), ("dnsmasq", "dnsmasq-base")])?;
    }
    println!("[1/3] Dashboard");
    web::build()?;
    println!("[2/3] Program (release build; the first one takes some minutes)");
    let program = release()?;
    println!("[3/3] Household");
    let mut demo = run::command(&program, &["demo", "--for", &arguments.duration]);
    if let Some(report) = &arguments.report {
        demo.arg("--report").arg(std::path::absolute(report)?);
    }
    if arguments.no_browser {
        demo.arg("--no-browser");
    }
    run::check(&mut demo)
}

/// Builds the release program and says where it lies.
pub fn release() -> Result<PathBuf> {
    run::check(&mut run::cargo(&["build", "--release", "--package", "equalnet"]))?;
    Ok(run::target_dir().join("release/equalnet"))
}
