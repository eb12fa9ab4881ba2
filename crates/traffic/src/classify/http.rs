//! HTTP in the clear (RFC 9112): the server's name, the program that asks, the type of the answer.

use super::fields::holds;
use super::tls::{lowercase, valid_name};
use super::{Finding, Found, Layer, NameSource, Names, Next, Signature, View, http2, likely};
use vocab::TrafficClass::{self, Backup, Download, Interactive, Streaming, Update, Voice, Web, Work};

/// The methods of RFC 9110 and WebDAV (IANA "HTTP Method Registry"), of UPnP, and of Microsoft's protocols.
const METHODS: [&[u8]; 51] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"PATCH ",
    b"TRACE ",
    b"QUERY ",
    b"PROPFIND ",
    b"PROPPATCH ",
    b"MKCOL ",
    b"MKCALENDAR ",
    b"MKREDIRECTREF ",
    b"MKWORKSPACE ",
    b"MKACTIVITY ",
    b"COPY ",
    b"MOVE ",
    b"LOCK ",
    b"UNLOCK ",
    b"REPORT ",
    b"SEARCH ",
    b"ACL ",
    b"BIND ",
    b"UNBIND ",
    b"REBIND ",
    b"LINK ",
    b"UNLINK ",
    b"MERGE ",
    b"LABEL ",
    b"CHECKIN ",
    b"CHECKOUT ",
    b"UNCHECKOUT ",
    b"UPDATE ",
    b"VERSION-CONTROL ",
    b"BASELINE-CONTROL ",
    b"ORDERPATCH ",
    b"PURGE ",
    b"POLL ",
    b"BMOVE ",
    b"BPROPPATCH ",
    b"SUBSCRIBE ",
    b"UNSUBSCRIBE ",
    b"NOTIFY ",
    b"M-SEARCH ",
    b"RPC_IN_DATA ",
    b"RPC_OUT_DATA ",
    b"SSTP_DUPLEX_POST ",
    b"BITS_POST ",
    b"CCM_POST ",
];
/// Those of WebDAV, CalDAV and their like (RFC 4918, RFC 3253, RFC 4791).
const WEBDAV: [&[u8]; 10] = [
    b"PROPFIND ",
    b"PROPPATCH ",
    b"MKCOL ",
    b"MKCALENDAR ",
    b"MKACTIVITY ",
    b"LOCK ",
    b"UNLOCK ",
    b"REPORT ",
    b"CHECKOUT ",
    b"VERSION-CONTROL ",
];
/// Headers longer than this are read as far as they are here.
const MOST_HEADERS: usize = 8_192;
/// A file to keep, not a part of a page: fonts and scripts that are sent as such are smaller.
const LARGE_FILE: u64 = 48_000;
/// Sound and video longer than the clips in a page: half a minute of music at 128 kbit/s.
const LONG_CLIP: u64 = 500_000;

const HTTP: Signature = Signature {
    application: "HTTP",
    class: Web,
    names: Names::Refine,
    confidence: 85,
    why: "an HTTP request in the clear",
};

