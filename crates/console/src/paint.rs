//! Colour, where the terminal and the reader want it; never the only sign of anything.

use std::io::IsTerminal;

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// No escape sequences at all.
    Plain,
    /// 256 colours.
    Colour,
}

impl Paint {
    /// Colour on a terminal that has it, unless `NO_COLOR` says no (no-color.org).
    pub(crate) fn for_stdout() -> Paint {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if unwanted || dumb || !std::io::stdout().is_terminal() { Paint::Plain } else { Paint::Colour }
    }

    fn with(self, code: &str, text: &str) -> String {
        match self {
            Paint::Plain => text.to_owned(),
            Paint::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    /// Heads of tables.
    pub(crate) fn head(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What matters less.
    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// `text` in the colour of `class` (the design's xterm-256 column).
    pub(crate) fn class(self, class: &str, text: &str) -> String {
        let colour = match class {
            "voice" => 72,
            "call" => 171,
            "gaming" => 160,
            "interactive" => 147,
            "web" => 220,
            "streaming" => 31,
            "work" => 87,
            "download" => 208,
            "backup" => 243,
            "update" => 150,
            _ => 245,
        };
        self.with(&format!("38;5;{colour}"), text)
    }

    /// `text` as a state or severity: its word decides the colour.
    pub(crate) fn state(self, word: &str, text: &str) -> String {
        match word {
            "fine" | "on" | "control" => self.with("32", text),
            "info" | "busy" | "suggest" | "observe" => self.with("34", text),
            "warning" | "strained" | "held" => self.with("33", text),
            "critical" | "down" | "failed" => self.with("31", text),
            _ => text.to_owned(),
        }
    }
}

/// The sign before a state or a severity.
pub(crate) fn sign(word: &str) -> &'static str {
    match word {
        "fine" => "✔",
        "busy" => "◆",
        "strained" | "warning" => "⚠",
        "down" | "critical" => "✖",
        "info" => "ⓘ",
        _ => "·",
    }
}

/// The letter that stands for a class.
pub(crate) fn letter(class: &str) -> char {
    match class {
        "voice" => 'V',
        "call" => 'C',
        "gaming" => 'G',
        "interactive" => 'I',
        "web" => 'W',
        "streaming" => 'S',
        "work" => 'O',
        "download" => 'D',
        "backup" => 'B',
        "update" => 'U',
        "" => ' ',
        _ => '?',
    }
}
