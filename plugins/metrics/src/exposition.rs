//! The text formats that Prometheus scrapes, line by line: 0.0.4 (prometheus.io, "Exposition formats") and OpenMetrics 1.0
//! (openmetrics.io). One reader does for both: what one of them forbids is no harm in the other.

use std::fmt;

/// So many labels one sample may have.
const MOST_LABELS: usize = 64;

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    /// `# TYPE name type`.
    Type(&'a str, Sort),
    /// `# UNIT name unit`.
    Unit(&'a str, &'a str),
    /// A sample.
    Sample(Sample<'a>),
    /// `# EOF`: OpenMetrics ends here, and what has none was cut off.
    End,
    /// A comment, a help text, an empty line.
    Nothing,
}

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Counter,
    Gauge,
    Histogram,
    Summary,
    /// OpenMetrics: what something is (`info`), and which of several states it is in (`stateset`).
    Info,
    StateSet,
    Unknown,
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    pub name: &'a str,
    /// Label → value, as they stand there.
    pub labels: Vec<(&'a str, String)>,
    pub value: f64,
    /// When it was taken, as it stands there: milliseconds in 0.0.4, seconds in OpenMetrics.
    pub timestamp: Option<f64>,
}

/// A line that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad(pub &'static str);

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Reads a line.
///
/// # Errors
/// What is wrong with it.
pub fn line(text: &str) -> Result<Line<'_>, Bad> {
    let text = text.trim_matches([' ', '\t', '\r']);
    match text.strip_prefix('#') {
        _ if text.is_empty() => Ok(Line::Nothing),
        Some(comment) => Ok(comment_line(comment)),
        None => sample(text).map(Line::Sample),
    }
}

/// A comment is anything; only four of them mean something.
fn comment_line(text: &str) -> Line<'_> {
    let mut words = text.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("EOF"), None, _) => Line::End,
        (Some("UNIT"), Some(name), Some(unit)) => Line::Unit(name, unit),
        (Some("TYPE"), Some(name), Some(sort)) => Line::Type(
            name,
            match sort {
                "counter" => Sort::Counter,
                "gauge" => Sort::Gauge,
                "histogram" | "gaugehistogram" => Sort::Histogram,
                "summary" => Sort::Summary,
                "info" => Sort::Info,
                "stateset" => Sort::StateSet,
                _ => Sort::Unknown,
            },
        ),
        _ => Line::Nothing,
    }
}

fn sample(text: &str) -> Result<Sample<'_>, Bad> {
    let end = text
        .find(|c: char| !is_name(c))
        .ok_or(Bad("a name without a value"))?;
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Bad("no name"));
    }
    let rest = rest.trim_start_matches([' ', '\t']);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None if rest.len() == text.len() - end => return Err(Bad("no space after the name")),
        None => (Vec::new(), rest),
    };
    // An exemplar (OpenMetrics) is no figure of its own.
    let rest = rest.split_once(" # ").map_or(rest, |(before, _)| before);
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().and_then(number).ok_or(Bad("no value"))?;
    let timestamp = words
        .next()
        .map(|word| number(word).ok_or(Bad("a timestamp that is none")));
    let timestamp = timestamp.transpose()?;
    match words.next() {
        None => Ok(Sample {
            name,
            labels,
            value,
            timestamp,
        }),
        Some(_) => Err(Bad("something after the timestamp")),
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Labels as they are written, their values without escapes.
type Labels<'a> = Vec<(&'a str, String)>;

/// Labels up to their closing brace, and what follows it. A comma may stand after the last.
fn labels(mut rest: &str) -> Result<(Labels<'_>, &str), Bad> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((found, rest));
        }
        let (name, after) = rest.split_once('=').ok_or(Bad("labels that don't end"))?;
        let name = name.trim();
        if name.is_empty() || name.contains(':') || !name.chars().all(is_name) {
            return Err(Bad("a label without a name"));
        }
        let after = after.trim_start_matches([' ', '\t']);
        let (value, after) = quoted(
            after
                .strip_prefix('"')
                .ok_or(Bad("a label's value without quotes"))?,
        )?;
        if found.len() >= MOST_LABELS {
            return Err(Bad("too many labels"));
        }
        found.push((name, value));
        let after = after.trim_start_matches([' ', '\t']);
        rest = match after.strip_prefix(',') {
            Some(after) => after,
            None if after.starts_with('}') => after,
            None => return Err(Bad("labels that don't end")),
        };
    }
}