/// The headers that matter to us.
#[derive(Clone, Copy, Debug, Default)]
struct Headers<'a> {
    host: Option<&'a [u8]>,
    agent: &'a [u8],
    kind: &'a [u8],
    accept: &'a [u8],
    upgrade: &'a [u8],
    subprotocol: &'a [u8],
    disposition: &'a [u8],
    range: &'a [u8],
    length: Option<u64>,
    /// What internet radio adds (`icy-name`, `icy-metadata`).
    icy: bool,
    soap: bool,
    /// The search target of SSDP, or the service that answers.
    discovery: bool,
    /// All of them are here.
    ended: bool,
}

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(&first) = bytes.first() else { return Finding::No };
    let stream = view.layer == Layer::Stream;
    if !first.is_ascii_uppercase() {
        return match first {
            b'<' if stream => body(view),
            0 if stream && bytes.get(3) == Some(&4) => http2::settings(bytes),
            _ => Finding::No,
        };
    }
    if first == b'P' && stream && http2::begins(bytes) {
        return http2::inspect(bytes);
    }
    if bytes.starts_with(b"HTTP/1.") || bytes.starts_with(b"ICY 200") || bytes.starts_with(b"HTTP/0.9 ") {
        return if stream { answer(bytes) } else { discovered(view) };
    }
    if stream && (begins_answer(bytes) || http2::may_begin(bytes)) {
        return Finding::More;
    }
    // A method is a word of capitals.
    if bytes.get(1).is_some_and(|byte| !byte.is_ascii_uppercase() && *byte != b'-') {
        return source(view);
    }
    let Some(method) = METHODS.iter().find(|method| method[0] == first && bytes.starts_with(method)) else {
        let begins = METHODS.iter().any(|method| method[0] == first && method.starts_with(bytes));
        return if begins && stream { Finding::More } else { source(view) };
    };
    if !stream && !matches!(*method, b"M-SEARCH " | b"NOTIFY ") {
        return Finding::No;
    }
    let text = &bytes[..bytes.len().min(MOST_HEADERS)];
    let line_end = memchr::memchr(b'\n', text);
    let line = text[..line_end.unwrap_or(text.len())].trim_ascii_end();
    let mut words = line.get(method.len()..).unwrap_or(&[]).split(|&byte| byte == b' ');
    let target = words.next().unwrap_or(&[]);
    // RTSP, SIP and ICAP look the same but for the last word.
    match line_end {
        Some(_) if !words.any(|word| word.starts_with(b"HTTP/")) => return Finding::No,
        None if !may_be_target(target) => return Finding::No,
        None if stream && text.len() < MOST_HEADERS => return Finding::More,
        Some(_) | None => {}
    }
    let headers = headers(text);
    let enough = headers.ended || text.len() < bytes.len() || text.len() == MOST_HEADERS || !stream;
    if !enough && (headers.host.is_none() || headers.agent.is_empty()) {
        return Finding::More;
    }
    match request(view, method, target, &headers) {
        // The name is here; what comes behind it may still say more.
        Finding::Found(found) if !enough && found.next == Next::Watch => {
            Finding::Found(Found { next: Next::Read, ..found })
        }
        finding => finding,
    }
}

/// What may stand between the method and the version (RFC 9112, 3.2), as far as it is here.
fn may_be_target(target: &[u8]) -> bool {
    match target.first() {
        None | Some(b'/' | b'*' | b'[') => true,
        Some(first) => first.is_ascii_alphanumeric(),
    }
}

fn begins_answer(bytes: &[u8]) -> bool {
    bytes.len() < 7 && [&b"HTTP/1."[..], b"ICY 200"].iter().any(|text| text.starts_with(bytes))
}

/// HTTP in datagrams is UPnP's discovery (UPnP Device Architecture, 1.3), an answer as much as a search.
fn discovered(view: &View<'_>) -> Finding {
    if view.port(1900) || headers(view.bytes).discovery {
        return likely("SSDP", Interactive, 92, "the answer to a device discovery");
    }
    Finding::No
}

/// A call from machine to machine (SOAP 1.2, 5) whose headers we missed.
fn body(view: &View<'_>) -> Finding {
    let start = &view.bytes[..view.bytes.len().min(300)];
    let holds = |text: &[u8]| memchr::memmem::find(start, text).is_some();
    if holds(b":Envelope") && (holds(b"soap") || holds(b"SOAP")) {
        return likely("SOAP", Update, 90, "a call from machine to machine (SOAP)");
    }
    // What is searched for comes last: that costs more than the rest.
    if start.starts_with(b"<?xml version=") && view.any_port(&[80, 8_080]) && !holds(b"stream:stream") {
        return likely("SOAP", Update, 65, "a document between machines (XML)");
    }
    Finding::No
}

/// `SOURCE /mount`: a station that feeds an Icecast server (its documentation, "Source protocol").
fn source(view: &View<'_>) -> Finding {
    let feeds = view.bytes.starts_with(b"SOURCE /") && view.bytes.len() > 12;
    if feeds
        && view.layer == Layer::Stream
        && memchr::memmem::find(&view.bytes[..view.bytes.len().min(200)], b"ICE/1.0").is_some()
    {
        return likely("Icecast", Streaming, 93, "a station that feeds internet radio");
    }
    Finding::No
}

