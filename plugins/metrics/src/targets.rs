//! Endpoints that are scraped, each in its own rhythm.

use crate::series::{Before, Figures, Reading, Selection};
use hearthgate_plugin::log::Level;
use hearthgate_plugin::net::{HttpRequest, HttpResponse, NetError};
use hearthgate_plugin::{Failure, HostError, RequestId, Start, duration, log_with, metrics};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// So many targets one instance may have.
const MOST: usize = 50;
/// Begins the tag of a target's timer.
pub const TAG: &str = "scrape:";
/// What is asked for: OpenMetrics where there is a choice.
const ACCEPT: &str =
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// A target as the operator wrote it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TargetConfig {
    pub name: String,
    pub url: String,
    #[serde(deserialize_with = "duration", default = "fifteen")]
    pub interval: Duration,
    #[serde(deserialize_with = "duration", default = "five")]
    pub timeout: Duration,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(flatten)]
    pub selection: Selection,
}

fn fifteen() -> Duration {
    Duration::from_secs(15)
}

fn five() -> Duration {
    Duration::from_secs(5)
}

/// What a target is doing.
#[derive(Debug, Default)]
enum Doing {
    #[default]
    Nothing,
    Asked(RequestId, Instant),
    Reading(Box<Answer>),
}

/// An answer that is read in pieces.
#[derive(Debug)]
struct Answer {
    reading: Reading,
    body: String,
    at: usize,
    openmetrics: bool,
    asked: Instant,
}

/// A target.
#[derive(Debug)]
pub struct Target {
    pub config: TargetConfig,
    pub before: Option<Before>,
    doing: Doing,
    /// What is told of it; `None` before the first scrape.
    health: Option<Health>,
    /// Cause → how often.
    troubles: BTreeMap<String, u64>,
}

/// How a target was at its last scrape.
#[derive(Debug, Clone, PartialEq)]
struct Health {
    up: bool,
    message: Option<String>,
}

/// The outcome of a scrape.
#[derive(Debug)]
pub struct Scraped {
    pub metrics: BTreeMap<String, f64>,
    pub units: BTreeMap<String, String>,
    /// Whether the target is up now and was down before, or the other way, or for another reason.
    pub news: bool,
}

/// Checks targets, and sets their timers.
///
/// # Errors
/// Names the key that can't work.
pub fn start(
    start: &mut Start,
    configs: Vec<TargetConfig>,
    machine: &str,
    mut before: BTreeMap<String, Before>,
) -> Result<Vec<Target>, Failure> {
    if configs.len() > MOST {
        return Err(Failure::misconfigured("targets", format!("at most {MOST}")));
    }
    let mut targets: Vec<Target> = Vec::new();
    for (i, config) in configs.into_iter().enumerate() {
        let wrong = |key: &str, reason: &str| {
            Err(Failure::misconfigured(format!("targets.{i}.{key}"), reason))
        };
        if config.name.is_empty()
            || config.name == machine
            || targets.iter().any(|t| t.config.name == config.name)
        {
            return wrong("name", "must be one of its own");
        }
        if config.interval < Duration::from_secs(1) {
            return wrong("interval", "must be at least 1s");
        }
        if config.timeout > config.interval || config.timeout.is_zero() {
            return wrong(
                "timeout",
                "must be more than nothing, and at most the interval",
            );
        }
        start.every(config.interval, &format!("{TAG}{}", config.name))?;
        targets.push(Target {
            before: before.remove(&config.name),
            config,
            doing: Doing::Nothing,
            health: None,
            troubles: BTreeMap::new(),
        });
    }
    Ok(targets)
}

impl Target {
    /// Asks for its figures, unless the last answer is still awaited.
    pub fn ask(&mut self) -> Option<Scraped> {
        if !matches!(self.doing, Doing::Nothing) {
            self.trouble("still busy with the scrape before", "");
            return None;
        }
        let mut request = HttpRequest::get(&*self.config.url)
            .header("accept", ACCEPT)
            .timeout(self.config.timeout);
        for (name, template) in &self.config.headers {
            request = request.header(name, template);
        }
        match request.start() {
            Ok(id) => {
                self.doing = Doing::Asked(id, Instant::now());
                None
            }
            Err(error) => Some(self.failed("can't be asked", &error.to_string())),
        }
    }

    /// Takes an answer. `None`: it is not for this one, or has to be read first.
    pub fn answered(
        &mut self,
        id: RequestId,
        answer: &mut Option<Result<HttpResponse, NetError>>,
    ) -> Option<Scraped> {
        let asked = match self.doing {
            Doing::Asked(asked, at) if asked == id => at,
            _ => return None,
        };
        self.doing = Doing::Nothing;
        let answer = match answer.take()? {
            Ok(answer) => answer,
            Err(error) => return Some(self.failed("does not answer", &error.to_string())),
        };
        if answer.status != 200 {
            return Some(self.failed("refuses", &format!("HTTP {}", answer.status)));
        }
        if answer.truncated {
            let detail = format!(
                "only {} bytes of it are taken (limits.receive-size)",
                answer.body.len()
            );
            return Some(self.failed("answers with too much", &detail));
        }
        let openmetrics = answer
            .header("content-type")
            .is_some_and(|kind| kind.contains("openmetrics"));
        let body = match String::from_utf8(answer.body) {
            Ok(body) => body,
            Err(_) => return Some(self.failed("answers with no text", "it is no UTF-8")),
        };
        self.doing = Doing::Reading(Box::new(Answer {
            reading: Reading::default(),
            body,
            at: 0,
            openmetrics,
            asked,
        }));
        None
    }

