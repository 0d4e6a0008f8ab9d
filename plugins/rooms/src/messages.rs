//! Rooms by messages of clients.

use crate::book::Refusal;
use crate::room::Draft;
use crate::{Refused, Rooms};
use hearthgate_plugin::{Answer, Rejection, Request};
use serde_json::Value;

/// Answers a message.
///
/// # Errors
/// What it asks for can't be done.
pub fn handle(rooms: &mut Rooms, request: &Request) -> Result<Answer, Rejection> {
    let data: Value = request.data()?;
    let draft = || Draft::read(&data).map_err(Rejection::BadRequest);
    let done = match request.kind.as_str() {
        "list_rooms" => Ok(rooms.list()),
        "create_room" => rooms.create(&draft()?),
        "get_room" => rooms.show(room_id(&data)?),
        "update_room" => rooms.update(room_id(&data)?, &draft()?),
        "delete_room" => rooms.delete(room_id(&data)?),
        other => return Err(Rejection::NotFound(format!("no handler for {other}"))),
    };
    match done {
        Ok(data) => Answer::json(&data),
        Err(refused) => Err(rejection(refused)),
    }
}

/// An integer, also as a text, as PMA's clients send it.
fn room_id(data: &Value) -> Result<i64, Rejection> {
    let id = &data["room_id"];
    let number = id.as_i64().or_else(|| id.as_str()?.parse().ok());
    number.ok_or_else(|| Rejection::BadRequest("room_id must be an integer".to_owned()))
}

fn rejection(refused: Refused) -> Rejection {
    match refused {
        Refused::Rule(Refusal::NotFound) => Rejection::NotFound("Room not found".to_owned()),
        Refused::Rule(Refusal::NameTaken) => {
            Rejection::BadRequest("Room name already exists".to_owned())
        }
        Refused::Rule(Refusal::AreaTaken) => {
            Rejection::BadRequest("Home Assistant area already has a room".to_owned())
        }
        Refused::Rule(Refusal::Full) => Rejection::Unavailable("Too many rooms".to_owned()),
        Refused::Store(why) => Rejection::Unavailable(why),
    }
}