fn request(view: &View<'_>, method: &[u8], target: &[u8], headers: &Headers<'_>) -> Finding {
    let absolute = target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://"));
    let name = match (method, absolute) {
        (b"CONNECT ", _) => name_of(target),
        (_, Some(rest)) => name_of(rest.split(|&byte| byte == b'/').next().unwrap_or(rest)),
        _ => None,
    };
    let name = name.or_else(|| headers.host.and_then(name_of));
    let name = name.map(|name| (lowercase(name), NameSource::HttpHost));
    let conclude =
        |signature, next| Finding::Found(Found { signature, name: name.clone(), next, announces: Vec::new() });
    let path = absolute.map_or(target, |rest| memchr::memchr(b'/', rest).and_then(|at| rest.get(at..)).unwrap_or(b"/"));
    if let Some((application, class, why)) = purpose(view, method, path, headers) {
        return conclude(Signature { application, class, names: Names::Adorn, confidence: 92, why }, Next::Settle);
    }
    if method == b"CONNECT " {
        let why = "a flow through an HTTP proxy";
        return conclude(Signature { application: "HTTP proxy", why, ..HTTP }, Next::Settle);
    }
    let (application, why) = if is(headers.upgrade, b"websocket") {
        if let Some((application, class)) = inside_websocket(headers.subprotocol) {
            let why = "the protocol that its WebSocket carries";
            return conclude(Signature { application, class, names: Names::Adorn, confidence: 90, why }, Next::Settle);
        }
        ("WebSocket", "an HTTP request for a WebSocket")
    } else if is(headers.upgrade, b"h2c") {
        ("HTTP/2", "an HTTP request for HTTP/2")
    } else if absolute.is_some() {
        ("HTTP proxy", "an HTTP request to a proxy")
    } else if WEBDAV.contains(&method) {
        ("WebDAV", "an HTTP request for files")
    } else {
        (HTTP.application, HTTP.why)
    };
    conclude(Signature { application, why, ..HTTP }, Next::Watch)
}

/// What a request is for, where more than a page; the class stands beside the usual name of who asks.
fn purpose(
    view: &View<'_>,
    method: &[u8],
    path: &[u8],
    headers: &Headers<'_>,
) -> Option<(&'static str, TrafficClass, &'static str)> {
    let contains = |hay: &[u8], needle: &[u8]| holds(hay, 256, needle);
    let agent = headers.agent;
    if method == b"M-SEARCH " || (method == b"NOTIFY " && (view.port(1900) || headers.discovery)) {
        return Some(("SSDP", Interactive, "a device discovery message"));
    }
    if method == b"SSTP_DUPLEX_POST " {
        return Some(("SSTP", Work, "a VPN inside HTTP"));
    }
    if is(headers.kind, b"application/ocsp-request") || contains(path, b"/ocsp/") || path == b"/ocsp" {
        return Some(("OCSP", Interactive, "a request for the state of a certificate"));
    }
    if let Some(found) = by_agent(agent) {
        return Some(found);
    }
    if contains(path, b"info_hash=") && (contains(path, b"/announce") || contains(path, b"/scrape")) {
        return Some(("BitTorrent", Download, "a question to a BitTorrent tracker"));
    }
    if contains(path, b"info/refs?service=git-")
        || ends_with_any(plain(path), &["/git-upload-pack", "/git-receive-pack"])
    {
        return Some(("Git", Download, "a Git repository over HTTP"));
    }
    let playlist = [".mpd", ".m3u8", ".m4s", ".ism/manifest", ".isml/manifest", ".f4m"];
    if ends_with_any(plain(path), &playlist) || contains(path, b"/QualityLevels(") {
        return Some(("HTTP streaming", Streaming, "a request for a streaming playlist or segment"));
    }
    if headers.icy {
        return Some(("Icecast", Streaming, "a request for internet radio"));
    }
    let by_type: Option<(&'static str, TrafficClass, &'static str)> = match headers.kind {
        kind if is(kind, b"application/ipp") => Some(("IPP", Interactive, "a print job or question (IPP)")),
        kind if is(kind, b"application/dns-message") => Some(("DNS over HTTPS", Interactive, "a DNS question in HTTP")),
        kind if is(kind, b"application/x-rtsp-tunnelled") => Some(("RTSP", Streaming, "RTSP through HTTP")),
        kind if is(kind, b"application/x-fcs") => Some(("RTMP", Streaming, "RTMP through HTTP")),
        kind if is(kind, b"application/soap+xml") => Some(("SOAP", Update, "a call from machine to machine (SOAP)")),
        _ => None,
    };
    if by_type.is_some() {
        return by_type;
    }
    if is(headers.accept, b"application/x-rtsp-tunnelled") {
        return Some(("RTSP", Streaming, "RTSP through HTTP"));
    }
    if is(headers.accept, b"application/dns-message") {
        return Some(("DNS over HTTPS", Interactive, "a DNS question in HTTP"));
    }
    if headers.soap {
        return Some(("SOAP", Update, "a call from machine to machine (SOAP)"));
    }
    // TeamViewer through HTTP (`din.aspx`, `dout.aspx`).
    if contains(path, b"client=DynGate") {
        return Some(("TeamViewer", Interactive, "a request of TeamViewer"));
    }
    None
}

