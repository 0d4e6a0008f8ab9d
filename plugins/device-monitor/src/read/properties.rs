//! System properties: lines `NAME=VALUE`, printed by a loop over `getprop NAME`.

use std::collections::BTreeMap;

/// The properties that are asked for, and the names under which they are told.
pub const ASKED: [(&str, &str); 8] = [
    ("ro.product.model", "model"),
    ("ro.product.manufacturer", "manufacturer"),
    ("ro.product.brand", "brand"),
    ("ro.build.version.release", "android_version"),
    ("ro.build.version.sdk", "sdk"),
    ("ro.build.version.security_patch", "security_patch"),
    ("ro.build.id", "build"),
    ("ro.product.cpu.abi", "abi"),
];
/// Longest value that is taken.
const LONGEST: usize = 128;

/// Reads them; empty ones are left out.
#[must_use]
pub fn parse(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.trim().split_once('='));
    lines
        .filter_map(|(property, value)| {
            let name = ASKED.iter().find(|(asked, _)| *asked == property)?.1;
            let value: String = value
                .trim()
                .chars()
                .filter(|c| !c.is_control())
                .take(LONGEST)
                .collect();
            (!value.is_empty()).then(|| (name.to_owned(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asked_ones_are_told_under_plain_names() {
        let text = "ro.product.model=Pixel 4\r\nro.build.version.release=13\nro.build.version.sdk=33\nro.product.brand=\nro.secret=x\nnonsense\nro.build.id=TP1A.220624.014=\n";
        let expected = [
            ("model", "Pixel 4"),
            ("android_version", "13"),
            ("sdk", "33"),
            ("build", "TP1A.220624.014="),
        ];
        let expected = expected.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(parse(text), BTreeMap::from(expected));
        let long = format!("ro.product.model={}\n", "x".repeat(5000));
        assert_eq!(parse(&long)["model"].len(), LONGEST);
    }
}
