//! docs/protocols.md: all protocols and services that are known, read from the sources of `traffic/classify/` and
//! its tables: what the code says, not what somebody remembered to write down.

use crate::run;
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The classes as the code writes them.
const CLASSES: [&str; 10] =
    ["Voice", "Call", "Gaming", "Interactive", "Web", "Streaming", "Work", "Download", "Backup", "Update"];

/// What is known of one application.
#[derive(Default)]
struct Entry {
    classes: BTreeSet<String>,
    /// Files with a signature of it.
    files: BTreeSet<String>,
    /// Its ports and protocol numbers, in words.
    ports: BTreeSet<String>,
    names: Vec<String>,
    blocks: usize,
}

type Register = BTreeMap<String, Entry>;

const DOCUMENT: &str = "docs/protocols.md";

/// Writes the document.
pub fn write() -> Result<()> {
    std::fs::write(run::root().join(DOCUMENT), document()?).context(DOCUMENT)
}

/// Fails where the document does not say what the sources say.
pub fn check() -> Result<()> {
    let (written, current) = (read(&run::root().join(DOCUMENT))?, document()?);
    let lines: BTreeSet<&str> = written.lines().collect();
    let new: Vec<&str> = current.lines().filter(|line| !lines.contains(line)).take(10).collect();
    ensure!(written == current, "{DOCUMENT} is stale, run `cargo xtask codegen`: {}", new.join("\n"));
    Ok(())
}

fn document() -> Result<String> {
    let folder = run::root().join("crates/traffic/src/classify");
    let mut register = Register::new();
    let mut specimens = BTreeMap::new();
    let sources: Vec<(String, Vec<Token>)> =
        rust_files(&folder)?.iter().map(|path| Ok((file_name(path), tokens(&read(path)?)))).collect::<Result<_>>()?;
    for (_, tokens) in &sources {
        learn_specimens(tokens, &mut specimens);
    }
    for (file, tokens) in &sources {
        learn_signatures(file, tokens, &specimens, &mut register);
    }
    let by_signature = register.values().filter(|entry| !entry.files.is_empty()).count();
    let by_port = register.values().filter(|entry| !entry.ports.is_empty()).count();
    let protocols = table_of_protocols(&register);
    let known = register.len();

    let mut services = Register::new();
    learn_names(&read(&folder.join("services.csv"))?, &mut services);
    learn_blocks(&read(&folder.join("services/addresses.csv"))?, &mut services);
    let twice = spelt_twice(register.keys().chain(services.keys()));
    ensure!(twice.is_empty(), "one spelling for one application: {}", twice.join(", "));
    let names: usize = services.values().map(|entry| entry.names.len()).sum();
    let blocks: usize = services.values().map(|entry| entry.blocks).sum();
    let all: BTreeSet<&String> = register.keys().chain(services.keys()).collect();

    Ok(format!(
        "# Protocols and services EqualNet knows

Written by `cargo xtask codegen` from the sources in `crates/traffic/src/classify`: do not edit.

| {} | applications in all |
|---:|---|
| {known} | protocols |
| {by_signature} | of them by what their packets hold (signature) |
| {by_port} | of them by port or protocol number where nothing better is known |
| {} | services by server name or address |
| {names} | names: domains, brands, first labels and tokens |
| {blocks} | address blocks |

A verdict weighs all of this together with the name a device asked DNS for and with how a flow behaves; the class
shown is the one its evidence gives before that. Over TLS, HTTP and QUIC, names of calls and games stand for signing in
and signalling, which is web.

## Protocols

{protocols}
## Services

The names with their sources stand in `services.csv`, the address blocks in `services/addresses.csv`.

{}",
        all.len(),
        services.len(),
        table_of_services(&services),
    ))
}

/// Applications whose names differ only in case, blanks or punctuation (but `RTL` and `RTL+`), as `UWSGI or uWSGI`.
fn spelt_twice<'a>(applications: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut spellings: BTreeMap<String, BTreeSet<&String>> = BTreeMap::new();
    for application in applications {
        let letters = application.chars().filter(|c| c.is_alphanumeric() || *c == '+');
        spellings.entry(letters.collect::<String>().to_lowercase()).or_default().insert(application);
    }
    let twice = spellings.values().filter(|spellings| spellings.len() > 1);
    twice.map(|spellings| spellings.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(" or ")).collect()
}

fn table_of_protocols(register: &Register) -> String {
    let mut table =
        String::from("| Application | Class | Signature | Ports and protocol numbers |\n|---|---|---|---|\n");
    for (application, entry) in sorted(register) {
        let files = list(entry.files.iter().map(|file| format!("`{file}`")));
        writeln!(table, "| {application} | {} | {files} | {} |", classes(entry), list(&entry.ports))
            .unwrap_or_default();
    }
    table
}

