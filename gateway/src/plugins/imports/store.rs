//! `store`: small durable state.

use crate::plugins::bindings::host::store::{Host, StoreError};
use crate::plugins::context::Context;
use crate::plugins::services::store;

impl Context {
    fn store_error(&self, error: store::StoreError) -> StoreError {
        if matches!(error, store::StoreError::Quota(_)) {
            self.place.over_limit(&format!("store: {error}"));
        }
        translate(error)
    }
}

fn translate(error: store::StoreError) -> StoreError {
    match error {
        store::StoreError::Quota(bytes) => StoreError::Quota(bytes),
        store::StoreError::InvalidKey => StoreError::InvalidKey,
        store::StoreError::Unavailable(reason) => StoreError::Unavailable(reason),
    }
}

impl Host for Context {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, StoreError>> {
        let found = self.place.services.store.get(&key).await;
        Ok(found.map(|v| v.map(Vec::from)).map_err(translate))
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), StoreError>> {
        let set = self.place.services.store.set(&key, &value).await;
        Ok(set.map_err(|error| self.store_error(error)))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), StoreError>> {
        let deleted = self.place.services.store.delete(&key).await;
        Ok(deleted.map_err(translate))
    }

    async fn keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<String>, StoreError>> {
        let found = self
            .place
            .services
            .store
            .keys(&prefix, after.as_deref(), limit)
            .await;
        Ok(found.map_err(translate))
    }
}
