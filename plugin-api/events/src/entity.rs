//! Entities: what a home consists of, as its automation system sees it.

use crate::Object;

record! {
    /// The state or an attribute of an entity changed.
    EntityStateChanged {
        /// The source system's id, `light.kitchen`.
        entity_id: String,
        /// Its domain or type: `light`, `sensor`, ….
        entity_type: String,
        /// All attributes as they are now.
        attributes: Object,
        ?
        /// The state before; absent where unknown or new.
        old_state: String,
        /// The state now; absent where the entity is gone.
        new_state: String,
        /// What people call it.
        name: String,
        /// The room it is in.
        room_id: String,
        /// The area it is in.
        area_id: String,
    }
}

record! {
    /// An entity as a registry describes it.
    Entity {
        /// The source system's id.
        id: String,
        /// What people call it.
        name: String,
        /// Its domain or type.
        #[serde(rename = "type")]
        kind: String,
        /// The state now.
        state: String,
        ?
        /// All attributes.
        attributes: Object,
    }
}

record! {
    /// An entity and where it is.
    Registered {
        /// The entity as it is now.
        entity: Entity,
        ?
        /// The room it is in.
        room_id: String,
        /// The area it is in.
        area_id: String,
    }
}

same_data! {
    /// An entity is new.
    EntityAdded(Registered)
    /// An entity's registration changed: name, room, type.
    EntityUpdated(Registered)
}

record! {
    /// An entity is gone; ends its retained state.
    EntityRemoved {
        /// The source system's id.
        entity_id: String,
        ?
        /// The room it was in.
        room_id: String,
        /// The area it was in.
        area_id: String,
    }
}

kinds! {
    EntityStateChanged = "entity.state_changed", Keep, |d, _| ["entity", &d.entity_id, "state"];
    EntityAdded = "entity.added", None, |d, _| ["entity", &d.0.entity.id, "registry"];
    EntityUpdated = "entity.updated", None, |d, _| ["entity", &d.0.entity.id, "registry"];
    EntityRemoved = "entity.removed", ClearSibling("state"), |d, _| ["entity", &d.entity_id, "registry"];
}
