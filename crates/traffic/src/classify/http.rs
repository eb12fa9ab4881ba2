//! HTTP in the clear (RFC 9112, RFC 9113): the server's name, the program that asks, the type of the answer.

use super::tls::{lowercase, valid_name};
use super::{Finding, Found, NameSource, Names, Next, Signature, View, likely};
use vocab::TrafficClass;

const METHODS: [&[u8]; 24] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"PATCH ",
    b"TRACE ",
    b"PROPFIND ",
    b"PROPPATCH ",
    b"MKCOL ",
    b"COPY ",
    b"MOVE ",
    b"LOCK ",
    b"UNLOCK ",
    b"REPORT ",
    b"SUBSCRIBE ",
    b"UNSUBSCRIBE ",
    b"NOTIFY ",
    b"M-SEARCH ",
    b"RPC_IN_DATA ",
    b"RPC_OUT_DATA ",
    b"SSTP_DUPLEX_POST ",
];
/// Headers longer than this are read as far as they are here.
const MOST_HEADERS: usize = 8_192;

const HTTP: Signature = Signature {
    application: "HTTP",
    class: TrafficClass::Web,
    names: Names::Refine,
    confidence: 85,
    why: "an HTTP request in the clear",
};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if bytes.starts_with(b"PRI * HTTP/2.0\r\n") {
        return Finding::Found(Found {
            signature: Signature {
                application: "HTTP/2",
                confidence: 95,
                why: "an HTTP/2 preface in the clear",
                ..HTTP
            },
            name: None,
            next: Next::Settle,
            announces: Vec::new(),
        });
    }
    if bytes.starts_with(b"HTTP/1.") && view.layer == super::Layer::Datagram {
        return likely("SSDP", TrafficClass::Interactive, 92, "the answer to a device discovery");
    }
    if bytes.starts_with(b"HTTP/1.") {
        return answer(bytes);
    }
    let Some(method) = METHODS.iter().find(|method| bytes.starts_with(method)) else {
        let begins = !bytes.is_empty() && METHODS.iter().any(|method| method.starts_with(bytes));
        return if begins && view.layer == super::Layer::Stream { Finding::More } else { Finding::No };
    };
    let text = &bytes[..bytes.len().min(MOST_HEADERS)];
    let line_end = memchr::memchr(b'\r', text).or_else(|| memchr::memchr(b'\n', text)).unwrap_or(text.len());
    let line = &text[..line_end];
    let target = line[method.len()..].split(|&byte| byte == b' ').next().unwrap_or(&[]);
    let ended = memchr::memmem::find(text, b"\r\n\r\n").is_some() || memchr::memmem::find(text, b"\n\n").is_some();
    // RTSP, SIP and ICAP look the same but for their last word.
    if line_end < text.len() && memchr::memmem::find(line, b"HTTP/1").is_none() {
        return Finding::No;
    }
    if !ended && text.len() < MOST_HEADERS && text.len() == bytes.len() && view.layer == super::Layer::Stream {
        let early = header(text, b"host").is_some() && header(text, b"user-agent").is_some();
        if !early {
            return Finding::More;
        }
    }
    request(view, method, target, text)
}