/// Programs that say who they are (their documentation, or their source).
fn by_agent(agent: &[u8]) -> Option<(&'static str, TrafficClass, &'static str)> {
    const UPDATER: &str = "the user agent of a software updater";
    const PLAYER: &str = "the user agent of a player";
    const MINER: &str = "the user agent of a program that mines currency";
    const SYNC: &str = "the user agent of a program that keeps copies";
    const AGENTS: [(&[u8], &str, TrafficClass, &str); 38] = [
        (b"Debian APT", "Debian", Update, UPDATER),
        (b"Ubuntu APT", "Ubuntu", Update, UPDATER),
        (b"libdnf", "Software update", Update, UPDATER),
        (b"urlgrabber", "Software update", Update, UPDATER),
        (b"ZYpp", "Software update", Update, UPDATER),
        (b"pacman/", "Software update", Update, UPDATER),
        (b"opkg", "Software update", Update, UPDATER),
        (b"apk-tools", "Software update", Update, UPDATER),
        (b"pkg/", "Software update", Update, UPDATER),
        (b"Homebrew/", "Software update", Update, UPDATER),
        (b"Microsoft-Delivery-Optimization", "Windows Update", Update, UPDATER),
        (b"Windows-Update-Agent", "Windows Update", Update, UPDATER),
        (b"Microsoft BITS", "Windows Update", Update, UPDATER),
        (b"Microsoft-WNS", "Windows push", Interactive, "the user agent of a push service"),
        (b"SCEP Updater", "Windows Update", Update, UPDATER),
        (b"MpCommunication", "Windows Update", Update, UPDATER),
        (b"Google Update", "Google update", Update, UPDATER),
        (b"Software%20Update", "Apple update", Update, UPDATER),
        (b"com.apple.appstored", "App Store", Update, UPDATER),
        (b"AndroidDownloadManager", "Android download", Download, "the user agent of a download manager"),
        (b"aria2/", "HTTP download", Download, "the user agent of a download manager"),
        (b"VLC/", "HTTP streaming", Streaming, PLAYER),
        (b"Lavf", "HTTP streaming", Streaming, PLAYER),
        (b"AppleCoreMedia", "HTTP streaming", Streaming, PLAYER),
        (b"stagefright/", "HTTP streaming", Streaming, PLAYER),
        (b"ExoPlayer", "HTTP streaming", Streaming, PLAYER),
        (b"NSPlayer/", "HTTP streaming", Streaming, PLAYER),
        (b"GStreamer", "HTTP streaming", Streaming, PLAYER),
        (b"Kodi/", "HTTP streaming", Streaming, PLAYER),
        (b"WinampMPEG", "Icecast", Streaming, PLAYER),
        (b"AirPlay/", "AirPlay", Streaming, PLAYER),
        (b"xmrig", "Mining", Backup, MINER),
        (b"cpuminer", "Mining", Backup, MINER),
        (b"cgminer", "Mining", Backup, MINER),
        (b"bfgminer", "Mining", Backup, MINER),
        (b"ethminer", "Mining", Backup, MINER),
        (b"ccminer", "Mining", Backup, MINER),
        (b"git/", "Git", Download, "the user agent of Git"),
    ];
    let begins = |text: &[u8]| agent.len() >= text.len() && agent[..text.len()].eq_ignore_ascii_case(text);
    let known =
        AGENTS.iter().find(|(text, ..)| begins(text)).map(|&(_, application, class, why)| (application, class, why));
    // Nextcloud's and ownCloud's own: `Mozilla/5.0 (Linux) mirall/3.4.1 (Nextcloud, …)`.
    known.or_else(|| {
        let mirall = holds(agent, 128, b"mirall/");
        mirall.then_some(("Nextcloud", Backup, SYNC))
    })
}

