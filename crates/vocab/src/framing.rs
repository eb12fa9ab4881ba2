//! What the bottleneck adds to each packet that we do not see.

use crate::BitRate;
use std::str::FromStr;

/// How packets are carried across the bottleneck: so that the queue stays with us also when packets are small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framing {
    /// Bytes beside the IP packet, from its first header below IP to its checksum. As much as our own frame has, or
    /// more; less counts as that.
    pub overhead: u16,
    /// The least that is carried, in bytes with that overhead.
    pub least: u16,
    /// How that is cut up.
    pub encoding: Encoding,
}

/// How frames are cut up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    #[default]
    Whole,
    /// Cells of 53 bytes for 48 (ADSL; ITU-T I.361).
    Atm,
    /// 65 bytes for 64 (VDSL2; IEEE 802.3, 61.3.3).
    Ptm,
}

/// The framings that have names: those of `tc-cake`(8), with its figures, which stand beside the IP packet.
const NAMED: [(&str, u16, u16, Encoding); 15] = [
    ("none", 0, 0, Encoding::Whole),
    ("ethernet", 38, 84, Encoding::Whole),
    ("ethernet-vlan", 42, 84, Encoding::Whole),
    ("docsis", 18, 64, Encoding::Whole),
    ("pppoe-ptm", 30, 0, Encoding::Ptm),
    ("bridged-ptm", 22, 0, Encoding::Ptm),
    ("pppoa-vcmux", 10, 0, Encoding::Atm),
    ("pppoa-llc", 14, 0, Encoding::Atm),
    ("pppoe-vcmux", 32, 0, Encoding::Atm),
    ("pppoe-llcsnap", 40, 0, Encoding::Atm),
    ("ipoa-vcmux", 8, 0, Encoding::Atm),
    ("ipoa-llcsnap", 16, 0, Encoding::Atm),
    ("bridged-vcmux", 24, 0, Encoding::Atm),
    ("bridged-llcsnap", 32, 0, Encoding::Atm),
    ("conservative", 48, 0, Encoding::Atm),
];

/// Text that names no framing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no framing that is known")]
pub struct UnknownFraming(String);

impl FromStr for Framing {
    type Err = UnknownFraming;

    fn from_str(text: &str) -> Result<Framing, UnknownFraming> {
        let named = NAMED.into_iter().find(|(name, ..)| *name == text.trim());
        let (_, overhead, least, encoding) = named.ok_or_else(|| UnknownFraming(text.to_owned()))?;
        Ok(Framing { overhead, least, encoding })
    }
}

impl Framing {
    /// All names that are understood.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.into_iter().map(|(name, ..)| name)
    }

    /// What of a line of `rate` is left when frames are encoded for it. Cells are counted packet by packet instead.
    pub fn carried(self, rate: BitRate) -> BitRate {
        match self.encoding {
            Encoding::Whole | Encoding::Atm => rate,
            Encoding::Ptm => rate.mul_ratio(64, 65),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_understood_and_no_other() {
        for name in Framing::names() {
            assert!(name.parse::<Framing>().is_ok(), "{name}");
        }
        assert_eq!("none".parse(), Ok(Framing::default()));
        assert_eq!("docsis".parse(), Ok(Framing { overhead: 18, least: 64, encoding: Encoding::Whole }));
        assert!("vdsl".parse::<Framing>().is_err());
    }

    #[test]
    fn a_line_carries_less_than_its_encoding_takes() {
        let framing: Framing = "pppoe-ptm".parse().unwrap();
        assert_eq!(framing.carried(BitRate::from_kbps(65_000)), BitRate::from_kbps(64_000));
        assert_eq!(Framing::default().carried(BitRate::from_kbps(65_000)), BitRate::from_kbps(65_000));
    }
}
