//! The JSON Schemas that events' data must fit, by kind.

use crate::event::{InstanceName, Invalid, Kind};
use hearthgate_events::Retention;
use jsonschema::Validator;
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;

/// The schemas of the shared kinds (from the catalogue) and of those that plugins declare.
/// A kind without a schema takes any JSON.
pub struct Schemas(RwLock<FxHashMap<Kind, Entry>>);

struct Entry {
    validator: Arc<Validator>,
    schema: Value,
    owners: Owners,
}

enum Owners {
    /// The catalogue: nobody may redefine it.
    Catalogue(Retention),
    /// The instances that declared it, all with the same schema.
    Instances(Vec<InstanceName>),
}

impl Schemas {
    /// The schemas of the shared kinds.
    #[must_use]
    pub fn with_catalogue() -> Self {
        let mut entries = FxHashMap::default();
        for shared in hearthgate_events::catalogue() {
            let kind = Kind::parse(shared.kind).expect("the catalogue's kinds are valid");
            let validator = compile(&shared.schema).expect("the catalogue's schemas are valid");
            let entry = Entry {
                validator,
                schema: shared.schema,
                owners: Owners::Catalogue(shared.retention),
            };
            entries.insert(kind, entry);
        }
        Self(RwLock::new(entries))
    }

    /// Declares the schema of a plugin's own kind. Several instances may declare the same one.
    ///
    /// # Errors
    /// Says that the schema is none, that the kind is shared or the gateway's own, or that another plugin
    /// declared it otherwise.
    pub fn declare(&self, owner: &InstanceName, kind: Kind, schema: &Value) -> Result<(), Invalid> {
        if kind.is_reserved() && !owner.is_gateway() {
            return Err(Invalid(format!("kind {kind} is the gateway's own")));
        }
        let validator = compile(schema).map_err(|reason| {
            Invalid(format!("the schema of kind {kind} is not valid: {reason}"))
        })?;
        let mut entries = self.0.write();
        let Some(entry) = entries.get_mut(&kind) else {
            let entry = Entry {
                validator,
                schema: schema.clone(),
                owners: Owners::Instances(vec![owner.clone()]),
            };
            entries.insert(kind, entry);
            return Ok(());
        };
        let Owners::Instances(owners) = &mut entry.owners else {
            return Err(Invalid(format!(
                "kind {kind} is shared by all; its schema can't be declared anew"
            )));
        };
        let alone = owners.iter().all(|other| other == owner);
        if !alone && entry.schema != *schema {
            let other = &owners[0];
            return Err(Invalid(format!(
                "kind {kind} is declared with another schema by {other}"
            )));
        }
        if !owners.contains(owner) {
            owners.push(owner.clone());
        }
        (entry.validator, entry.schema) = (validator, schema.clone());
        Ok(())
    }

    /// Forgets what an instance declared, but for what others declared too.
    pub fn withdraw(&self, owner: &InstanceName) {
        self.0.write().retain(|_, entry| match &mut entry.owners {
            Owners::Catalogue(_) => true,
            Owners::Instances(owners) => {
                owners.retain(|other| other != owner);
                !owners.is_empty()
            }
        });
    }

    /// What events of a kind do to retained state, where the catalogue knows the kind.
    #[must_use]
    pub fn retention(&self, kind: &Kind) -> Option<Retention> {
        match self.0.read().get(kind)?.owners {
            Owners::Catalogue(retention) => Some(retention),
            Owners::Instances(_) => None,
        }
    }

    /// Holds data against the schema of its kind.
    ///
    /// # Errors
    /// Names the field that does not fit, and why.
    pub fn check(&self, kind: &Kind, data: &RawValue) -> Result<(), Invalid> {
        let validator = match self.0.read().get(kind) {
            Some(entry) => entry.validator.clone(),
            None => return Ok(()),
        };
        let value: Value = serde_json::from_str(data.get())
            .map_err(|error| Invalid(format!("data is not JSON that can be read: {error}")))?;
        if validator.is_valid(&value) {
            return Ok(());
        }
        validator
            .validate(&value)
            .map_err(|error| Invalid(explain(kind, &error)))
    }
}

fn explain(kind: &Kind, error: &jsonschema::ValidationError<'_>) -> String {
    let path = error.instance_path().as_str();
    let field = match path.strip_prefix('/') {
        Some(path) => format!("data.{}", path.replace('/', ".")),
        None => "data".to_owned(),
    };
    let reason: String = error.to_string().chars().take(400).collect();
    format!("{field} does not fit kind {kind}: {reason}")
}

fn compile(schema: &Value) -> Result<Arc<Validator>, String> {
    // Patterns come from plugins too: none of them may take longer than in proportion to the text.
    jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .build(schema)
        .map(Arc::new)
        .map_err(|error| error.to_string())
}