fn table_of_services(services: &Register) -> String {
    /// Enough to recognise the service by; the rest stands in the table.
    const SHOWN: usize = 4;
    let mut table = String::from("| Application | Class | Names | Address blocks |\n|---|---|---|---:|\n");
    for (application, entry) in sorted(services) {
        let mut names = list(entry.names.iter().take(SHOWN).map(|name| format!("`{name}`")));
        if let more @ 1.. = entry.names.len().saturating_sub(SHOWN) {
            write!(names, " and {more} more").unwrap_or_default();
        }
        let blocks = if entry.blocks == 0 { String::new() } else { entry.blocks.to_string() };
        writeln!(table, "| {application} | {} | {names} | {blocks} |", classes(entry)).unwrap_or_default();
    }
    table
}

/// As people look for them: whatever their case.
fn sorted(register: &Register) -> Vec<(&String, &Entry)> {
    let mut entries: Vec<(&String, &Entry)> = register.iter().collect();
    entries.sort_by_key(|(application, _)| (application.to_lowercase(), *application));
    entries
}

fn classes(entry: &Entry) -> String {
    entry.classes.iter().cloned().collect::<Vec<_>>().join(" or ")
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// As much of Rust as is needed to see which application a class is given to.
#[derive(Debug, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Mark(char),
}

fn word(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) => Some(word),
        Token::Text(_) | Token::Mark(_) => None,
    }
}

fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => while chars.next().is_some_and(|c| c != '\n') {},
            '"' => {
                let text = text(&mut chars);
                // A byte string is no name.
                match tokens.last() {
                    Some(Token::Word(prefix)) if ["b", "br", "r", "c"].contains(&prefix.as_str()) => {}
                    _ => tokens.push(Token::Text(text)),
                }
            }
            '\'' => {
                // A character, or a lifetime, which has no closing quote.
                match chars.next() {
                    Some('\\') => {
                        chars.next();
                        while chars.next_if(|&c| c != '\'').is_some() {}
                        chars.next();
                    }
                    _ => {
                        chars.next_if_eq(&'\'');
                    }
                }
            }
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = c.to_string();
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            c if c.is_whitespace() => {}
            c => tokens.push(Token::Mark(c)),
        }
    }
    tokens
}

/// The rest of a string literal.
fn text(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}

/// Tests say what each specimen is taken for: "application class".
fn learn_specimens(tokens: &[Token], specimens: &mut BTreeMap<String, BTreeSet<String>>) {
    for token in tokens {
        if let Token::Text(text) = token
            && let Some((application, class)) = text.rsplit_once(' ')
            && CLASSES.iter().any(|known| known.to_lowercase() == class)
        {
            specimens.entry(application.to_owned()).or_default().insert(class.to_owned());
        }
    }
}

/// What stands before the tests of a file: `#[cfg(test)]` and a module with a body.
fn without_tests(tokens: &[Token]) -> &[Token] {
    let is_tests = |place: usize| {
        let ends = |token: &&Token| [Token::Mark('{'), Token::Mark(';')].contains(token);
        let words: Vec<&str> = tokens[place..].iter().take_while(|token| !ends(token)).filter_map(word).collect();
        let ends_in_body = tokens[place..].iter().find(ends);
        matches!(words.as_slice(), ["cfg", "test", "mod", _] | ["cfg", "test", "pub", _, "mod", _])
            && ends_in_body == Some(&Token::Mark('{'))
    };
    let end = (0..tokens.len()).find(|&place| tokens[place] == Token::Word("cfg".to_owned()) && is_tests(place));
    &tokens[..end.unwrap_or(tokens.len())]
}

/// Two shapes: an application next to its class (`"SSH", Interactive`, `application: "SSH", class: …`), and an
/// application with its class elsewhere, believed where a specimen names both.
fn learn_signatures(
    file: &str,
    tokens: &[Token],
    specimens: &BTreeMap<String, BTreeSet<String>>,
    register: &mut Register,
) {
    let tokens = without_tests(tokens);
    let mut function = "";
    for (place, token) in tokens.iter().enumerate() {
        match token {
            Token::Word(word) if word == "fn" => {
                if let Some(Token::Word(name)) = tokens.get(place + 1) {
                    function = name;
                }
            }
            Token::Text(application) => {
                let classes = match class_after(&tokens[place + 1..]) {
                    Some(class) => BTreeSet::from([class.to_lowercase()]),
                    None => specimens.get(application).cloned().unwrap_or_default(),
                };
                if classes.is_empty() || application.is_empty() {
                    continue;
                }
                let entry = register.entry(application.clone()).or_default();
                entry.classes.extend(classes);
                if file != "ports.rs" {
                    entry.files.insert(file.to_owned());
                } else if let Some(port) = port(&tokens[..place]) {
                    entry.ports.insert(port);
                } else if function == "by_protocol" {
                    entry.ports.insert(format!("protocol {}", numbers_before(&tokens[..place])));
                } else {
                    entry.ports.insert("TLS on its port".to_owned());
                }
            }
            Token::Word(_) | Token::Mark(_) => {}
        }
    }
}

