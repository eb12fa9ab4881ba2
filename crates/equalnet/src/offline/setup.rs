//! `equalnet setup`: looks at the network, says what it found and proposes, asks what it cannot see, and writes the
//! configuration. Measures nothing.

mod dialogue;
mod findings;
mod look;
mod propose;
mod writing;

use crate::config::{Config, DEFAULT_PATH};
use anyhow::{Context, Result, bail};
use dialogue::Dialogue;
use findings::{Findings, Forwarding, Found};
use propose::{Foreign, Named, Proposal, Shape, propose};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vocab::{BitRate, Directed, InterfaceName};
use writing::{Choice, Line};

/// What the user asked for.
#[derive(clap::Args)]
#[command(
    after_help = "It looks at interfaces, routes, bridges, queues and what the kernel can do; it touches nothing and measures \
    nothing. On a terminal it asks what cannot be seen: what the line carries, and what kind of line it is (for what \
    that adds to each packet). Give what the line really carries, as a speed test over a cable says; the contract often says \
    more.\n\n\
    Examples:\n  sudo equalnet setup\n  equalnet setup --dry-run\n  \
    sudo equalnet setup --download 100Mbit/s --upload 40Mbit/s --line vdsl --yes\n  \
    sudo equalnet setup --lan br-lan --wan eth0 --download 500Mbit/s --upload 50Mbit/s --yes --json\n\n\
    Exit codes: 0 written, or shown with --dry-run; 1 you said no; 2 an error."
)]
pub struct Arguments {
    /// What the line carries towards you, such as 100Mbit/s
    #[arg(long, value_name = "RATE")]
    download: Option<BitRate>,
    /// What it carries from you
    #[arg(long, value_name = "RATE")]
    upload: Option<BitRate>,
    /// What kind of line it is
    #[arg(long, value_enum, value_name = "KIND")]
    line: Option<Line>,
    /// The interface towards the devices, instead of what was found; several with commas
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = interface)]
    lan: Vec<InterfaceName>,
    /// The interface towards the internet, instead of what was found
    #[arg(long, value_name = "NAME", value_parser = interface)]
    wan: Option<InterfaceName>,
    /// The only interface, for a machine of its own
    #[arg(long, value_name = "NAME", value_parser = interface)]
    interface: Option<InterfaceName>,
    /// Take over what another tool has put on these interfaces; `equalnet clear` puts it back
    #[arg(long)]
    adopt: bool,
    /// Ask nothing: take what is proposed, and replace a configuration that is there (it is kept beside it)
    #[arg(long)]
    yes: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// JSON for machines; asks nothing
    #[arg(long)]
    json: bool,
    /// Where the configuration is written
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    output: PathBuf,
}

fn interface(text: &str) -> Result<InterfaceName, String> {
    InterfaceName::new(text).map_err(|error| error.to_string())
}