/// A label's value up to its closing quote: `\\`, `\"` and `\n` are escapes, any other backslash is itself.
fn quoted(text: &str) -> Result<(String, &str), Bad> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('\\' | '"'))) => value.push(c),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err(Bad("a label's value that doesn't end"))
}

/// A figure as Go writes it: `NaN`, `+Inf`, `-Inf`, and numbers.
fn number(word: &str) -> Option<f64> {
    // What Rust reads more than that (`nan`, `infinity`) is as clear.
    word.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(&str, Labels<'_>, f64, Option<f64>), Bad> {
        match line(text)? {
            Line::Sample(sample) => {
                Ok((sample.name, sample.labels, sample.value, sample.timestamp))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn samples_are_read_as_documented() {
        let check = |text: &str,
                     name: &str,
                     labels: &[(&str, &str)],
                     value: f64,
                     timestamp: Option<f64>| {
            let labels = labels.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
            assert_eq!(read(text), Ok((name, labels, value, timestamp)), "{text}");
        };
        check("up 1", "up", &[], 1.0, None);
        check("  up\t 1  ", "up", &[], 1.0, None);
        check(
            "a:b_c 1.5e-3 1395066363000",
            "a:b_c",
            &[],
            0.0015,
            Some(1_395_066_363_000.0),
        );
        check("a{} 1", "a", &[], 1.0, None);
        check(r#"a{b="c"} 1"#, "a", &[("b", "c")], 1.0, None);
        check(
            r#"a { b = "c" , d="e", } -Inf"#,
            "a",
            &[("b", "c"), ("d", "e")],
            f64::NEG_INFINITY,
            None,
        );
        check(
            r#"a{p="C:\\DIR\\F",e="\"x\"\n\t"} +Inf -3"#,
            "a",
            &[("p", r"C:\DIR\F"), ("e", "\"x\"\n\\t")],
            f64::INFINITY,
            Some(-3.0),
        );
        check(r#"a{b="}, # {"} 2"#, "a", &[("b", "}, # {")], 2.0, None);
        check(
            r#"h_bucket{le="1"} 9 # {trace_id="K"} 0.67"#,
            "h_bucket",
            &[("le", "1")],
            9.0,
            None,
        );
        check(
            r#"c_total 17 1520879607.789 # {id="x"} 1 2"#,
            "c_total",
            &[],
            17.0,
            Some(1_520_879_607.789),
        );
    }

    #[test]
    fn not_a_number_is_a_value() {
        let (_, _, value, _) = read("a NaN").expect("it is read");
        assert!(value.is_nan());
    }

    #[test]
    fn what_can_not_be_read_is_said() {
        let check = |text: &str, expected: &'static str| {
            assert_eq!(line(text), Err(Bad(expected)), "{text}")
        };
        check("up", "a name without a value");
        check("up ", "a name without a value");
        check("up{a=\"b\"}", "no value");
        check("up x", "no value");
        check("up 1 x", "a timestamp that is none");
        check("up 1 2 3", "something after the timestamp");
        check("1up 1", "no name");
        check("<html>", "no name");
        check("up{a=\"b\" 1", "labels that don't end");
        check("up{a=\"b", "a label's value that doesn't end");
        check("up{a=\"b\\", "a label's value that doesn't end");
        check("up{a=b} 1", "a label's value without quotes");
        check("up{=\"b\"} 1", "a label without a name");
        check("up{a 1", "labels that don't end");
        check("up;1", "no space after the name");
    }

    #[test]
    fn comments_that_mean_something() {
        let check = |text: &str, expected: Line<'_>| assert_eq!(line(text), Ok(expected), "{text}");
        check("", Line::Nothing);
        check("# just a comment", Line::Nothing);
        check("# HELP up Whether it is up", Line::Nothing);
        check("# TYPE up gauge", Line::Type("up", Sort::Gauge));
        check("#   TYPE   up   counter", Line::Type("up", Sort::Counter));
        check("# TYPE up untyped", Line::Type("up", Sort::Unknown));
        check("# TYPE up", Line::Nothing);
        check(
            "# UNIT a_seconds seconds",
            Line::Unit("a_seconds", "seconds"),
        );
        check("# EOF", Line::End);
    }

    proptest::proptest! {
        #[test]
        fn anything_is_read_or_refused(text in "[a-z{}=\",\\\\# 0-9.+-]{0,80}") {
            let _ = line(&text);
        }
    }
}
