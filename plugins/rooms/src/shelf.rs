//! Where the book is kept: one record for each room, and the next number.

use crate::book::{Book, Done, Entry};
use crate::room::Room;
use hearthgate_plugin::store::{self, StoreError};

/// Records of one look into the store.
const PAGE: u32 = 256;
const NEXT: &str = "next";
const ROOMS: &str = "room/";

/// Reads the book. What can't be read is left out, and the log says so.
///
/// # Errors
/// The store is away.
pub fn load(max: usize) -> Result<Book, StoreError> {
    let next = store::get_json::<i64>(NEXT)?.unwrap_or(1);
    let mut rooms: Vec<Room> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let keys = store::keys(ROOMS, after.as_deref(), PAGE)?;
        let Some(last) = keys.last() else { break };
        after = Some(last.clone());
        for key in &keys {
            rooms.extend(store::get_json::<Room>(key)?);
        }
    }
    Ok(Book::new(rooms, next, max))
}

/// Keeps an entry: when this returns, it survives the gateway.
///
/// # Errors
/// The store is full or away; nothing has changed then.
pub fn keep(book: &Book, entry: &Entry) -> Result<(), StoreError> {
    if entry.room.id >= book.next() {
        // First the number: if the room does not get there, a number is left out, and none is given twice.
        store::set_json(NEXT, &(entry.room.id + 1))?;
    }
    match entry.done {
        Done::Deleted => store::delete(&key(entry.room.id)),
        _ => store::set_json(&key(entry.room.id), &entry.room),
    }
}

/// Sorted as text, numbers stand in their order.
fn key(id: i64) -> String {
    format!("{ROOMS}{id:012}")
}
