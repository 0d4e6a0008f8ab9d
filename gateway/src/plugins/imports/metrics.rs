//! `metrics`: the plugin's own figures.

use crate::plugins::bindings::host::metrics::Host;
use crate::plugins::context::Context;

impl Host for Context {
    fn add(
        &mut self,
        name: String,
        delta: u64,
        labels: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.place.series.add(name, delta, labels);
        Ok(())
    }

    fn set(
        &mut self,
        name: String,
        value: f64,
        labels: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.place.series.set(name, value, labels);
        Ok(())
    }

    fn observe(
        &mut self,
        name: String,
        value: f64,
        labels: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.place.series.observe(name, value, labels);
        Ok(())
    }
}
