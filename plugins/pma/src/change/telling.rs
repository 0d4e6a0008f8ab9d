//! What a client is told of a change.

use super::{Action, Change, Refused};
use crate::frames;
use serde_json::json;

/// Most refusals that are told one by one; the rest is told in one.
const MAX_TOLD: usize = 100;

impl Change<'_> {
    /// The frames that tell the client: each refusal, then what took effect. Nothing took effect and something was
    /// refused: the refusals alone.
    pub fn frames(&self) -> Vec<String> {
        let mut frames: Vec<String> = self
            .refused
            .iter()
            .take(MAX_TOLD)
            .map(|refused| self.refusal(refused))
            .collect();
        if let Some(more) = self
            .refused
            .len()
            .checked_sub(MAX_TOLD)
            .filter(|more| *more > 0)
        {
            frames.push(self.refusal(&Refused {
                error: format!("{more} more items were refused").into(),
                field: "count",
                value: more.to_string().into(),
                code: self.refused[MAX_TOLD].code,
            }));
        }
        if !self.accepted.is_empty() || self.refused.is_empty() {
            let action = match self.action {
                Action::Subscribe => "subscribed",
                Action::Unsubscribe => "unsubscribed",
            };
            let data = json!({
                "action": action,
                "type": self.target.as_str(),
                "items": self.accepted,
                "total_subscriptions": self.total,
            });
            frames.push(frames::now("subscription_update", &data));
        }
        frames
    }

    fn refusal(&self, refused: &Refused<'_>) -> String {
        let action = match self.action {
            Action::Subscribe => "subscribe",
            Action::Unsubscribe => "unsubscribe",
        };
        let data = json!({
            "action": action,
            "error": refused.error,
            refused.field: refused.value,
            "code": refused.code,
        });
        frames::now("subscription_error", &data)
    }
}
