//! In which lists a subscription is posted.

use super::MAX_POSTINGS;
use super::trie::Node;
use crate::event::{Condition, Event, Filter, Kind};
use std::sync::Arc;

/// The last step to a list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor<'a> {
    /// No condition leads there.
    Plain,
    /// A label has a value.
    Value(&'a Arc<str>, &'a Arc<str>),
    /// A label is absent.
    Absent(&'a Arc<str>),
}

/// Which steps lead to a subscription's lists; the rest is checked at each match.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    by_kind: bool,
    anchor: Option<u16>,
}

impl Plan {
    /// Takes every step that the bound allows; of the conditions, the one whose lists are the shortest now.
    pub(super) fn choose(filter: &Filter, root: &Node) -> Self {
        let topics = filter.topics.len().max(1);
        let kinds = filter.kinds.len().max(1);
        let by_kind = topics * kinds <= MAX_POSTINGS;
        let lists = if by_kind { topics * kinds } else { topics };
        let without = Self {
            by_kind,
            anchor: None,
        };
        let anchor = (0..filter.conditions.len())
            .filter(|&i| lists * anchors(&filter.conditions[i]).count() <= MAX_POSTINGS)
            .min_by_key(|&i| {
                let plan = without.anchored(i);
                let absent = filter.conditions[i].matches_when_absent;
                (plan.weight(filter, root), absent)
            });
        anchor.map_or(without, |i| without.anchored(i))
    }

    fn anchored(self, condition: usize) -> Self {
        Self {
            anchor: u16::try_from(condition).ok(),
            ..self
        }
    }

    /// How many postings stand in its lists already.
    fn weight(self, filter: &Filter, root: &Node) -> usize {
        let mut weight = 0;
        self.each(filter, |topic, kind, anchor| {
            weight += root
                .cell(topic)
                .map_or(0, |cell| cell.list_len(kind, anchor));
        });
        weight
    }

    /// Names each list, always in the same order.
    pub(super) fn each<'a>(
        self,
        filter: &'a Filter,
        mut visit: impl FnMut(&'a str, Option<&'a Kind>, Anchor<'a>),
    ) {
        let everything = filter.topics.is_empty().then_some("#");
        let topics = filter.topics.iter().map(|topic| topic.as_str());
        let condition = self.anchor.map(|i| &filter.conditions[usize::from(i)]);
        for topic in topics.chain(everything) {
            let any = (!self.by_kind || filter.kinds.is_empty()).then_some(None);
            let kinds = if self.by_kind { &filter.kinds[..] } else { &[] };
            for kind in kinds.iter().map(Some).chain(any) {
                match condition {
                    None => visit(topic, kind, Anchor::Plain),
                    Some(condition) => {
                        anchors(condition).for_each(|anchor| visit(topic, kind, anchor));
                    }
                }
            }
        }
    }

    /// Whether being found in a list is not enough.
    pub(super) fn needs_check(self, filter: &Filter) -> bool {
        let kinds = !self.by_kind && !filter.kinds.is_empty();
        kinds || filter.conditions.len() > usize::from(self.anchor.is_some())
    }

    /// Checks what the steps left out; the topic is always one of them.
    pub(super) fn check(self, filter: &Filter, event: &Event) -> bool {
        let draft = &event.draft;
        let kind = self.by_kind || filter.kinds.is_empty() || filter.kinds.contains(&draft.kind);
        kind && filter
            .conditions
            .iter()
            .all(|condition| condition.matches(event.label(&condition.label)))
    }
}

fn anchors(condition: &Condition) -> impl Iterator<Item = Anchor<'_>> {
    let values = condition.any_of.iter();
    let absent = condition.matches_when_absent;
    values
        .map(|value| Anchor::Value(&condition.label, value))
        .chain(absent.then_some(Anchor::Absent(&condition.label)))
}
