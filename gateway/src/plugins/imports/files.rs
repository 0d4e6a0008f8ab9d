//! `files`: what the operator lets a plugin read.

use crate::plugins::bindings::host::files::{FileError, Host, StartAt};
use crate::plugins::context::Context;
use crate::plugins::services::files;

impl Context {
    fn may_follow(&self) -> Result<(), FileError> {
        if self.retired {
            return Err(FileError::Other("the plugin is being stopped".to_owned()));
        }
        Ok(())
    }

    fn file_error(&self, error: files::FileError) -> FileError {
        match error {
            files::FileError::NotGranted(what) => {
                self.place
                    .denied(&format!("grants.files does not name {what}"));
                FileError::NotGranted(what)
            }
            files::FileError::Missing => FileError::Missing,
            files::FileError::Limit(_) => {
                self.place.over_limit(&error.to_string());
                FileError::Other(error.to_string())
            }
            files::FileError::Other(reason) => FileError::Other(reason),
        }
    }
}

impl Host for Context {
    async fn read(
        &mut self,
        path: String,
        offset: u64,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, FileError>> {
        let read = self.place.services.files.read(&path, offset, limit).await;
        Ok(read.map(Vec::from).map_err(|e| self.file_error(e)))
    }

    async fn follow(
        &mut self,
        path: String,
        start: StartAt,
    ) -> wasmtime::Result<Result<(), FileError>> {
        if let Err(error) = self.may_follow() {
            return Ok(Err(error));
        }
        let start = match start {
            StartAt::Beginning => files::StartAt::Beginning,
            StartAt::End => files::StartAt::End,
            StartAt::Cursor(cursor) => files::StartAt::Cursor(cursor),
        };
        let followed = self.place.services.files.follow(&path, start);
        Ok(followed.map_err(|e| self.file_error(e)))
    }

    async fn watch(&mut self, path: String) -> wasmtime::Result<Result<(), FileError>> {
        if let Err(error) = self.may_follow() {
            return Ok(Err(error));
        }
        let watched = self.place.services.files.watch(&path);
        Ok(watched.map_err(|e| self.file_error(e)))
    }
}
