//! `/api/v1/rooms`, in PMA's form.

use crate::book::Refusal;
use crate::room::Draft;
use crate::{Refused, Rooms};
use hearthgate_plugin::{Caller, HttpCall, HttpReply, rfc3339};
use serde_json::{Value, json};
use std::time::SystemTime;

const PATH: &str = "/api/v1/rooms";

/// A status and the sentence that PMA's clients know.
struct Wrong(u16, &'static str);

/// What a request is about.
enum Place {
    All,
    One(i64),
}

/// Answers a request.
pub fn serve(rooms: &mut Rooms, call: &HttpCall) -> HttpReply {
    let timestamp = rfc3339(SystemTime::now());
    match answer(rooms, call) {
        Ok(data) => HttpReply::json(
            200,
            &json!({"success": true, "data": data, "timestamp": timestamp}),
        ),
        Err(Wrong(status, error)) => {
            let body = json!({"success": false, "error": error, "timestamp": timestamp});
            let mut reply = HttpReply::json(status, &body);
            match status {
                // RFC 9110, sections 15.5.2 and 15.5.6: such answers name the challenge, and the methods.
                401 => reply
                    .headers
                    .push(("www-authenticate".to_owned(), "Bearer".to_owned())),
                405 => reply
                    .headers
                    .push(("allow".to_owned(), allowed(call).to_owned())),
                _ => {}
            }
            reply
        }
    }
}

fn answer(rooms: &mut Rooms, call: &HttpCall) -> Result<Value, Wrong> {
    match &call.caller {
        Caller::Identified(_) => {}
        Caller::Anonymous => return Err(Wrong(401, "Authorization header required")),
        Caller::Invalid(_) => return Err(Wrong(401, "Invalid token")),
    }
    let place = place(&call.path)?;
    let done = match (&place, call.method.as_str()) {
        (Place::All, "GET") => Ok(rooms.list()),
        (Place::All, "POST") => rooms.create(&draft(&call.body)?),
        (Place::One(id), "GET") => rooms.show(*id),
        (Place::One(id), "PUT") => rooms.update(*id, &draft(&call.body)?),
        (Place::One(id), "DELETE") => rooms.delete(*id),
        _ => return Err(Wrong(405, "Method not allowed")),
    };
    done.map_err(|refused| match refused {
        Refused::Rule(Refusal::NotFound) => Wrong(404, "Room not found"),
        Refused::Rule(Refusal::NameTaken) => Wrong(409, "Room name already exists"),
        Refused::Rule(Refusal::AreaTaken) => Wrong(409, "Home Assistant area already has a room"),
        Refused::Rule(Refusal::Full) => Wrong(503, "Too many rooms"),
        Refused::Store(_) => Wrong(503, "Room could not be stored"),
    })
}

/// The path with and without a slash at its end.
fn place(path: &str) -> Result<Place, Wrong> {
    let rest = path.strip_prefix(PATH).ok_or(Wrong(404, "Not found"))?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() {
        return Ok(Place::All);
    }
    let id = rest.strip_prefix('/').filter(|id| !id.contains('/'));
    let id = id.ok_or(Wrong(404, "Not found"))?;
    id.parse()
        .map(Place::One)
        .map_err(|_| Wrong(400, "Invalid room ID"))
}

fn allowed(call: &HttpCall) -> &'static str {
    match place(&call.path) {
        Ok(Place::All) => "GET, POST",
        _ => "GET, PUT, DELETE",
    }
}

fn draft(body: &[u8]) -> Result<Draft, Wrong> {
    let body: Result<Value, _> = serde_json::from_slice(body);
    let draft = body.ok().and_then(|body| Draft::read(&body).ok());
    draft.ok_or(Wrong(400, "Invalid request body"))
}
