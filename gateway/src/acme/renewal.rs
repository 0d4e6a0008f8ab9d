//! The task of one certificate: when it is ordered, and what comes after a failure.

use super::cache::Cache;
use super::challenges::Challenges;
use super::error::AcmeError;
use super::held::Current;
use super::issued::{Issued, Validity};
use super::order::{Failure, Ordering};
use super::{Rules, Wanted};
use crate::config::acme::Acme as Settings;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

/// Longest time of an order.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Longest wait after a failure, unless the server wants a longer one.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);
/// Longest wait that a server is granted: beyond it a mistake is likelier.
const LONGEST_ASKED: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How often the clock is looked at: machines sleep, and clocks are set.
const LOOK: Duration = Duration::from_secs(10 * 60);

/// The task of one certificate.
pub(super) struct Renewal {
    pub wanted: Wanted,
    pub current: Arc<Current>,
    pub challenges: Challenges,
    pub turn: Arc<Semaphore>,
    pub state: PathBuf,
}

impl Renewal {
    /// Serves what an earlier order left, if it can be used.
    pub(super) fn restore(&self, cache: &Cache) -> Option<Validity> {
        let path = cache.certificate();
        let unusable = |why: String| {
            tracing::error!(path = %path.display(), why, "a certificate that was kept can't be used: it is ordered anew");
            None
        };
        let pem = match Cache::read(&path) {
            Ok(pem) => pem?,
            Err(error) => return unusable(error.to_string()),
        };
        match Issued::new(pem, &self.wanted.names) {
            Ok(issued) => Some(self.serve(&issued, cache)),
            Err(why) => unusable(why),
        }
    }

    fn serve(&self, issued: &Issued, cache: &Cache) -> Validity {
        self.current.install(issued);
        let validity = issued.validity();
        let file = cache.certificate().display().to_string();
        metrics::gauge!("hearthgate_certificate_expiry_timestamp_seconds", "file" => file)
            .set(seconds(validity.until));
        validity
    }

