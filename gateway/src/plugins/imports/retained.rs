//! `retained`: the current state of topics.

use crate::event::TopicFilter;
use crate::plugins::bindings::host::retained::Host;
use crate::plugins::bindings::host::types::Published;
use crate::plugins::context::Context;
use crate::plugins::convert;

/// Most events of one answer.
const MAX_EVENTS: usize = 1000;

impl Host for Context {
    async fn read(
        &mut self,
        topics: Vec<String>,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<Published>, String>> {
        let filters: Result<Vec<_>, _> = topics.iter().map(|t| TopicFilter::parse(t)).collect();
        let filters = match filters {
            Ok(filters) => filters,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if let Err(denied) = self.permissions.may_read(&filters) {
            self.place.denied(&denied.reason);
            return Ok(Err(denied.reason));
        }
        let limit = usize::try_from(limit).unwrap_or(MAX_EVENTS).min(MAX_EVENTS);
        let most_bytes = self.place.limits().receive_bytes;
        let page = crate::bus::RetainedPage {
            topics: &filters,
            after: after.as_deref(),
            limit,
            bytes: most_bytes,
        };
        let bus = &self.place.around.bus;
        let (permissions, reader) = (&self.permissions, self.reader.as_ref());
        let found = bus
            .retained_page(page, |event| {
                permissions.may_see(event) && reader.is_none_or(|reader| reader.may_read(event))
            })
            .await;
        Ok(Ok(found.iter().map(|e| convert::published(e)).collect()))
    }
}
