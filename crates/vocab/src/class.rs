//! What traffic is for.

use std::fmt;
use std::str::FromStr;

/// What traffic is for, in order of protection: the first is the most protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TrafficClass {
    /// Calls with sound only, and call signalling.
    Voice = 0,
    /// Video meetings.
    Call = 1,
    /// Game traffic itself.
    Gaming = 2,
    /// Names, time, remote access, chat: small packets that somebody waits for.
    Interactive = 3,
    /// Pages and what they load.
    Web = 4,
    /// Video and music.
    Streaming = 5,
    /// VPN, tunnels, mail.
    Work = 6,
    /// File transfer.
    Download = 7,
    /// Cloud sync and backup.
    Backup = 8,
    /// Software updates and telemetry.
    Update = 9,
    /// Not (yet) known.
    Unclassified = 10,
}

impl TrafficClass {
    /// How many there are.
    pub const COUNT: usize = 11;

    /// All, the most protected first.
    pub const ALL: [TrafficClass; Self::COUNT] = [
        TrafficClass::Voice,
        TrafficClass::Call,
        TrafficClass::Gaming,
        TrafficClass::Interactive,
        TrafficClass::Web,
        TrafficClass::Streaming,
        TrafficClass::Work,
        TrafficClass::Download,
        TrafficClass::Backup,
        TrafficClass::Update,
        TrafficClass::Unclassified,
    ];

    /// Its place in [`TrafficClass::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The class at `index` of [`TrafficClass::ALL`].
    pub fn from_index(index: usize) -> Option<TrafficClass> {
        Self::ALL.get(index).copied()
    }

    /// Its word, as in the API and in files.
    pub const fn name(self) -> &'static str {
        match self {
            TrafficClass::Voice => "voice",
            TrafficClass::Call => "call",
            TrafficClass::Gaming => "gaming",
            TrafficClass::Interactive => "interactive",
            TrafficClass::Web => "web",
            TrafficClass::Streaming => "streaming",
            TrafficClass::Work => "work",
            TrafficClass::Download => "download",
            TrafficClass::Backup => "backup",
            TrafficClass::Update => "update",
            TrafficClass::Unclassified => "unclassified",
        }
    }

    /// The letter that stands for it beside its colour.
    pub const fn letter(self) -> char {
        match self {
            TrafficClass::Voice => 'V',
            TrafficClass::Call => 'C',
            TrafficClass::Gaming => 'G',
            TrafficClass::Interactive => 'I',
            TrafficClass::Web => 'W',
            TrafficClass::Streaming => 'S',
            TrafficClass::Work => 'O',
            TrafficClass::Download => 'D',
            TrafficClass::Backup => 'B',
            TrafficClass::Update => 'U',
            TrafficClass::Unclassified => '?',
        }
    }

    /// Served before all others, whatever the device's priority (tier 0 of the law).
    pub const fn is_protected(self) -> bool {
        match self {
            TrafficClass::Voice | TrafficClass::Call | TrafficClass::Gaming | TrafficClass::Interactive => true,
            TrafficClass::Web
            | TrafficClass::Streaming
            | TrafficClass::Work
            | TrafficClass::Download
            | TrafficClass::Backup
            | TrafficClass::Update
            | TrafficClass::Unclassified => false,
        }
    }

    /// First to give way when the link is foreseen to be full: never holds a forecast floor.
    pub const fn yields_early(self) -> bool {
        match self {
            TrafficClass::Download | TrafficClass::Backup | TrafficClass::Update => true,
            TrafficClass::Voice
            | TrafficClass::Call
            | TrafficClass::Gaming
            | TrafficClass::Interactive
            | TrafficClass::Web
            | TrafficClass::Streaming
            | TrafficClass::Work
            | TrafficClass::Unclassified => false,
        }
    }

    /// Its place inside a device, 0 first; unclassified stands beside web.
    pub const fn order(self) -> u8 {
        match self {
            TrafficClass::Voice => 0,
            TrafficClass::Call => 1,
            TrafficClass::Gaming => 2,
            TrafficClass::Interactive => 3,
            TrafficClass::Web | TrafficClass::Unclassified => 4,
            TrafficClass::Streaming => 5,
            TrafficClass::Work => 6,
            TrafficClass::Download => 7,
            TrafficClass::Backup => 8,
            TrafficClass::Update => 9,
        }
    }

    /// The DSCP it is marked with (RFC 4594, RFC 8622 for LE).
    pub const fn dscp(self) -> u8 {
        match self {
            TrafficClass::Voice => 46,       // EF
            TrafficClass::Call => 34,        // AF41
            TrafficClass::Gaming => 32,      // CS4, real-time interactive
            TrafficClass::Interactive => 18, // AF21, low-latency data
            TrafficClass::Web => 0,          // default
            TrafficClass::Streaming => 26,   // AF31
            TrafficClass::Work => 10,        // AF11, high-throughput data
            TrafficClass::Download => 8,     // CS1
            TrafficClass::Backup => 1,       // LE
            TrafficClass::Update => 1,       // LE
            TrafficClass::Unclassified => 0,
        }
    }
}

impl fmt::Display for TrafficClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no class.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no traffic class; known are voice, call, gaming, interactive, web, streaming, work, download, backup, update, unclassified"
)]
pub struct UnknownClass(pub String);

impl FromStr for TrafficClass {
    type Err = UnknownClass;
    fn from_str(word: &str) -> Result<Self, UnknownClass> {
        Self::ALL.into_iter().find(|class| class.name() == word).ok_or_else(|| UnknownClass(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_found_by_its_index_and_its_word() {
        for (index, class) in TrafficClass::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), index);
            assert_eq!(TrafficClass::from_index(index), Some(class));
            assert_eq!(class.name().parse(), Ok(class));
            assert!(class.dscp() < 64);
        }
        assert!("videos".parse::<TrafficClass>().is_err());
    }
}
