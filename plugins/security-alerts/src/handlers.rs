//! What clients ask.

use crate::alert::Alert;
use crate::clock::Clock;
use crate::devices::Device;
use crate::finding::clip;
use crate::firewall::{self, Done};
use crate::instant::DAY;
use crate::{Security, announce};
use hearthgate_plugin::events::{ActionStatus, AlertSeverity, DeviceAction};
use hearthgate_plugin::{Answer, Client, Event, Rejection, Request};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most alerts of one answer.
const MOST_ALERTS: usize = 1000;
/// Most bytes of one answer's alerts: a message of a client's has its limit too.
const MOST_BYTES: usize = 192 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledge {
    alert_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    severity: Option<AlertSeverity>,
    device_id: Option<String>,
    days: Option<u32>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stats {
    days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    device_id: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    device_id: String,
}

impl Security {
    /// The one place where messages are told apart.
    pub(crate) fn answer(
        &mut self,
        client: Client,
        request: &Request,
    ) -> Result<Answer, Rejection> {
        match request.kind.as_str() {
            "acknowledge_alert" => self.acknowledge(client, &request.data()?),
            "list_alerts" => self.list_alerts(&request.data()?),
            "alert_stats" => self.alert_stats(&request.data()?),
            "list_devices" => {
                let Nothing {} = request.data()?;
                self.list_devices()
            }
            "rename_device" => self.rename(&request.data()?),
            "block_device" => self.block(&request.data()?, true),
            "unblock_device" => self.block(&request.data()?, false),
            other => Err(Rejection::NotFound(format!("no handler for {other}"))),
        }
    }

    fn acknowledge(&mut self, client: Client, asked: &Acknowledge) -> Result<Answer, Rejection> {
        let by = client.identity.map(|identity| identity.subject);
        let serial = self.book.find(&asked.alert_id).map(|alert| alert.serial);
        let found = serial.and_then(|serial| self.book.acknowledge(serial, by));
        let alert = found.ok_or_else(|| Rejection::NotFound("Alert not found".to_owned()))?;
        let answer = announce::alert_answer(alert, &self.devices);
        self.dirty = true;
        self.urgent = true;
        Answer::json(&answer)
    }

    /// Alerts that happened in the last so many days, newest first.
    fn recent<'a>(&'a self, days: Option<u32>) -> impl Iterator<Item = &'a Alert> + 'a {
        let most = i64::from(days.unwrap_or(7)) * DAY;
        let now = Clock::now();
        let mut recent: Vec<&Alert> = self.book.alerts().collect();
        recent.retain(|alert| now.saturating_sub(alert.last_seen) <= most);
        recent.sort_by_key(|alert| std::cmp::Reverse((alert.last_seen, alert.serial)));
        recent.into_iter()
    }

    fn is_about(&self, alert: &Alert, device: &str) -> bool {
        if alert.ip.as_deref() == Some(device) {
            return true;
        }
        let mac = |id: &str| self.devices.find(id).map(|device| device.mac.clone());
        let Some(wanted) = mac(device) else {
            return alert.mac.as_deref() == Some(device);
        };
        let own = alert.mac.as_ref().map(|mac| mac.to_ascii_lowercase());
        own.or_else(|| mac(alert.ip.as_deref()?)) == Some(wanted)
    }

    fn list_alerts(&self, asked: &List) -> Result<Answer, Rejection> {
        let limit = asked.limit.unwrap_or(100);
        if limit == 0 || limit > MOST_ALERTS {
            return Err(Rejection::BadRequest(format!(
                "limit: must be 1 to {MOST_ALERTS}"
            )));
        }
        let fits = |alert: &&Alert| {
            asked
                .severity
                .is_none_or(|severity| alert.severity == severity)
                && asked
                    .device_id
                    .as_ref()
                    .is_none_or(|device| self.is_about(alert, device))
        };
        let matching: Vec<&Alert> = self.recent(asked.days).filter(fits).collect();
        let (mut alerts, mut bytes) = (Vec::new(), 0);
        for alert in matching.iter().take(limit) {
            let answer = announce::alert_answer(alert, &self.devices);
            bytes += answer.to_string().len();
            if bytes > MOST_BYTES {
                break;
            }
            alerts.push(answer);
        }
        let truncated = alerts.len() < matching.len().min(limit);
        Answer::json(&json!({"alerts": alerts, "total": matching.len(), "truncated": truncated}))
    }

    fn alert_stats(&self, asked: &Stats) -> Result<Answer, Rejection> {
        let mut by_severity: BTreeMap<&str, u64> = BTreeMap::new();
        let mut by_type: BTreeMap<&str, u64> = BTreeMap::new();
        let mut by_device: BTreeMap<String, u64> = BTreeMap::new();
        let mut total = 0;
        for alert in self.recent(asked.days) {
            total += 1;
            *by_severity.entry(alert.severity.as_str()).or_default() += 1;
            *by_type.entry(&alert.kind).or_default() += 1;
            let known = alert.mac.as_deref().or(alert.ip.as_deref());
            if let Some(id) = known {
                let mac = self.devices.find(id).map(|device| device.mac.clone());
                *by_device
                    .entry(mac.unwrap_or_else(|| id.to_owned()))
                    .or_default() += 1;
            }
        }
        let mut top: Vec<_> = by_device.into_iter().collect();
        top.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let top = top.into_iter().take(10);
        let top: Vec<Value> = top
            .map(|(id, count)| json!({"device_id": id, "count": count}))
            .collect();
        Answer::json(&json!({
            "total_alerts": total, "by_severity": by_severity, "by_type": by_type, "top_devices": top,
            "period_days": asked.days.unwrap_or(7),
        }))
    }

    fn list_devices(&self) -> Result<Answer, Rejection> {
        let status = |device: &Device| {
            announce::device_status(device, device.volume(&self.progress.traffic))
        };
        let devices: Vec<_> = self.devices.all().map(status).collect();
        Answer::json(&json!({"devices": devices, "total": self.devices.count()}))
    }

    fn find_device(&self, id: &str) -> Result<Device, Rejection> {
        let found = self.devices.find(id).cloned();
        found.ok_or_else(|| Rejection::NotFound("Device not found".to_owned()))
    }

    fn rename(&mut self, asked: &Rename) -> Result<Answer, Rejection> {
        let device = self.find_device(&asked.device_id)?;
        if asked.name.chars().any(char::is_control) || asked.name.chars().count() > 100 {
            let why = "name: at most 100 characters, and none that steers";
            return Err(Rejection::BadRequest(why.to_owned()));
        }
        self.devices.rename(&device.mac, &asked.name);
        self.outbox.device(&device.mac);
        self.dirty = true;
        self.urgent = true;
        self.device_answer(&device.mac)
    }

    fn device_answer(&self, id: &str) -> Result<Answer, Rejection> {
        let device = self.find_device(id)?;
        let volume = device.volume(&self.progress.traffic);
        Answer::json(&announce::device_status(&device, volume))
    }

    /// Blocks or unblocks. The device is told as blocked only where the set says so.
    fn block(&mut self, asked: &Block, block: bool) -> Result<Answer, Rejection> {
        let device = self.find_device(&asked.device_id)?;
        let target = device.target(self.config.block_by);
        let target =
            target.ok_or_else(|| Rejection::Unavailable("the device has no address".to_owned()))?;
        let action = if block { "block" } else { "unblock" };
        self.urgent = true;
        match firewall::change(&target, block) {
            Ok(done) => {
                match done {
                    Done::Seen(set) => self.take_set(&set),
                    Done::Told => self.devices.mark_blocked(&device.mac, block),
                }
                self.outbox.device(&device.mac);
                self.tell_action(&device, action, ActionStatus::Completed, &target);
                self.device_answer(&device.mac)
            }
            Err(refusal) => {
                self.tell_action(&device, action, ActionStatus::Failed, &refusal.0);
                Err(Rejection::Unavailable(clip(&refusal.0, 400)))
            }
        }
    }

    fn tell_action(&mut self, device: &Device, action: &str, status: ActionStatus, result: &str) {
        self.actions += 1;
        let id = format!("{action}-{}-{}", Clock::now(), self.actions);
        let told = DeviceAction {
            result: Some(json!(result)),
            ..DeviceAction::new(id, device.mac.clone(), action, status)
        };
        self.outbox
            .put(Event::of(&told).label("device", &device.mac));
    }
}
