//! What may be named where: each kind of knowledge has its place.

use crate::source::Source;
use crate::{report, rust};
use proc_macro2::{TokenStream, TokenTree};
use std::str::FromStr;

/// Words that only some places may use, outside of tests.
struct Place {
    /// Where the rule holds: a path's beginning.
    within: &'static str,
    /// Where the words are allowed all the same.
    except: &'static [&'static str],
    /// Whole identifiers.
    words: &'static [&'static str],
    /// What to do instead.
    instead: &'static str,
}

const PLACES: &[Place] = &[
    Place {
        within: "gateway/src/protocol",
        except: &[],
        words: &["tokio", "hyper", "tungstenite"],
        instead: "the protocol is values in, values out; what waits or writes is in connection/",
    },
    Place {
        within: "gateway/src/event",
        except: &[],
        words: &["tokio", "hyper", "tungstenite", "wasmtime"],
        instead: "events are plain data",
    },
    Place {
        within: "gateway/src",
        except: &[
            "gateway/src/connection",
            "gateway/src/shard",
            "gateway/src/plugins",
        ],
        words: &[
            "tungstenite",
            "hyper_tungstenite",
            "tokio_tungstenite",
            "WebSocketStream",
        ],
        instead: "frames are the business of connection/ and shard/ (and, for a guest's sockets, of plugins/services)",
    },
    Place {
        within: "gateway/src",
        except: &[
            "gateway/src/connection",
            "gateway/src/shard",
            "gateway/src/listener",
            "gateway/src/plugins/services",
        ],
        words: &["TcpStream"],
        instead: "client sockets are accepted in listener/ and touched in connection/ and shard/ only",
    },
    Place {
        within: "gateway/src",
        except: &["gateway/src/plugins"],
        words: &["wasmtime", "wasmtime_wasi", "wasmparser"],
        instead: "guests are the plugin host's business; ask plugins::host",
    },
    Place {
        within: "plugin-api",
        except: &[],
        words: &["tokio", "hyper", "wasmtime"],
        instead: "guests have no runtime of their own; the host does the waiting",
    },
];

/// Systems that only their plugins may know.
const SYSTEMS: &[&str] = &[
    "homeassistant",
    "home_assistant",
    "home-assistant",
    "androidzen",
    "homeguard",
];

#[test]
fn everything_is_in_its_place() {
    report(
        "Each kind of knowledge has its place",
        &rust().iter().flat_map(misplaced).collect::<Vec<_>>(),
    );
}

#[test]
fn the_core_knows_no_system_by_name() {
    report(
        "The core knows no system by name",
        &rust().iter().flat_map(systems).collect::<Vec<_>>(),
    );
}

#[test]
fn a_misplaced_word_is_found() {
    let found = |path: &str, text: &str| misplaced(&Source::parse(path, text)).len();
    assert_eq!(
        found("gateway/src/protocol/frame.rs", "use tokio::sync::mpsc;"),
        1
    );
    assert_eq!(found("gateway/src/bus.rs", "use tokio::net::TcpStream;"), 1);
    assert_eq!(
        found(
            "gateway/src/connection/reader.rs",
            "use tokio::net::TcpStream;"
        ),
        0
    );
    assert_eq!(
        found("gateway/src/protocol.rs", "/// no tokio here\nfn a() {}"),
        0
    );
    assert_eq!(
        systems(&Source::parse(
            "gateway/src/a.rs",
            "const A: &str = \"home-assistant\";"
        ))
        .len(),
        1
    );
}

fn misplaced(source: &Source) -> Vec<String> {
    let rules = PLACES
        .iter()
        .filter(|place| source.path.starts_with(place.within));
    let rules: Vec<&Place> = rules
        .filter(|place| {
            !place
                .except
                .iter()
                .any(|path| source.path.starts_with(path))
        })
        .collect();
    let mut complaints = Vec::new();
    for (word, line) in words(source) {
        for rule in rules
            .iter()
            .filter(|rule| rule.words.contains(&word.as_str()))
        {
            complaints.push(format!(
                "{}:{line}: `{word}` has no place here: {}",
                source.path, rule.instead
            ));
        }
    }
    complaints
}

fn systems(source: &Source) -> Vec<String> {
    let named = |word: &str| {
        SYSTEMS
            .iter()
            .find(|system| word.to_lowercase().contains(**system))
    };
    let core = if source.path.starts_with("gateway/src/") {
        words(source)
    } else {
        Vec::new()
    };
    let found = core
        .into_iter()
        .filter_map(|(word, line)| named(&word).map(|system| (system, line)));
    found
        .map(|(system, line)| {
            format!(
                "{}:{line}: knows `{system}`; that belongs into a plugin",
                source.path
            )
        })
        .collect()
}

/// Identifiers and literals that are neither documentation nor test code, with their lines.
fn words(source: &Source) -> Vec<(String, usize)> {
    let tokens = TokenStream::from_str(&source.text).expect("it was parsed before");
    let mut found = Vec::new();
    collect(tokens, &mut found);
    found.retain(|(_, line)| !source.in_test(*line));
    found
}

fn collect(tokens: TokenStream, found: &mut Vec<(String, usize)>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) if !is_documentation(&group) => collect(group.stream(), found),
            TokenTree::Ident(ident) => found.push((ident.to_string(), ident.span().start().line)),
            TokenTree::Literal(literal) => {
                found.push((literal.to_string(), literal.span().start().line))
            }
            TokenTree::Group(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// A comment is the group `[doc = "…"]` to the lexer.
fn is_documentation(group: &proc_macro2::Group) -> bool {
    matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(ident)) if ident == "doc")
}
