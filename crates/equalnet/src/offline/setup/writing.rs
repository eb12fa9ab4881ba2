//! The configuration that a proposal means, as text with every key explained, and how it comes into its file.

use super::propose::Shape;
use crate::accounts::write_durably;
use crate::config::{Config, DEFAULT_TOML};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use vocab::{BitRate, Directed, InterfaceName};

/// What kind of line it is: what it adds to each packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Line {
    /// Fibre, or Ethernet to the building
    Fibre,
    /// Cable television (DOCSIS)
    Cable,
    /// VDSL
    Vdsl,
    /// ADSL
    Adsl,
    /// Mobile network or satellite
    Mobile,
    /// Another, or nobody knows
    #[default]
    Unknown,
}

impl Line {
    /// All, in the order in which they are offered.
    pub const ALL: [(Line, &'static str); 6] = [
        (Line::Fibre, "fibre, or Ethernet to the building"),
        (Line::Cable, "cable television (DOCSIS)"),
        (Line::Vdsl, "VDSL"),
        (Line::Adsl, "ADSL"),
        (Line::Mobile, "mobile network or satellite"),
        (Line::Unknown, "another, or I do not know"),
    ];

    /// As `framing` names it. Those of DSL are the usual ones, with PPPoE, which never count too little.
    fn framing(self) -> Option<&'static str> {
        match self {
            Line::Fibre => Some("ethernet"),
            Line::Cable => Some("docsis"),
            Line::Vdsl => Some("pppoe-ptm"),
            Line::Adsl => Some("pppoe-llcsnap"),
            Line::Mobile | Line::Unknown => None,
        }
    }

    /// What is kept free. Where what the line adds is not known, or its rate moves, more.
    fn margin(self) -> &'static str {
        match self {
            Line::Fibre | Line::Cable | Line::Vdsl | Line::Adsl => "5 %",
            Line::Mobile | Line::Unknown => "10 %",
        }
    }
}

/// Everything that the operator decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub shape: Shape,
    pub rates: Directed<BitRate>,
    pub line: Line,
    pub adopt: bool,
    /// The address by which devices reach this machine.
    pub own_address: Option<std::net::IpAddr>,
}

/// The whole configuration.
///
/// # Errors
/// It would not be accepted: a fault of ours, told instead of written.
pub fn configuration(choice: &Choice) -> Result<String> {
    let (before, rest) = DEFAULT_TOML.split_once("# The link that is divided").context("the default has a link")?;
    let (_, after) = rest.split_once("[capture]\n").context("the default goes on with [capture]")?;
    // The first line says what the file is.
    let before = before.split_once('\n').map_or("", |(_, rest)| rest);
    let mut text = format!(
        "# EqualNet, as `equalnet setup` wrote it: what was found here, and every other key with its default.\n{before}{}[capture]\n{after}",
        link(choice)
    );
    if let Some(address) = choice.own_address {
        let listen = "listen = [\"127.0.0.1:8091\"]\n";
        let with = std::net::SocketAddr::new(address, 8_091);
        text = text.replacen(
            listen,
            &format!("{listen}# listen = [\"127.0.0.1:8091\", \"{with}\"]   # for the devices\n"),
            1,
        );
    }
    if choice.adopt {
        text = text.replacen("adopt = false", "adopt = true", 1);
    }
    Config::parse(&text, Path::new("what setup writes")).context("this is a fault of EqualNet")?;
    Ok(text)
}

fn link(choice: &Choice) -> String {
    let mut text = String::from(
        "# The link that is divided: docs/operate/topologies.md has a picture for each kind.\n[[link]]\nname = \"internet\"\n",
    );
    match &choice.shape {
        Shape::Router { lan, wan } => {
            let _ = writeln!(text, "lan = {}               # towards the devices", lans(lan));
            let _ = writeln!(text, "wan = \"{wan}\"               # towards the internet");
        }
        Shape::Bridge { bridge, lan, wan } => {
            let side = if lan == std::slice::from_ref(bridge) {
                "all its ports but the one below"
            } else {
                "with the devices"
            };
            let _ = writeln!(text, "lan = {}               # the side of {bridge}: {side}", lans(lan));
            let _ = writeln!(text, "wan = \"{wan}\"               # its port towards the router");
        }
        Shape::Host { interface } => {
            let _ = writeln!(text, "interface = \"{interface}\"         # the only one; downloads wait beside it");
        }
    }
    // As they are read again: not rounded.
    let rate = |rate: BitRate| rate.exactly();
    let _ = writeln!(text, "download = \"{}\"     # what the line really carries", rate(choice.rates.download));
    let _ = writeln!(text, "upload = \"{}\"", rate(choice.rates.upload));
    let _ =
        writeln!(text, "margin = \"{}\"             # kept free, so that the queue stays here", choice.line.margin());
    match choice.line.framing() {
        Some(framing) => {
            let _ = writeln!(text, "framing = \"{framing}\"     # what the line adds to each packet");
        }
        None => text.push_str(
            "# framing = \"docsis\"         # what the line adds to each packet; see `equalnet setup --help`\n",
        ),
    }
    text.push('\n');
    text
}

