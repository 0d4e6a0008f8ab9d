#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

const NOW: &str = "2026-11-20T10:00:00.000Z";

fn draft(name: &str, area: Option<&str>) -> Draft {
    Draft::read(&json!({"name": name, "home_assistant_area_id": area})).unwrap()
}

fn area(id: &str, name: Option<&str>) -> Area {
    Area {
        source: "home".to_owned(),
        id: id.to_owned(),
        icon: None,
        name: name.map(str::to_owned),
    }
}

/// A book in which entries are written down as they come.
struct Pen(Book);

impl Pen {
    fn new() -> Self {
        Self(Book::new([], 1, 4))
    }

    fn write(&mut self, entry: Result<Entry, Refusal>) -> Result<(i64, Done), Refusal> {
        let entry = entry?;
        self.0.enter(&entry);
        Ok((entry.room.id, entry.done))
    }

    fn create(&mut self, name: &str, area: Option<&str>) -> Result<(i64, Done), Refusal> {
        let entry = self.0.create(&draft(name, area), NOW);
        self.write(entry)
    }

    fn update(&mut self, id: i64, name: &str, area: Option<&str>) -> Result<(i64, Done), Refusal> {
        let entry = self.0.update(id, &draft(name, area), NOW);
        self.write(entry)
    }

    fn delete(&mut self, id: i64) -> Result<(i64, Done), Refusal> {
        let entry = self.0.delete(id, NOW);
        self.write(entry)
    }

    fn hear(&mut self, id: &str, name: Option<&str>) -> Option<(i64, Done)> {
        let entry = self.0.hear(&area(id, name), NOW).unwrap()?;
        Some(self.write(Ok(entry)).unwrap())
    }

    fn listed(&self) -> Vec<(i64, &str)> {
        self.0.listed().map(|room| (room.id, &*room.name)).collect()
    }
}

#[test]
fn numbers_rise_and_are_never_given_twice() {
    let mut pen = Pen::new();
    assert_eq!(pen.create("Hall", None), Ok((1, Done::Created)));
    assert_eq!(pen.create("Attic", None), Ok((2, Done::Created)));
    assert_eq!(pen.delete(2), Ok((2, Done::Deleted)));
    assert_eq!(pen.create("Cellar", None), Ok((3, Done::Created)));
    let again = Book::new(pen.0.listed().cloned().collect::<Vec<_>>(), pen.0.next(), 4);
    assert_eq!(again.next(), 4);
}

#[test]
fn names_and_areas_are_taken_once() {
    let mut pen = Pen::new();
    pen.create("Hall", Some("hall")).unwrap();
    pen.create("Attic", None).unwrap();
    assert_eq!(pen.create("Hall", None), Err(Refusal::NameTaken));
    assert_eq!(pen.update(2, "Hall", None), Err(Refusal::NameTaken));
    assert_eq!(pen.create("Foyer", Some("hall")), Err(Refusal::AreaTaken));
    assert_eq!(
        pen.update(2, "Attic", Some("hall")),
        Err(Refusal::AreaTaken)
    );
    assert_eq!(pen.update(1, "Hall", Some("hall")), Ok((1, Done::Updated)));
    assert_eq!(pen.update(9, "X", None), Err(Refusal::NotFound));
    assert_eq!(pen.delete(9), Err(Refusal::NotFound));
}

#[test]
fn there_is_a_most() {
    let mut pen = Pen::new();
    for name in ["a", "b", "c", "d"] {
        pen.create(name, None).unwrap();
    }
    assert_eq!(pen.create("e", None), Err(Refusal::Full));
    assert_eq!(pen.0.hear(&area("x", Some("X")), NOW), Err(Refusal::Full));
}

#[test]
fn an_area_is_a_room_and_follows_its_name() {
    let mut pen = Pen::new();
    assert_eq!(
        pen.hear("kitchen", Some("Kitchen")),
        Some((1, Done::Created))
    );
    assert_eq!(pen.hear("kitchen", Some("Kitchen")), None);
    assert_eq!(
        pen.hear("kitchen", Some("Big kitchen")),
        Some((1, Done::Updated))
    );
    assert_eq!(pen.listed(), [(1, "Big kitchen")]);
    assert_eq!(pen.hear("kitchen", None), Some((1, Done::Hidden)));
    assert_eq!(pen.hear("kitchen", None), None);
    assert_eq!(pen.listed(), []);
    assert_eq!(
        pen.hear("kitchen", Some("Kitchen")),
        Some((1, Done::Created))
    );
    assert_eq!(pen.hear("never", None), None);
}

#[test]
fn a_name_that_people_gave_stays() {
    let mut pen = Pen::new();
    pen.hear("kitchen", Some("Kitchen"));
    assert_eq!(pen.update(1, "Ada's kitchen", None), Ok((1, Done::Updated)));
    let room = pen.0.get(1).unwrap();
    assert_eq!(room.home_assistant_area_id, None, "null takes the area off");
    pen.update(1, "Ada's kitchen", Some("kitchen")).unwrap();
    assert_eq!(pen.hear("kitchen", Some("Other")), None);
    assert_eq!(pen.hear("kitchen", None), None, "it is people's now");
    assert_eq!(pen.listed(), [(1, "Ada's kitchen")]);
}

#[test]
fn a_room_by_the_areas_name_becomes_it() {
    let mut pen = Pen::new();
    pen.create("Kitchen", None).unwrap();
    assert_eq!(
        pen.hear("kitchen", Some("Kitchen")),
        Some((1, Done::Updated))
    );
    let room = pen.0.get(1).unwrap();
    assert_eq!(room.home_assistant_area_id.as_deref(), Some("kitchen"));
    assert_eq!(
        pen.hear("kitchen_2", Some("Kitchen")),
        Some((2, Done::Created))
    );
    assert_eq!(pen.listed(), [(1, "Kitchen"), (2, "Kitchen (kitchen_2)")]);
}

#[test]
fn creating_what_an_area_made_takes_it_over() {
    let mut pen = Pen::new();
    pen.hear("kitchen", Some("Kitchen"));
    assert_eq!(pen.create("Kitchen", None), Err(Refusal::NameTaken));
    assert_eq!(
        pen.create("Kitchen", Some("kitchen")),
        Ok((1, Done::Updated))
    );
    assert_eq!(
        pen.create("Kitchen 2", Some("kitchen")),
        Err(Refusal::AreaTaken)
    );
}

#[test]
fn a_deleted_area_stays_deleted_until_people_want_it() {
    let mut pen = Pen::new();
    pen.hear("kitchen", Some("Kitchen"));
    assert_eq!(pen.delete(1), Ok((1, Done::Hidden)));
    assert_eq!(pen.hear("kitchen", Some("Kitchen")), None);
    assert_eq!(pen.0.get(1), Err(Refusal::NotFound));
    assert_eq!(
        pen.create("Kitchen", Some("kitchen")),
        Ok((1, Done::Created))
    );
}