fn request(view: &View<'_>, method: &[u8], target: &[u8], text: &[u8]) -> Finding {
    let host = header(text, b"host").and_then(|host| {
        let name = host.split(|&byte| byte == b':').next().unwrap_or(host);
        valid_name(name)
    });
    let agent = header(text, b"user-agent").unwrap_or(&[]);
    let mut signature = HTTP;
    let mut next = Next::Watch;
    let mut set = |application, class, why| {
        signature = Signature { application, class, names: Names::Adorn, confidence: 92, why };
        next = Next::Settle;
    };
    let contains = |hay: &[u8], needle: &[u8]| memchr::memmem::find(hay, needle).is_some();
    if method == b"CONNECT " {
        signature = Signature { application: "HTTP proxy", why: "an HTTP CONNECT request", ..HTTP };
        let name = target.split(|&byte| byte == b':').next().and_then(valid_name);
        return Finding::Found(Found {
            signature,
            name: name.map(|name| (lowercase(name), NameSource::HttpHost)),
            next: Next::Settle,
            announces: Vec::new(),
        });
    } else if method == b"M-SEARCH " || (method == b"NOTIFY " && view.port(1900)) {
        set("SSDP", TrafficClass::Interactive, "a device discovery message");
    } else if contains(text, b"application/ocsp") || contains(target, b"/ocsp") {
        set("OCSP", TrafficClass::Interactive, "a request for the state of a certificate");
    } else if agent.starts_with(b"Debian APT")
        || agent.starts_with(b"Microsoft-Delivery-Optimization")
        || agent.starts_with(b"Windows-Update-Agent")
        || agent.starts_with(b"Microsoft BITS")
        || agent.starts_with(b"libdnf")
        || agent.starts_with(b"pacman")
        || agent.starts_with(b"opkg")
    {
        set("Software update", TrafficClass::Update, "the user agent of a software updater");
    } else if target.starts_with(b"/announce?info_hash=") || target.starts_with(b"/scrape?info_hash=") {
        set("BitTorrent", TrafficClass::Download, "a question to a BitTorrent tracker");
    } else if ends_with_any(path(target), &[".mpd", ".m3u8", ".m4s", ".ism/manifest", ".f4m"]) {
        set("HTTP streaming", TrafficClass::Streaming, "a request for a streaming playlist or segment");
    } else if method == b"SSTP_DUPLEX_POST " {
        set("SSTP", TrafficClass::Work, "a VPN inside HTTP");
    } else if header(text, b"soapaction").is_some() {
        set("SOAP", TrafficClass::Update, "a call from machine to machine (SOAP)");
    } else if header(text, b"upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
        signature = Signature { application: "WebSocket", ..HTTP };
    } else if header(text, b"icy-metadata").is_some() {
        set("Icecast", TrafficClass::Streaming, "a request for internet radio");
    }
    let name = host.map(|name| (lowercase(name), NameSource::HttpHost));
    Finding::Found(Found { signature, name, next, announces: Vec::new() })
}

/// An answer: the type of its content may say more than the request.
fn answer(bytes: &[u8]) -> Finding {
    let text = &bytes[..bytes.len().min(MOST_HEADERS)];
    let kind = header(text, b"content-type").unwrap_or(&[]);
    let is = |prefix: &[u8]| kind.len() >= prefix.len() && kind[..prefix.len()].eq_ignore_ascii_case(prefix);
    let length = header(text, b"content-length")
        .and_then(|text| std::str::from_utf8(text).ok()?.trim().parse::<u64>().ok())
        .unwrap_or(0);
    if is(b"application/vnd.apple.mpegurl")
        || is(b"application/x-mpegurl")
        || is(b"application/dash+xml")
        || is(b"video/")
        || is(b"audio/")
        || header(text, b"icy-name").is_some()
    {
        return likely("HTTP streaming", TrafficClass::Streaming, 90, "the answer is video or sound");
    }
    if is(b"application/ocsp-response") {
        return likely("OCSP", TrafficClass::Interactive, 92, "the answer is the state of a certificate");
    }
    // A large body that no page is made of.
    if length > 4_000_000
        && (is(b"application/octet-stream")
            || is(b"application/zip")
            || is(b"application/x-")
            || is(b"application/vnd.")
            || is(b"application/gzip"))
    {
        return likely("HTTP download", TrafficClass::Download, 88, "the answer is a large file");
    }
    Finding::Found(Found {
        signature: Signature { why: "an HTTP answer in the clear", ..HTTP },
        name: None,
        next: Next::Watch,
        announces: Vec::new(),
    })
}

fn path(target: &[u8]) -> &[u8] {
    target.split(|&byte| byte == b'?').next().unwrap_or(target)
}

fn ends_with_any(path: &[u8], suffixes: &[&str]) -> bool {
    suffixes.iter().any(|suffix| {
        path.len() >= suffix.len() && path[path.len() - suffix.len()..].eq_ignore_ascii_case(suffix.as_bytes())
    })
}

/// The value of a header, without blanks around it; names compare without case.
fn header<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = text;
    // The first line is no header.
    while let Some(end) = memchr::memchr(b'\n', rest) {
        rest = &rest[end + 1..];
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        if line.len() > name.len() && line[name.len()] == b':' && line[..name.len()].eq_ignore_ascii_case(name) {
            return Some(line[name.len() + 1..].trim_ascii());
        }
        if line.is_empty() || line == b"\r" {
            return None;
        }
    }
    None
}
