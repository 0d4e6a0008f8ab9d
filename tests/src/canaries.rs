//! Secrets that a test plants, and the search for them in whatever the gateway writes or sends.

use crate::tokens::base64url;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Bytes of a secret that are looked for: enough to be no chance, few enough to be found in a part of it.
const CORE: usize = 24;

/// Secrets, each of which can be told from all others.
#[derive(Debug, Default)]
pub struct Canaries(Vec<Canary>);

#[derive(Debug)]
struct Canary {
    name: String,
    /// The forms in which it would be read.
    forms: Vec<(&'static str, String)>,
}

impl Canaries {
    /// Makes a new secret.
    pub fn plant(&mut self, name: &str) -> String {
        let random = || RandomState::new().build_hasher().finish();
        let secret = format!("{:016x}{:016x}{:016x}", random(), random(), random());
        self.watch(name, &secret);
        secret
    }

    /// Looks for one that was made elsewhere.
    ///
    /// # Panics
    /// It is too short to be told from a chance.
    pub fn watch(&mut self, name: &str, secret: &str) {
        assert!(secret.is_ascii() && secret.len() >= CORE, "{name}");
        let from = (secret.len() - CORE) / 2;
        self.0.push(Canary {
            name: name.to_owned(),
            forms: forms(&secret[from..from + CORE]),
        });
    }

    /// Which of them a text shows, and how.
    #[must_use]
    pub fn found_in(&self, text: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(text);
        let shows = |canary: &Canary| {
            let (form, _) = canary.forms.iter().find(|(_, form)| text.contains(form))?;
            Some(format!("{} ({form})", canary.name))
        };
        self.0.iter().filter_map(shows).collect()
    }
}

/// As it is, and in the writings that software makes of bytes.
fn forms(core: &str) -> Vec<(&'static str, String)> {
    let each = |write: fn(&u8) -> String, between| {
        core.bytes()
            .map(|b| write(&b))
            .collect::<Vec<_>>()
            .join(between)
    };
    let mut forms = vec![
        ("plain", core.to_owned()),
        ("upper case", core.to_uppercase()),
        ("hexadecimal", each(|b| format!("{b:02x}"), "")),
        ("HEXADECIMAL", each(|b| format!("{b:02X}"), "")),
        ("percent-encoded", each(|b| format!("%{b:02x}"), "")),
        ("Percent-Encoded", each(|b| format!("%{b:02X}"), "")),
        ("a list of numbers", each(u8::to_string, ", ")),
        ("a list of numbers, dense", each(u8::to_string, ",")),
    ];
    // What stands before it decides how base64 cuts it: one of three ways. The ends depend on the neighbours.
    for before in 0..3 {
        let bytes = [&vec![0; before], core.as_bytes()].concat();
        let text = base64url(&bytes);
        let inner = &text[[0, 2, 3][before]..text.len() - 3];
        forms.push(("base64 for URLs", inner.to_owned()));
        forms.push(("base64", inner.replace('-', "+").replace('_', "/")));
    }
    forms
}
