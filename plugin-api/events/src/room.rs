//! Rooms and areas.

record! {
    /// A room.
    Room {
        /// The source system's id.
        id: String,
        /// What people call it.
        name: String,
        ?
        /// The area it belongs to.
        area: String,
        /// A name of an icon, `mdi:sofa`.
        icon: String,
        /// What people wrote about it.
        description: String,
        /// How many entities are in it.
        entity_count: u32,
    }
}

record! {
    /// A room that changed.
    RoomChange {
        /// The room as it is now, or was.
        room: Room,
    }
}

same_data! {
    /// A room is new.
    RoomCreated(RoomChange)
    /// A room changed.
    RoomUpdated(RoomChange)
    /// A room is gone; ends its retained state.
    RoomDeleted(RoomChange)
}

record! {
    /// An area.
    Area {
        /// The source system's id.
        id: String,
        /// What people call it.
        name: String,
    }
}

record! {
    /// An area changed.
    AreaUpdated {
        /// The area as it is now, or was.
        area: Area,
        /// What was done to it: `created`, `updated`, `deleted`.
        action: String,
    }
}

kinds! {
    RoomCreated = "room.created", Keep, |d, _| ["room", &d.0.room.id];
    RoomUpdated = "room.updated", Keep, |d, _| ["room", &d.0.room.id];
    RoomDeleted = "room.deleted", Clear, |d, _| ["room", &d.0.room.id];
    AreaUpdated = "area.updated", Keep, |d, _| ["area", &d.area.id];
}
