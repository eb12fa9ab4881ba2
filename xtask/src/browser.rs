//! The dashboard in a real browser, over the household.

use crate::{demo, node, run};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Long enough for the story to reach control mode and for the browser's walk through both pages.
const STORY: &str = "150s";

/// After this long the daemon knows who is held back.
const SETTLING: Duration = Duration::from_secs(10);

/// Where the pictures of the pages go when they are asked for.
const PICTURES: &str = "docs/screenshots";

/// What to do with the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pictures {
    /// Take none.
    Skip,
    /// Replace those in `docs/screenshots`.
    Keep,
}

/// Runs the browser's walk against a household that is under way.
///
/// # Errors
/// The household does not start, or the page does not do what it should.
pub fn walk(pictures: Pictures) -> Result<()> {
    let program = demo::release()?;
    let mut household = run::command(&program, &["demo", "--for", STORY, "--no-browser", "--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .context("the household cannot be started")?;
    let outcome = with_household(&mut household, pictures);
    // The household clears itself when it is asked to end.
    let _ = run::check(Command::new("kill").args(["-TERM", &household.id().to_string()]));
    household.wait()?;
    outcome
}

fn with_household(household: &mut Child, pictures: Pictures) -> Result<()> {
    let mut lines = BufReader::new(household.stdout.take().context("a piped child has an output")?).lines();
    let (mut url, mut password, mut under_way) = (None, None, false);
    // Before the line is divided there is nothing that a priority could change.
    while !under_way {
        let line = lines.next().context("the household ended before it told its address")??;
        if let Some(at) = line.find("http://") {
            url = line[at..].split_whitespace().next().map(|url| url.trim_end_matches('/').to_owned());
        }
        if line.contains("password `") {
            password = line.rsplit('`').nth(1).map(str::to_owned);
        }
        under_way = line.contains("EqualNet divides the line");
    }
    // Readings of some seconds tell who wants more than they get.
    std::thread::sleep(SETTLING);
    // The rest of the story must go somewhere, or the household waits for us.
    std::thread::spawn(move || lines.for_each(drop));
    let (Some(url), Some(password)) = (url, password) else { bail!("the household told no address") };
    let mut walk = node::npm(&["run", "--silent", "browser", "--", "--url", &url])?;
    walk.env("EQUALNET_PASSWORD", password).arg("--full-link");
    if pictures == Pictures::Keep {
        walk.args(["--shots", &run::root().join(PICTURES).to_string_lossy()]);
    }
    run::check(&mut walk)
}