/// What is spoken inside a WebSocket (IANA "WebSocket Subprotocol Name Registry").
fn inside_websocket(subprotocols: &[u8]) -> Option<(&'static str, TrafficClass)> {
    let offers = |text: &[u8]| holds(subprotocols, 128, text);
    match () {
        () if subprotocols.is_empty() => None,
        () if offers(b"mqtt") => Some(("MQTT", Update)),
        () if offers(b"xmpp") => Some(("XMPP", Interactive)),
        () if is(subprotocols, b"sip") => Some(("SIP", Voice)),
        () if offers(b"stomp") => Some(("STOMP", Update)),
        () if offers(b"amqp") => Some(("AMQP", Update)),
        () if offers(b"ocpp") => Some(("OCPP", Update)),
        () if offers(b"opcua") => Some(("OPC UA", Update)),
        () if offers(b"rfb") => Some(("VNC", Interactive)),
        () if offers(b"guacamole") => Some(("Guacamole", Interactive)),
        () => None,
    }
}

/// An answer: the type of its content may say more than the request.
fn answer(bytes: &[u8]) -> Finding {
    let text = &bytes[..bytes.len().min(MOST_HEADERS)];
    let headers = headers(text);
    let enough = headers.ended || text.len() < bytes.len() || text.len() == MOST_HEADERS;
    let kind = headers.kind;
    // A part of something says how large the whole is (RFC 9110, 14.4).
    let whole = headers.range.rsplit(|&byte| byte == b'/').next().and_then(number);
    let length = whole.or(headers.length);
    let radio = headers.icy || bytes.starts_with(b"ICY ");
    let playlist = is(kind, b"application/vnd.apple.mpegurl")
        || is(kind, b"application/x-mpegurl")
        || is(kind, b"application/dash+xml")
        || is(kind, b"application/vnd.ms-sstr+xml")
        || is(kind, b"video/mp2t")
        || is(kind, b"video/iso.segment")
        || is(kind, b"application/x-mms-framed");
    let clip = (is(kind, b"video/") || is(kind, b"audio/")) && length.is_none_or(|length| length >= LONG_CLIP);
    if radio || playlist || clip {
        let application = if radio { "Icecast" } else { "HTTP streaming" };
        return likely(application, Streaming, 90, "the answer is video or sound");
    }
    if is(kind, b"application/ocsp-response") {
        return likely("OCSP", Interactive, 92, "the answer is the state of a certificate");
    }
    if is(kind, b"application/ipp") {
        return likely("IPP", Interactive, 92, "the answer of a printer (IPP)");
    }
    if is(kind, b"application/dns-message") {
        return likely("DNS over HTTPS", Interactive, 92, "a DNS answer in HTTP");
    }
    if is(kind, b"application/x-git-") {
        return likely("Git", Download, 92, "a Git repository over HTTP");
    }
    if is(kind, b"application/x-bittorrent") {
        return likely("BitTorrent", Download, 80, "the answer is a BitTorrent file");
    }
    let attached = is(headers.disposition, b"attachment");
    if (is_file(kind) || attached) && length.is_none_or(|length| length >= LARGE_FILE) {
        return likely("HTTP", Download, 86, "the answer is a file to keep");
    }
    let soap = is(kind, b"application/soap+xml");
    let signature = Signature { why: "an HTTP answer in the clear", ..HTTP };
    let signature = if soap { Signature { application: "SOAP", class: Update, ..signature } } else { signature };
    let next = if enough { Next::Watch } else { Next::Read };
    Finding::Found(Found { signature, name: None, next, announces: Vec::new() })
}

/// Types that no page shows: programs, archives, images of disks.
fn is_file(kind: &[u8]) -> bool {
    const FILES: [&[u8]; 22] = [
        b"application/octet-stream",
        b"binary/octet-stream",
        b"application/zip",
        b"application/x-zip",
        b"application/gzip",
        b"application/x-gzip",
        b"application/x-tar",
        b"application/x-bzip",
        b"application/x-xz",
        b"application/x-7z-compressed",
        b"application/x-rar",
        b"application/vnd.rar",
        b"application/x-msdownload",
        b"application/x-msdos-program",
        b"application/x-dosexec",
        b"application/x-ms",
        b"application/vnd.ms-cab-compressed",
        b"application/vnd.android.package-archive",
        b"application/java-archive",
        b"application/x-apple-diskimage",
        b"application/x-iso9660-image",
        b"application/vnd.debian.binary-package",
    ];
    FILES.iter().any(|file| is(kind, file))
}