    /// Orders and renews, by the rules as they change.
    pub(super) async fn run(self, mut rules: watch::Receiver<Rules>, served: Option<Validity>) {
        let first = rules.borrow().settings.clone();
        let mut served = Some((first, served));
        loop {
            let Rules { settings, open } = rules.borrow_and_update().clone();
            let cache = Cache::new(&self.state, &settings.directory, &self.wanted.names);
            let work = async {
                if !open || !settings.terms_agreed {
                    return std::future::pending().await;
                }
                // What was restored for this server is served already.
                let validity = match served.take() {
                    Some((of, validity)) if of.directory == settings.directory => validity,
                    _ => self.restore(&cache),
                };
                self.keep(&settings, &cache, validity).await
            };
            tokio::select! {
                never = work => match never {},
                changed = rules.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Keeps it up to date by one set of rules.
    async fn keep(
        &self,
        settings: &Arc<Settings>,
        cache: &Cache,
        mut validity: Option<Validity>,
    ) -> std::convert::Infallible {
        let names = self.wanted.names.join(", ");
        let mut failures = 0;
        match validity {
            Some(validity) => {
                tracing::info!(
                    names,
                    days_left = days_left(validity),
                    "a certificate of an earlier order is served"
                );
            }
            None if self.current.is_there() => {
                tracing::info!(
                    names,
                    "the certificate of the server before is served until this one issues its own"
                );
            }
            None => {
                tracing::warn!(
                    names,
                    directory = settings.directory,
                    challenge = self.wanted.challenge.as_str(),
                    "there is no certificate yet: TLS clients are refused until it is issued"
                );
            }
        }
        if let Some(until) = cache.blocked_until() {
            tracing::warn!(
                names,
                seconds = left(until).as_secs(),
                "the ACME server wanted no order before this time; the gateway waits"
            );
            until_then(until).await;
        }
        loop {
            if let Some(validity) = validity {
                until_then(due(validity, rand::random())).await;
            }
            match self.order(settings, cache).await {
                Ok(issued) => {
                    let new = self.serve(&issued, cache);
                    count("issued");
                    tracing::info!(
                        names,
                        days_left = days_left(new),
                        "a certificate was issued, and is served from now on"
                    );
                    validity = Some(new);
                    failures = match left(due(new, 0.0)).is_zero() {
                        false => 0,
                        true => self.overdue(settings, failures).await,
                    };
                }
                Err(failure) => {
                    let wait = self.refused(&failure, settings, cache, failures);
                    failures += 1;
                    until_then(SystemTime::now() + wait).await;
                }
            }
        }
    }

    async fn order(&self, settings: &Arc<Settings>, cache: &Cache) -> Result<Issued, Failure> {
        let _turn = self.turn.acquire().await;
        let ordering = Ordering {
            settings,
            wanted: &self.wanted,
            challenges: &self.challenges,
            cache,
        };
        let late = || AcmeError::Unreachable(format!("the order was not done within {PATIENCE:?}"));
        match timeout(PATIENCE, ordering.obtain()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(late().into()),
        }
    }

    /// A new certificate that is to be renewed already: without a wait there would be order after order.
    async fn overdue(&self, settings: &Settings, failures: u32) -> u32 {
        let wait = backoff(settings.retry, failures, rand::random());
        tracing::error!(
            names = self.wanted.names.join(", "),
            retry_seconds = wait.as_secs(),
            "the certificate that was issued is at its end already: check this machine's clock"
        );
        sleep(wait).await;
        failures + 1
    }

    /// Says why, and how long to wait.
    fn refused(
        &self,
        failure: &Failure,
        settings: &Settings,
        cache: &Cache,
        failures: u32,
    ) -> Duration {
        let Failure { error, retry_after } = failure;
        count(error.outcome());
        let asked = retry_after.map(left).unwrap_or_default();
        let asked = asked.min(LONGEST_ASKED);
        let own = backoff(settings.retry, failures, rand::random());
        let wait = own.max(asked);
        tracing::error!(
            names = self.wanted.names.join(", "),
            %error,
            advice = error.advice(),
            retry_seconds = wait.as_secs(),
            "a certificate could not be had"
        );
        if !asked.is_zero()
            && let Err(error) = cache.set_blocked(Some(SystemTime::now() + asked))
        {
            tracing::warn!(%error, "that the ACME server wants to be left alone can't be kept: a restart will ask it too soon");
        }
        wait
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("hearthgate_acme_orders_total", "outcome" => outcome).increment(1);
}

/// When it is renewed: a third of its time is left, and each gateway has a moment of its own before.
fn due(validity: Validity, chance: f64) -> SystemTime {
    let Validity { from, until } = validity;
    let lifetime = until.duration_since(from).unwrap_or_default();
    let early = (lifetime / 60).mul_f64(chance.clamp(0.0, 1.0));
    let ahead = lifetime / 3 + early;
    until.checked_sub(ahead).unwrap_or(from)
}

/// The wait after so many failures before this one. Never the same for two gateways.
fn backoff(first: Duration, failures: u32, chance: f64) -> Duration {
    let doubled = first.saturating_mul(1 << failures.min(20)).min(LONGEST);
    doubled + (doubled / 4).mul_f64(chance.clamp(0.0, 1.0))
}

/// Waits for a moment of the clock.
async fn until_then(moment: SystemTime) {
    loop {
        let left = left(moment);
        if left.is_zero() {
            return;
        }
        sleep(left.min(LOOK)).await;
    }
}

fn left(moment: SystemTime) -> Duration {
    moment.duration_since(SystemTime::now()).unwrap_or_default()
}

fn days_left(validity: Validity) -> u64 {
    left(validity.until).as_secs() / (24 * 60 * 60)
}

fn seconds(moment: SystemTime) -> f64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_time_is_left() {
        let from = UNIX_EPOCH + DAY * 20_000;
        let validity = Validity {
            from,
            until: from + DAY * 90,
        };
        assert_eq!(due(validity, 0.0), from + DAY * 60);
        assert_eq!(due(validity, 1.0), from + DAY * 60 - DAY * 3 / 2);
        let broken = Validity {
            from,
            until: from - DAY,
        };
        assert_eq!(due(broken, 0.5), from - DAY, "at once, since it is over");
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let minute = Duration::from_secs(60);
        let check = |failures, minutes: u64| {
            let shortest = backoff(2 * minute, failures, 0.0);
            assert_eq!(shortest, minute * u32::try_from(minutes).expect("small"));
            assert_eq!(backoff(2 * minute, failures, 1.0), shortest + shortest / 4);
        };
        check(0, 2);
        check(1, 4);
        check(4, 32);
        check(8, 360);
        check(u32::MAX, 360);
    }
}
