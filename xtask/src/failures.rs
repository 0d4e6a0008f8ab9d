//! Which tests failed and why, a line or two each, out of what nextest printed: in a long run, the end is what is read.
//! And which passed only when they were tried again.

/// How much of one test's message is repeated, in characters.
const MESSAGE: usize = 300;

/// Collects nextest's report line by line.
#[derive(Default)]
pub struct Failures {
    /// Nextest names each failure while it runs and again, with its output, after the summary.
    summarised: bool,
    found: Vec<String>,
    /// Those that failed at first.
    flaky: Vec<String>,
    /// The lines of a panic's message that are still to come: its first says little without its second.
    wanted: usize,
}

impl Failures {
    pub fn line(&mut self, line: &str) {
        let line = plain(line);
        let line = line.trim();
        if line.starts_with("Summary [") {
            self.summarised = true;
        } else if !self.summarised {
        } else if line.starts_with("FLAKY ") {
            self.flaky.extend(named(line));
            self.wanted = 0;
        } else if let Some(name) = name(line) {
            self.found.push(name);
            self.wanted = 0;
        } else if let Some(last) = self.found.last_mut() {
            if let Some((_, place)) = line.split_once("panicked at ") {
                last.push_str(&format!("\n          {place}"));
                self.wanted = 2;
            } else if self.wanted > 0 && !line.is_empty() {
                last.push_str(&format!(
                    "\n          {}",
                    line.chars().take(MESSAGE).collect::<String>()
                ));
                self.wanted -= 1;
            }
        }
    }

    /// The tests that passed only when they were tried again.
    pub fn flaky(self) -> Vec<String> {
        self.flaky
    }

    pub fn report(&self) -> String {
        let mut report = String::new();
        for failure in &self.found {
            report.push_str(&format!("\n        {failure}"));
        }
        report
    }
}

/// `FAIL [   0.005s] (3/4) crate::binary module::test` names a test, whatever it ended with.
fn name(line: &str) -> Option<String> {
    let (verdict, _) = line.split_once(" [")?;
    let failed = ["FAIL", "TIMEOUT", "ABORT", "SIG", "LEAK-FAIL", "XFAIL"]
        .iter()
        .any(|word| verdict.starts_with(word) || verdict.ends_with(word));
    if failed { named(line) } else { None }
}

/// What stands behind the time, without the count.
fn named(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("s] ")?;
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('(') {
        Some(counted) => counted.split_once(") ")?.1,
        None => rest,
    };
    Some(rest.trim().to_owned())
}

/// Without the escapes that colour it (ECMA-48 SGR).
fn plain(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, text)| text));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::Failures;

    #[test]
    fn names_each_failure_once_with_the_place_and_the_message() {
        let printed = "\
\u{1b}[31;1m        FAIL\u{1b}[0m [   0.005s] (1/4) xtask early
────────────
     Summary [   9.100s] 4 tests run: 2 passed, 2 failed, 0 skipped
       FLAKY 2/3 [   0.004s] (  3/4) hearthgate bus::late
  TRY 1 STDERR ───
    thread 'bus::late' (16) panicked at gateway/src/bus.rs:9:5:
        FAIL [   0.005s] (  2/4) hearthgate-tests::all reload::keeps
  stderr ───
    thread 'reload::keeps' (17) panicked at tests/tests/all/reload.rs:12:5:
    assertion failed: left == right
      left: 1
      right: 2
\u{1b}[31;1m     TIMEOUT\u{1b}[0m [ 300.000s] hearthgate auth::hangs
";
        let mut failures = Failures::default();
        printed.lines().for_each(|line| failures.line(line));
        assert_eq!(
            failures.report(),
            "
        hearthgate-tests::all reload::keeps
          tests/tests/all/reload.rs:12:5:
          assertion failed: left == right
          left: 1
        hearthgate auth::hangs"
        );
        assert_eq!(failures.flaky(), ["hearthgate bus::late"]);
    }
}