/// Whether a value begins with `text`, without regard to case.
fn is(value: &[u8], text: &[u8]) -> bool {
    value.len() >= text.len() && value[..text.len()].eq_ignore_ascii_case(text)
}

/// The name in `name`, `name:port`, `user@name:port` or `[address]:port`.
fn name_of(authority: &[u8]) -> Option<&str> {
    let authority = authority.rsplit(|&byte| byte == b'@').next()?;
    let name = match authority {
        [b'[', rest @ ..] => rest.split(|&byte| byte == b']').next()?,
        _ => authority.split(|&byte| byte == b':').next()?,
    };
    valid_name(name)
}

fn plain(path: &[u8]) -> &[u8] {
    path.split(|&byte| matches!(byte, b'?' | b'#')).next().unwrap_or(path)
}

fn ends_with_any(path: &[u8], suffixes: &[&str]) -> bool {
    suffixes.iter().any(|suffix| {
        path.len() >= suffix.len() && path[path.len() - suffix.len()..].eq_ignore_ascii_case(suffix.as_bytes())
    })
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// The headers behind the first line, without blanks around them; names compare without case.
fn headers(text: &[u8]) -> Headers<'_> {
    let mut headers = Headers::default();
    let mut rest = text;
    let mut first = true;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let line = rest[..end].trim_ascii_end();
        rest = &rest[end + 1..];
        if std::mem::take(&mut first) {
            continue;
        }
        if line.is_empty() {
            headers.ended = true;
            break;
        }
        let Some(colon) = memchr::memchr(b':', &line[..line.len().min(40)]) else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let called = |text: &[u8]| name.eq_ignore_ascii_case(text);
        match name.len() {
            2 => headers.discovery |= called(b"st"),
            3 => headers.discovery |= called(b"nts") || called(b"usn"),
            4 if called(b"host") => headers.host = Some(value),
            6 if called(b"accept") => headers.accept = value,
            7 if called(b"upgrade") => headers.upgrade = value,
            8 if called(b"icy-name") => headers.icy = true,
            10 if called(b"user-agent") => headers.agent = value,
            10 if called(b"soapaction") => headers.soap = true,
            12 if called(b"content-type") => headers.kind = value,
            12 if called(b"icy-metadata") => headers.icy = true,
            13 if called(b"content-range") => headers.range = value,
            14 if called(b"content-length") => headers.length = number(value),
            19 if called(b"content-disposition") => headers.disposition = value,
            22 if called(b"sec-websocket-protocol") => headers.subprotocol = value,
            _ => {}
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &[u8], layer: Layer, port: u16) -> Finding {
        inspect(&super::super::specimen::view(layer, text, port))
    }

    /// The message with its blank line; every beginning of it must do no harm, and say no other purpose.
    fn check(message: &str, expected: Option<(&str, TrafficClass, &str)>) {
        let text = format!("{}\r\n\r\n", message.replace('\n', "\r\n"));
        let found = match find(text.as_bytes(), Layer::Stream, 80) {
            Finding::Found(found) => Some(found),
            Finding::No | Finding::More => None,
        };
        let shown = found.as_ref().map(|found| {
            let name = found.name.as_ref().map_or("", |(name, _)| name);
            (found.signature.application, found.signature.class, name)
        });
        assert_eq!(shown, expected, "{message}");
        for end in 1..text.len() {
            let part = find(&text.as_bytes()[..end], Layer::Stream, 80);
            assert!(expected.is_none() || !matches!(part, Finding::No), "{end} bytes of {message}");
        }
    }

    #[test]
    fn requests_name_their_server() {
        let web = |application, name| Some((application, Web, name));
        check("GET / HTTP/1.1\nHost: www.Example.com:8080\nUser-Agent: x", web("HTTP", "www.example.com"));
        check("GET / HTTP/1.0", web("HTTP", ""));
        check("POST /x HTTP/1.1\nhost: [2001:db8::1]:80", web("HTTP", "2001:db8::1"));
        check("GET http://a.example/x HTTP/1.1", web("HTTP proxy", "a.example"));
        check("CONNECT a.example:443 HTTP/1.1\nHost: b.example", web("HTTP proxy", "a.example"));
        check("PROPFIND /dav HTTP/1.1\nHost: a.example", web("WebDAV", "a.example"));
        check("GET /chat HTTP/1.1\nHost: a.example\nUpgrade: websocket", web("WebSocket", "a.example"));
        check("GET / HTTP/1.1\nHost: a.example\nUpgrade: h2c", web("HTTP/2", "a.example"));
    }

    #[test]
    fn requests_say_what_they_are_for() {
        let get = |path: &str, more: &str| format!("GET {path} HTTP/1.1\nHost: a.example\n{more}");
        for (path, more, application, class) in [
            ("/a", "User-Agent: Debian APT-HTTP/1.3 (2.6.1)", "Debian", Update),
            ("/a", "User-Agent: Microsoft-Delivery-Optimization/10.0", "Windows Update", Update),
            ("/a", "User-Agent: AppleCoreMedia/1.0.0", "HTTP streaming", Streaming),
            ("/a", "User-Agent: xmrig/6.2", "Mining", Backup),
            ("/a", "User-Agent: Mozilla/5.0 (Linux) mirall/3.4 (Nextcloud)", "Nextcloud", Backup),
            ("/announce?info_hash=abc&peer_id=x", "", "BitTorrent", Download),
            ("/v/index.m3u8?token=1", "", "HTTP streaming", Streaming),
            ("/r/info/refs?service=git-upload-pack", "", "Git", Download),
            ("/", "Icy-MetaData: 1", "Icecast", Streaming),
            ("/p", "Content-Type: application/ipp", "IPP", Interactive),
            ("/c", "SOAPAction: \"urn:x\"", "SOAP", Update),
            ("/o", "Content-Type: application/ocsp-request", "OCSP", Interactive),
            ("/w", "Upgrade: websocket\nSec-WebSocket-Protocol: mqtt", "MQTT", Update),
            ("/d", "Accept: application/dns-message", "DNS over HTTPS", Interactive),
        ] {
            let text = format!("{}\r\n\r\n", get(path, more).replace('\n', "\r\n"));
            let Finding::Found(found) = find(text.as_bytes(), Layer::Stream, 80) else { panic!("{path} {more}") };
            assert_eq!((found.signature.application, found.signature.class), (application, class), "{path} {more}");
        }
    }

    #[test]
    fn answers_say_what_they_carry() {
        let media = Some(("HTTP streaming", Streaming, ""));
        check("HTTP/1.1 200 OK\nContent-Type: video/mp4\nContent-Length: 900000", media);
        check(
            "HTTP/1.1 206 Partial\nContent-Type: video/mp4\nContent-Range: bytes 0-9/900000\nContent-Length: 10",
            media,
        );
        check("HTTP/1.1 200 OK\nContent-Type: audio/mpeg\nContent-Length: 9000", Some(("HTTP", Web, "")));
        check("HTTP/1.1 200 OK\nContent-Type: application/x-mpegURL", media);
        check("ICY 200 OK\nicy-name: radio", Some(("Icecast", Streaming, "")));
        let file = Some(("HTTP", Download, ""));
        check("HTTP/1.1 200 OK\nContent-Type: application/octet-stream\nContent-Length: 10000000", file);
        check("HTTP/1.1 200 OK\nContent-Type: application/octet-stream\nContent-Length: 100", Some(("HTTP", Web, "")));
        check("HTTP/1.1 200 OK\nContent-Type: text/html", Some(("HTTP", Web, "")));
    }

    #[test]
    fn what_only_looks_like_it_is_left_to_others() {
        check("OPTIONS rtsp://a.example/x RTSP/1.0\nCSeq: 1", None);
        check("NOTIFY sip:a@example.com SIP/2.0\nVia: x", None);
        check("GETTING on", None);
        check("220 a.example ESMTP", None);
    }

    #[test]
    fn discovery_is_told_in_datagrams() {
        for (text, port, known) in [
            (&b"M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n"[..], 1900, true),
            (b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n", 1900, true),
            (b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n", 50_001, true),
            (b"HTTP/1.1 200 OK\r\n\r\n", 50_001, false),
            (b"GET / HTTP/1.1\r\n\r\n", 80, false),
        ] {
            assert_eq!(matches!(find(text, Layer::Datagram, port), Finding::Found(_)), known, "{text:?}");
        }
    }
}
