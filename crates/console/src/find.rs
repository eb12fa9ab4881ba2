//! Which device somebody means.

use crate::text::plain;
use wire::Device;

/// Why no device, or not one, was found.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotFound {
    /// None fits.
    #[error("no device is called `{text}`; known are: {known}")]
    Nobody {
        /// What was said.
        text: String,
        /// Some who are known.
        known: String,
    },
    /// More than one fits.
    #[error("`{text}` may be any of these, say which:\n{candidates}")]
    Many {
        /// What was said.
        text: String,
        /// Who fits, a line each.
        candidates: String,
    },
}

/// Names listed where nobody was found.
const KNOWN_LISTED: usize = 12;

/// The one device that `text` means: by its id, address or whole name, else by the beginning of one of them.
pub(crate) fn find<'a>(devices: &'a [Device], text: &str) -> Result<&'a Device, NotFound> {
    let wanted = text.trim().to_lowercase();
    let as_mac = wanted.replace('-', ":");
    let keys = |device: &Device| -> Vec<String> {
        let mut keys = vec![device.name.to_lowercase(), device.id.to_lowercase(), device.mac.to_lowercase()];
        keys.extend(device.addresses.iter().map(|address| address.to_lowercase()));
        keys
    };
    let exact = |device: &&Device| keys(device).iter().any(|key| *key == wanted || *key == as_mac);
    let begins = |device: &&Device| keys(device).iter().any(|key| key.starts_with(&wanted) || key.starts_with(&as_mac));
    let mut fitting: Vec<&Device> = devices.iter().filter(exact).collect();
    if fitting.is_empty() && !wanted.is_empty() {
        fitting = devices.iter().filter(begins).collect();
    }
    match fitting.as_slice() {
        [one] => Ok(one),
        [] => {
            let mut names: Vec<String> = devices.iter().map(|device| plain(&device.name)).collect();
            let more = names.len().saturating_sub(KNOWN_LISTED);
            names.truncate(KNOWN_LISTED);
            let more = if more > 0 { format!(" and {more} more (`equalnet devices`)") } else { String::new() };
            let known = if names.is_empty() { "nobody yet".to_owned() } else { format!("{}{more}", names.join(", ")) };
            Err(NotFound::Nobody { text: text.to_owned(), known })
        }
        many => {
            let lines: Vec<String> = many
                .iter()
                .map(|device| {
                    let address = device.addresses.last().map(String::as_str).unwrap_or_default();
                    format!("  {}  {}  {address}", plain(&device.name), device.id).trim_end().to_owned()
                })
                .collect();
            Err(NotFound::Many { text: text.to_owned(), candidates: lines.join("\n") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Device> {
        [
            ("Anna's laptop", "a4:5e:60:00:00:01", "192.168.1.20"),
            ("Anna's phone", "a4:5e:60:00:00:02", "192.168.1.21"),
            ("TV", "b0:00:00:00:00:01", "192.168.1.2"),
            ("TV box", "b0:00:00:00:00:02", "fd00::2"),
        ]
        .map(|(name, mac, address)| Device {
            id: mac.to_owned(),
            name: name.to_owned(),
            mac: mac.to_owned(),
            addresses: vec![address.to_owned()],
            ..Device::default()
        })
        .to_vec()
    }

    fn check(text: &str, expected: &str) {
        let known = known();
        let found = find(&known, text).map_or_else(|error| error.to_string(), |device| device.name.clone());
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_device_is_found_by_what_people_type() {
        check("anna's laptop", "Anna's laptop");
        check("Anna's p", "Anna's phone");
        check("TV", "TV");
        check("tv ", "TV");
        check("192.168.1.2", "TV");
        check("fd00::2", "TV box");
        check("A4-5E-60-00-00-02", "Anna's phone");
        check("a4:5e:60:00:00:01", "Anna's laptop");
    }

    #[test]
    fn who_cannot_be_told_apart_is_listed() {
        check(
            "anna",
            "`anna` may be any of these, say which:\n  Anna's laptop  a4:5e:60:00:00:01  192.168.1.20\n  Anna's phone  a4:5e:60:00:00:02  192.168.1.21",
        );
        check("toaster", "no device is called `toaster`; known are: Anna's laptop, Anna's phone, TV, TV box");
        check("", "no device is called ``; known are: Anna's laptop, Anna's phone, TV, TV box");
        assert_eq!(find(&[], "x").unwrap_err().to_string(), "no device is called `x`; known are: nobody yet");
    }
}