/// Looks, proposes, asks and writes.
///
/// # Errors
/// Nothing can be proposed, what the line carries is not known, or the file cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let findings = look::look()?;
    let named =
        Named { lan: arguments.lan.clone(), wan: arguments.wan.clone(), interface: arguments.interface.clone() };
    let proposal = propose(&findings, &named);
    if !arguments.json {
        print!("{}", found_text(&findings));
    }
    let proposal = proposal?;
    if !arguments.json {
        print!("{}", proposal_text(&proposal));
    }
    let asks = !arguments.yes && !arguments.json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut dialogue =
        if asks { Dialogue::Asks { from: std::io::stdin().lock(), to: std::io::stdout() } } else { Dialogue::Silent };
    let Some(choice) = choose(arguments, &findings, &proposal, &mut dialogue)? else {
        return Ok(ExitCode::from(1));
    };
    let text = choice.as_ref().map(writing::configuration).transpose()?;
    if arguments.dry_run {
        show(arguments, &findings, &proposal, text.as_deref());
        return Ok(ExitCode::SUCCESS);
    }
    let text = text.context(
        "what the line carries is not known, and nobody is here to be asked: say --download and --upload \
         (100Mbit/s). Nothing is measured, and nothing was written",
    )?;
    let Some(old) = may_replace(arguments, &mut dialogue)? else {
        println!("Nothing was written.");
        return Ok(ExitCode::from(1));
    };
    writing::write(&arguments.output, &text, old.as_deref()).with_context(|| match findings.missing.is_empty() {
        true => format!("{} was not written", arguments.output.display()),
        false => format!("{} was not written (without root? try sudo)", arguments.output.display()),
    })?;
    if arguments.json {
        let body = json!({
            "found": found_json(&findings), "proposal": proposal_json(&proposal), "configuration": text,
            "written": arguments.output, "kept": old, "next": next(&arguments.output),
        });
        println!("{}", serde_json::to_string_pretty(&body)?);
    } else {
        println!("\nWritten: {}", arguments.output.display());
        if let Some(old) = &old {
            println!("What stood there is kept as {}.", old.display());
        }
        println!("\nWhat to do next:");
        next(&arguments.output).iter().for_each(|step| println!("  {step}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// What is decided, or nothing where the operator said no; inside, nothing where rates are missing and nobody can be
/// asked.
fn choose(
    arguments: &Arguments,
    findings: &Findings,
    proposal: &Proposal,
    dialogue: &mut Dialogue<impl std::io::BufRead, impl std::io::Write>,
) -> Result<Option<Option<Choice>>> {
    if !dialogue.agrees("\nIs that how it lies?", true)? {
        println!("Name the interfaces then: --lan and --wan, or --interface. Nothing was written.");
        return Ok(None);
    }
    let download = match arguments.download {
        Some(rate) => Some(rate),
        None => dialogue.rate("What does the line carry towards you (such as 100 Mbit/s)?")?,
    };
    let upload = match arguments.upload {
        Some(rate) => Some(rate),
        None => dialogue.rate("And from you?")?,
    };
    let line = match arguments.line {
        Some(line) => line,
        None => {
            let choices = Line::ALL.map(|(_, words)| words);
            dialogue.one_of("What kind of line is it?", &choices)?.map_or(Line::default(), |place| Line::ALL[place].0)
        }
    };
    let adopt = match proposal.foreign {
        Foreign::Nobody => arguments.adopt,
        Foreign::Stands => {
            arguments.adopt
                || dialogue.is_asking()
                    && dialogue
                        .agrees("Take over what another tool shapes there, so that `clear` puts it back?", false)?
        }
    };
    let Some((download, upload)) = download.zip(upload) else { return Ok(Some(None)) };
    let least = BitRate::from_kbps(64);
    if download < least || upload < least {
        bail!("a line of {} down and {} up cannot be divided: {least} is the least", download, upload);
    }
    Ok(Some(Some(Choice {
        shape: proposal.shape.clone(),
        rates: Directed { download, upload },
        line,
        adopt,
        own_address: own_address(findings, &proposal.shape),
    })))
}

/// By which devices reach this machine.
fn own_address(findings: &Findings, shape: &Shape) -> Option<std::net::IpAddr> {
    let inside = match shape {
        Shape::Router { lan, .. } => lan.first()?,
        Shape::Bridge { bridge, .. } => bridge,
        Shape::Host { interface } => interface,
    };
    let found = findings.find(inside)?;
    found.addresses.iter().map(|(address, _)| *address).find(std::net::IpAddr::is_ipv4)
}

/// Under which name what stands in the file is kept, if anything; nothing where it must stay.
fn may_replace(
    arguments: &Arguments,
    dialogue: &mut Dialogue<impl std::io::BufRead, impl std::io::Write>,
) -> Result<Option<Option<PathBuf>>> {
    let file = &arguments.output;
    if !file.exists() {
        return Ok(Some(None));
    }
    let old = writing::kept_as(file);
    let carries = carried(file);
    if !arguments.yes {
        if !dialogue.is_asking() {
            bail!("{} is there already: --yes replaces it, and keeps it as {}", file.display(), old.display());
        }
        let question =
            format!("{} is there already{carries}. Replace it, and keep it as {}?", file.display(), old.display());
        if !dialogue.agrees(&question, false)? {
            return Ok(None);
        }
    } else if !carries.is_empty() && !arguments.json {
        println!("{} is replaced{carries}.", file.display());
    }
    Ok(Some(Some(old)))
}

/// What a configuration holds that a new one does not.
fn carried(file: &Path) -> String {
    let Ok(config) = Config::read(file) else { return String::new() };
    let count = |number: usize, what: &str| match number {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{number} {what}s")),
    };
    let held: Vec<String> = [count(config.policy.devices.len(), "device"), count(config.policy.rules.len(), "rule")]
        .into_iter()
        .flatten()
        .collect();
    if held.is_empty() { String::new() } else { format!(" (with {}, which are not carried over)", held.join(" and ")) }
}

fn next(file: &Path) -> Vec<String> {
    let is_usual = file == Path::new(DEFAULT_PATH);
    let start = if is_usual {
        "sudo systemctl enable --now equalnet    (or `systemctl restart equalnet` where it runs)".to_owned()
    } else {
        format!("sudo equalnet run --config {}", file.display())
    };
    vec![
        start,
        "open http://127.0.0.1:8091 (from elsewhere: ssh -L 8091:127.0.0.1:8091); it only watches now".to_owned(),
        "sudo equalnet status, after some minutes: who is there, and what they do".to_owned(),
        "sudo equalnet mode control    (when you like what you see: now it divides; `mode observe` lets go)".to_owned(),
    ]
}

fn found_text(findings: &Findings) -> String {
    let mut text = "What is here:\n".to_owned();
    for found in &findings.interfaces {
        let mut words = vec![found.kind.to_string()];
        words.extend(found.part_of.as_ref().map(|whole| format!("part of {whole}")));
        words.extend(found.rides_on.as_ref().map(|lower| format!("on {lower}")));
        words.extend(match found.state {
            capture::InterfaceState::Up => None,
            capture::InterfaceState::NoCarrier => Some("unplugged".to_owned()),
            capture::InterfaceState::Down => Some("down".to_owned()),
        });
        words.extend(found.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")));
        words.extend(found.speed_mbps.map(|mbps| BitRate::from_mbps(u64::from(mbps)).to_string()));
        words.extend((found.devices > 0).then(|| format!("{} stations", found.devices)));
        words.extend(found.shaped_by.as_ref().map(|shaped| format!("`{}` at its root", shaped.kind)));
        text.push_str(&format!("  {:15}  {}\n", found.name.as_str(), words.join(", ")));
    }
    if findings.interfaces.is_empty() {
        text.push_str("  no interface but the loopback\n");
    }
    let forwards = match findings.forwards {
        Forwarding::On => "passes packets on for others",
        Forwarding::Off => "passes nothing on for others",
    };
    text.push_str(&format!("  {:15}  {forwards}\n", "this machine"));
    if let Some(kernel) = &findings.kernel {
        let has = |is: bool, what: &'static str| if is { what.to_owned() } else { format!("no {what}") };
        let bpf = has(kernel.no_bpf.is_none(), "eBPF");
        let (htb, ifb) = (has(kernel.htb, "HTB"), has(kernel.ifb, "IFB"));
        text.push_str(&format!("  {:15}  {bpf}, {htb}, {ifb}, {} in the leaves\n", "the kernel", kernel.leaf));
    }
    text
}

fn proposal_text(proposal: &Proposal) -> String {
    let mut text = format!("\nProposed: {}\n", in_words(&proposal.shape));
    proposal.because.iter().for_each(|why| text.push_str(&format!("  because {why}\n")));
    proposal.beware.iter().for_each(|what| text.push_str(&format!("  note: {what}\n")));
    text
}

fn in_words(shape: &Shape) -> String {
    match shape {
        Shape::Router { lan, wan } => {
            format!("a router, {} towards the devices, {wan} towards the internet", propose::Names(lan.clone()))
        }
        Shape::Bridge { lan, wan, .. } => {
            format!("a bridge, {} towards the devices, {wan} towards the router", propose::Names(lan.clone()))
        }
        Shape::Host { interface } => format!("a machine of its own, behind {interface}"),
    }
}

fn show(arguments: &Arguments, findings: &Findings, proposal: &Proposal, text: Option<&str>) {
    if arguments.json {
        let body = json!({
            "found": found_json(findings), "proposal": proposal_json(proposal), "configuration": text, "written": null,
        });
        println!("{body:#}");
        return;
    }
    match text {
        Some(text) => println!("\nWould be written to {}:\n\n{text}", arguments.output.display()),
        None => println!("\nWith --download and --upload, the configuration is shown. Nothing was written."),
    }
}

fn found_json(findings: &Findings) -> Value {
    let interface = |found: &Found| {
        json!({
            "name": found.name.as_str(),
            "kind": found.kind.to_string(),
            "up": found.state == capture::InterfaceState::Up,
            "part_of": found.part_of.as_ref().map(InterfaceName::as_str),
            "rides_on": found.rides_on.as_ref().map(InterfaceName::as_str),
            "addresses": found.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect::<Vec<_>>(),
            "stations": found.devices,
            "shaped_by": found.shaped_by.as_ref().map(|shaped| &shaped.kind),
        })
    };
    let way = |way: &findings::Way| {
        json!({"interface": way.interface.as_str(), "gateway": way.gateway, "metric": way.metric, "ipv6": way.is_v6,
            "only_by_rule": way.only_by_rule})
    };
    let kernel = findings
        .kernel
        .as_ref()
        .map(|kernel| json!({"htb": kernel.htb, "ifb": kernel.ifb, "leaf": kernel.leaf, "no_bpf": kernel.no_bpf}));
    json!({
        "interfaces": findings.interfaces.iter().map(interface).collect::<Vec<_>>(),
        "ways_out": findings.ways_out.iter().map(way).collect::<Vec<_>>(),
        "forwards": findings.forwards == Forwarding::On,
        "kernel": kernel,
        "missing_rights": findings.missing,
    })
}

fn proposal_json(proposal: &Proposal) -> Value {
    let names = |names: &[InterfaceName]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut body = match &proposal.shape {
        Shape::Router { lan, wan } => json!({"is": "router", "lan": names(lan), "wan": wan.as_str()}),
        Shape::Bridge { bridge, lan, wan } => {
            json!({"is": "bridge", "bridge": bridge.as_str(), "lan": names(lan), "wan": wan.as_str()})
        }
        Shape::Host { interface } => json!({"is": "host", "interface": interface.as_str()}),
    };
    body["because"] = json!(proposal.because);
    body["notes"] = json!(proposal.beware);
    body["foreign_queues"] = json!(proposal.foreign == Foreign::Stands);
    body
}