/// The class right behind an application: `, Web`, `, TrafficClass::Web`, `, class: Web`.
fn class_after(tokens: &[Token]) -> Option<&str> {
    let (Token::Mark(','), rest) = tokens.split_first()? else { return None };
    let spoken = rest.iter().take_while(|token| matches!(token, Token::Word(_) | Token::Mark(':')));
    let class = spoken.filter_map(word).find(|word| !["class", "TrafficClass"].contains(word))?;
    CLASSES.contains(&class).then_some(class)
}

/// `port(22, Over::Tcp,` and `ports(67, 68, Over::Udp,` before an application.
fn port(before: &[Token]) -> Option<String> {
    let start = before.iter().rposition(|token| *token == Token::Mark('('))?;
    let Token::Word(call) = before.get(start.checked_sub(1)?)? else { return None };
    let words: Vec<&str> = before[start..].iter().filter_map(word).filter(|word| *word != "Over").collect();
    let over = |over: &str| match over {
        "Both" => "tcp and udp".to_owned(),
        one => one.to_lowercase(),
    };
    match (call.as_str(), words.as_slice()) {
        ("port", [number, transport]) => Some(format!("{}/{}", number.replace('_', ""), over(transport))),
        ("ports", [first, last, transport]) => {
            Some(format!("{}-{}/{}", first.replace('_', ""), last.replace('_', ""), over(transport)))
        }
        _ => None,
    }
}

/// `50 | 51` of `50 | 51 => (`.
fn numbers_before(before: &[Token]) -> String {
    let mut numbers: Vec<&str> = before
        .iter()
        .rev()
        .skip_while(|token| !matches!(token, Token::Word(_)))
        .take_while(|token| match token {
            Token::Word(word) => word.chars().all(|c| c.is_ascii_digit() || c == '_'),
            Token::Mark(mark) => "|.=".contains(*mark),
            Token::Text(_) => false,
        })
        .filter_map(word)
        .collect();
    numbers.reverse();
    numbers.join(" and ")
}

/// The rows of a table: no comments, no header.
fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .skip(1)
        .map(|line| line.split(',').collect())
}

fn learn_names(table: &str, services: &mut Register) {
    for row in rows(table) {
        if let [application, class, names, ..] = row.as_slice() {
            let entry = services.entry((*application).to_owned()).or_default();
            entry.classes.insert((*class).to_owned());
            entry.names.extend(names.split(' ').map(str::to_owned));
        }
    }
}

fn learn_blocks(table: &str, services: &mut Register) {
    for row in rows(table) {
        if let [application, class, _, blocks, ..] = row.as_slice() {
            let entry = services.entry((*application).to_owned()).or_default();
            entry.classes.insert((*class).to_owned());
            entry.blocks += blocks.split(' ').count();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_application_has_one_spelling() {
        let names = ["uWSGI", "UWSGI", "RTL", "RTL+", "IP in IP", "IP-in-IP", "TLS"].map(str::to_owned);
        assert_eq!(spelt_twice(names.iter()), ["IP in IP or IP-in-IP", "UWSGI or uWSGI"]);
    }

    #[test]
    fn an_application_stands_next_to_its_class_or_a_specimen_names_both() {
        let source = r#"
            const A: [Row; 2] = [port(22, Over::Tcp, "SSH", Interactive), ports(5_060, 5_061, Over::Both, "SIP", Voice)];
            fn inspect() { // "Comment", Web
                found("Git", TrafficClass::Download, "a greeting");
                let s = Signature { application: "DTLS", class: Web };
                text("NoMachine", "a banner"); b"Bytes"; '"'; other("Unknown", "a sentence");
            }
            #[cfg(test)]
            mod tests { const SPECIMENS: &[&str] = &["NoMachine interactive"]; found("Test", Web); }
        "#;
        let tokens = tokens(source);
        let mut specimens = BTreeMap::new();
        learn_specimens(&tokens, &mut specimens);
        let known = |file: &str| {
            let mut register = Register::new();
            learn_signatures(file, &tokens, &specimens, &mut register);
            sorted(&register)
                .iter()
                .map(|(application, entry)| format!("{application} {} {}", classes(entry), list(&entry.ports)))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            known("x.rs"),
            ["DTLS web ", "Git download ", "NoMachine interactive ", "SIP voice ", "SSH interactive "]
        );
        assert_eq!(
            known("ports.rs")[3..],
            ["SIP voice 5060-5061/tcp and udp".to_owned(), "SSH interactive 22/tcp".to_owned()]
        );
    }
}