fn lans(lan: &[InterfaceName]) -> String {
    match lan {
        [only] => format!("\"{only}\""),
        several => format!("{:?}", several.iter().map(InterfaceName::as_str).collect::<Vec<_>>()),
    }
}

/// Where what stands in `file` is kept when it is replaced: a name that nothing has.
pub fn kept_as(file: &Path) -> PathBuf {
    let named = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let first = named(".bak");
    let mut others = (1..).map(|number: u32| named(&format!(".bak.{number}")));
    if first.exists() { others.find(|path| !path.exists()).expect("names do not run out") } else { first }
}

/// Writes `text` to `file`; what stood there is kept under `old`.
///
/// # Errors
/// It cannot be written, or `old` exists.
pub fn write(file: &Path, text: &str, old: Option<&Path>) -> Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    if let Some(old) = old {
        // A link, not a move: at no moment is there no configuration.
        match std::fs::hard_link(file, old) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => bail!("{} exists", old.display()),
            Err(_) => {
                std::fs::copy(file, old)
                    .with_context(|| format!("{} cannot be kept as {}", file.display(), old.display()))?;
            }
        }
    }
    write_durably(file, text.as_bytes(), 0o644)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::Topology;

    fn name(name: &str) -> InterfaceName {
        InterfaceName::new(name).unwrap()
    }

    fn choice(shape: Shape, line: Line) -> Choice {
        let rates = Directed { download: BitRate::from_bps(93_750_000), upload: BitRate::from_mbps(20) };
        Choice { shape, rates, line, adopt: false, own_address: "192.168.1.1".parse().ok() }
    }

    #[test]
    fn what_is_written_is_what_was_chosen_and_else_the_default() {
        let default = Config::parse(DEFAULT_TOML, Path::new("")).unwrap();
        let router = Shape::Router { lan: vec![name("br-lan")], wan: name("eth0") };
        let office = Shape::Router { lan: vec![name("eth0.10"), name("wg0")], wan: name("eth0.7") };
        let bridge = Shape::Bridge { bridge: name("br0"), lan: vec![name("eth1")], wan: name("eth0") };
        for (shape, topology) in [
            (router, Topology::Router { lan: name("br-lan"), wan: name("eth0") }),
            (office, Topology::Shared { lans: vec![name("eth0.10"), name("wg0")], wan: name("eth0.7") }),
            (bridge, Topology::Router { lan: name("eth1"), wan: name("eth0") }),
            (Shape::Host { interface: name("wlan0") }, Topology::Host { interface: name("wlan0") }),
        ] {
            for (line, _) in Line::ALL {
                let choice = choice(shape.clone(), line);
                let text = configuration(&choice).unwrap();
                let mut config = Config::parse(&text, Path::new("")).unwrap();
                let link = config.links.remove(0);
                assert_eq!((link.line_rate, &link.topology), (choice.rates, &topology), "{text}");
                assert_eq!(link.margin_permille, if line.framing().is_some() { 50 } else { 100 });
                assert_eq!(config, default, "{text}");
                assert!(text.contains("# listen = [\"127.0.0.1:8091\", \"192.168.1.1:8091\"]"), "{text}");
                assert!(text.contains("[[device]]") && text.contains("[[rule]]"), "every key is explained: {text}");
            }
        }
    }

    #[test]
    fn what_stood_there_is_kept_under_a_name_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/equalnet.toml");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        write(&file, "first", None).unwrap();
        for (text, kept, of_before) in [("second", "bak", "first"), ("third", "bak.1", "second")] {
            let old = kept_as(&file);
            assert_eq!(old, folder.path().join(format!("new/equalnet.toml.{kept}")));
            write(&file, text, Some(&old)).unwrap();
            assert_eq!((read(&file), read(&old)), (text.to_owned(), of_before.to_owned()));
        }
        let taken = folder.path().join("new/equalnet.toml.bak");
        assert!(write(&file, "fourth", Some(&taken)).is_err());
        assert_eq!((read(&file), read(&taken)), ("third".to_owned(), "first".to_owned()));
    }
}