    /// The request that is awaited.
    #[cfg(test)]
    pub fn asked(&self) -> Option<RequestId> {
        match self.doing {
            Doing::Asked(id, _) => Some(id),
            _ => None,
        }
    }

    /// Whether there is something to read.
    pub fn is_reading(&self) -> bool {
        matches!(self.doing, Doing::Reading(_))
    }

    /// Reads on until a moment. `None`: there is more to read.
    pub fn read(&mut self, until: Instant, now: u64) -> Option<Scraped> {
        let Doing::Reading(answer) = &mut self.doing else {
            return None;
        };
        while answer.at < answer.body.len() {
            for _ in 0..64 {
                let rest = &answer.body[answer.at..];
                let end = rest.find('\n').unwrap_or(rest.len());
                answer.reading.take(&rest[..end], &self.config.selection);
                answer.at += (end + 1).min(rest.len());
                if answer.at >= answer.body.len() {
                    break;
                }
            }
            if Instant::now() >= until && answer.at < answer.body.len() {
                return None;
            }
        }
        let Doing::Reading(answer) = std::mem::take(&mut self.doing) else {
            return None;
        };
        let seconds = answer.asked.elapsed().as_secs_f64();
        match answer
            .reading
            .finish(self.before.as_ref(), now, answer.openmetrics)
        {
            Ok(figures) => Some(self.scraped(figures, seconds)),
            Err(reason) => Some(self.failed("answers with no metrics", &reason)),
        }
    }

    fn scraped(&mut self, figures: Figures, seconds: f64) -> Scraped {
        let Figures {
            mut metrics,
            mut units,
            before,
            bad,
            first_bad,
            beyond,
        } = figures;
        self.before = Some(before);
        if bad > 0 {
            self.trouble("lines that can't be read", &first_bad.unwrap_or_default());
        }
        if beyond > 0 {
            self.trouble(
                "more series than max-series",
                &format!("{beyond} are left out"),
            );
        }
        metrics.insert("up".to_owned(), 1.0);
        metrics.insert("scrape.duration".to_owned(), (seconds * 1e6).round() / 1e6);
        units.insert("scrape.duration".to_owned(), "seconds".to_owned());
        let message = (bad > 0).then(|| format!("{bad} lines can't be read"));
        Scraped {
            metrics,
            units,
            news: self.is(Health { up: true, message }),
        }
    }

    fn failed(&mut self, cause: &str, detail: &str) -> Scraped {
        self.trouble(cause, detail);
        let message = Some(format!("{cause}: {detail}"));
        Scraped {
            metrics: [("up".to_owned(), 0.0)].into(),
            units: BTreeMap::new(),
            news: self.is(Health { up: false, message }),
        }
    }

    /// Notes how it is. Returns whether that is news.
    fn is(&mut self, health: Health) -> bool {
        let news = self.health.as_ref() != Some(&health);
        self.health = Some(health);
        news
    }

    /// Logs a cause once, and counts it.
    fn trouble(&mut self, cause: &str, detail: &str) {
        let count = self.troubles.entry(cause.to_owned()).or_default();
        *count += 1;
        metrics::add("scrape_troubles_total", 1, &[("target", &self.config.name)]);
        if count.ilog10() > (*count - 1).checked_ilog10().unwrap_or(0) || *count == 1 {
            let fields: [(&str, &dyn std::fmt::Display); 4] = [
                ("target", &self.config.name),
                ("cause", &cause),
                ("detail", &detail),
                ("count", count),
            ];
            log_with(Level::Warn, "trouble with a target", &fields);
        }
    }

    /// Whether it is up; `None` before its first scrape.
    pub fn up(&self) -> Option<bool> {
        self.health.as_ref().map(|health| health.up)
    }

    /// For the adapter's health.
    pub fn report(&self) -> Value {
        let mut report =
            json!({"url": self.config.url, "up": self.up(), "troubles": self.troubles});
        if let Some(message) = self
            .health
            .as_ref()
            .and_then(|health| health.message.as_ref())
        {
            report["message"] = message.as_str().into();
        }
        report
    }
}

/// Asks the host to be called again at once.
///
/// # Errors
/// There are too many timers.
pub fn come_again() -> Result<(), HostError> {
    hearthgate_plugin::timers::after(Duration::ZERO, "more").map(drop)
}
