//! Finds the values of a JSON text without parsing them, and can stop anywhere: an answer of ten megabytes is read in
//! pieces that each take a few milliseconds.
//!
//! Only quotes and brackets are looked at. What is found is a value if the text is JSON; if it is not, the parser that
//! gets the piece says so.

use std::ops::Range;

/// Where a value lies in the text.
pub type Span = Range<usize>;

/// The walk over one value.
#[derive(Debug, Clone, Copy)]
struct Skip {
    at: usize,
    depth: u32,
    text: Text,
}

/// Whether the walk is within a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

/// How far a walk came.
enum Walked {
    /// Behind the value.
    To(usize),
    /// The fuel is used up.
    Resting,
    /// The text ends, or no value begins here.
    Broken,
}

impl Skip {
    fn from(at: usize) -> Self {
        Self {
            at,
            depth: 0,
            text: Text::Outside,
        }
    }

    /// Goes on for at most `fuel` bytes, which is lessened by what was looked at.
    fn walk(&mut self, bytes: &[u8], fuel: &mut usize) -> Walked {
        let end = bytes.len().min(self.at.saturating_add(*fuel));
        let begun = self.at;
        let walked = self.walk_to(bytes, end);
        *fuel -= self.at.min(end) - begun.min(end);
        walked
    }

    fn walk_to(&mut self, bytes: &[u8], end: usize) -> Walked {
        while self.at < end {
            let byte = bytes[self.at];
            match (self.text, byte) {
                (Text::Escaped, _) => self.text = Text::Inside,
                (Text::Inside, b'\\') => self.text = Text::Escaped,
                (Text::Inside, b'"') => {
                    self.text = Text::Outside;
                    if self.depth == 0 {
                        self.at += 1;
                        return Walked::To(self.at);
                    }
                }
                (Text::Inside, _) => {}
                (Text::Outside, b'"') => self.text = Text::Inside,
                (Text::Outside, b'{' | b'[') => self.depth += 1,
                (Text::Outside, b'}' | b']') => {
                    let Some(depth) = self.depth.checked_sub(1) else {
                        return Walked::Broken;
                    };
                    self.depth = depth;
                    if depth == 0 {
                        self.at += 1;
                        return Walked::To(self.at);
                    }
                }
                (Text::Outside, _) if self.depth == 0 => return self.scalar(bytes),
                (Text::Outside, _) => {}
            }
            self.at += 1;
        }
        match end == bytes.len() {
            true => Walked::Broken,
            false => Walked::Resting,
        }
    }

    /// A number or a word: it is short, or it is none.
    fn scalar(&mut self, bytes: &[u8]) -> Walked {
        const LONGEST: usize = 1024;
        let rest = &bytes[self.at..bytes.len().min(self.at + LONGEST)];
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        if length == 0 || length == LONGEST {
            return Walked::Broken;
        }
        self.at += length;
        Walked::To(self.at)
    }
}

/// A member of a message that the plugin knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Id,
    Type,
    Success,
    Result,
    Event,
    Error,
    Other,
}

impl Key {
    fn named(name: &[u8]) -> Self {
        match name {
            br#""id""# => Self::Id,
            br#""type""# => Self::Type,
            br#""success""# => Self::Success,
            br#""result""# => Self::Result,
            br#""event""# => Self::Event,
            br#""error""# => Self::Error,
            _ => Self::Other,
        }
    }
}

/// The members of one message, and the whole of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    pub whole: Span,
    pub id: Option<Span>,
    pub kind: Option<Span>,
    pub success: Option<Span>,
    pub result: Option<Span>,
    pub event: Option<Span>,
    pub error: Option<Span>,
}

impl Message {
    fn set(&mut self, key: Key, span: Span) {
        let place = match key {
            Key::Id => &mut self.id,
            Key::Type => &mut self.kind,
            Key::Success => &mut self.success,
            Key::Result => &mut self.result,
            Key::Event => &mut self.event,
            Key::Error => &mut self.error,
            Key::Other => return,
        };
        *place = Some(span);
    }
}

/// What the walk over a frame came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The fuel is used up: go on later.
    Resting,
    /// A message.
    Message(Message),
    /// An element of the list that was opened with [`Frame::open_list`].
    Element(Span),
    /// That list is over.
    ListEnd,
    /// The frame is over.
    End,
    /// This is no JSON; nothing more is found in it.
    Broken,
}

#[derive(Debug)]
enum Step {
    Top,
    Between,
    Name(Skip),
    Value(Key, usize, Skip),
    Member,
    Over,
}

#[derive(Debug)]
struct List {
    /// Within an element: where it begins.
    element: Option<(usize, Skip)>,
    at: usize,
    end: usize,
}

/// A frame of Home Assistant's: one message, or several in an array.
#[derive(Debug)]
pub struct Frame {
    pub text: String,
    at: usize,
    coalesced: bool,
    step: Step,
    message: Message,
    list: Option<List>,
}

impl Frame {
    pub fn new(text: String) -> Self {
        Self {
            text,
            at: 0,
            coalesced: false,
            step: Step::Top,
            message: Message::default(),
            list: None,
        }
    }

    /// The text of a value.
    pub fn slice(&self, span: &Span) -> &str {
        // Spans begin and end at ASCII characters, so at boundaries.
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// How much of the text is done, from 0 to 1.
    pub fn done(&self) -> f64 {
        let at = self.list.as_ref().map_or(self.at, |list| list.at);
        at as f64 / self.text.len().max(1) as f64
    }

    /// The elements of this array come next. `false`: it is none.
    pub fn open_list(&mut self, span: &Span) -> bool {
        if !self.slice(span).starts_with('[') {
            return false;
        }
        self.list = Some(List {
            element: None,
            at: span.start + 1,
            end: span.end - 1,
        });
        true
    }

    /// What is still to be done, from the beginning of the message that the walk is in: for whoever carries on
    /// elsewhere. `None`: nothing, or a list is open, which can't be handed on.
    pub fn rest(&self) -> Option<String> {
        let from = match self.step {
            _ if self.list.is_some() => return None,
            Step::Over => return None,
            Step::Top => 0,
            Step::Between => self.at,
            Step::Member | Step::Name(_) | Step::Value(..) => self.message.whole.start,
        };
        let opening = if self.coalesced { "[" } else { "" };
        Some(format!("{opening}{}", &self.text[from..]))
    }

    /// Walks on to the next thing.
    pub fn next(&mut self, fuel: &mut usize) -> Found {
        if self.list.is_some() {
            return self.next_element(fuel);
        }
        loop {
            self.pass_separators();
            let byte = self.text.as_bytes().get(self.at).copied();
            match (&mut self.step, byte) {
                (Step::Over, _) => return Found::End,
                (Step::Top, Some(b'[')) => {
                    self.coalesced = true;
                    self.at += 1;
                    self.step = Step::Between;
                }
                (Step::Between, Some(b']')) => self.step = Step::Over,
                (Step::Top | Step::Between, Some(b'{')) => {
                    self.message = Message {
                        whole: self.at..self.at,
                        ..Message::default()
                    };
                    self.at += 1;
                    self.step = Step::Member;
                }
                (Step::Member, Some(b'"')) => self.step = Step::Name(Skip::from(self.at)),
                (Step::Member, Some(b'}')) => return self.end_message(),
                (Step::Name(skip), _) => match skip.walk(self.text.as_bytes(), fuel) {
                    Walked::To(end) => self.begin_value(end),
                    Walked::Resting => return Found::Resting,
                    Walked::Broken => return self.broken(),
                },
                (Step::Value(key, start, skip), _) => match skip.walk(self.text.as_bytes(), fuel) {
                    Walked::To(end) => {
                        self.message.set(*key, *start..end);
                        self.at = end;
                        self.step = Step::Member;
                    }
                    Walked::Resting => return Found::Resting,
                    Walked::Broken => return self.broken(),
                },
                _ => return self.broken(),
            }
        }
    }

    /// Behind a member's name: the colon, and then its value.
    fn begin_value(&mut self, end: usize) {
        let key = Key::named(&self.text.as_bytes()[self.at..end]);
        let rest = self.text[end..].trim_ascii_start();
        let value = rest.strip_prefix(':').map(str::trim_ascii_start);
        // Without a colon the walk over the value finds none.
        let start = value.map_or(self.text.len(), |value| self.text.len() - value.len());
        self.at = start;
        self.step = Step::Value(key, start, Skip::from(start));
    }

    fn end_message(&mut self) -> Found {
        self.at += 1;
        self.message.whole.end = self.at;
        self.step = match self.coalesced {
            true => Step::Between,
            false => Step::Over,
        };
        Found::Message(std::mem::take(&mut self.message))
    }

    fn broken(&mut self) -> Found {
        self.step = Step::Over;
        Found::Broken
    }

    fn pass_separators(&mut self) {
        if matches!(self.step, Step::Top | Step::Between | Step::Member) {
            self.at = past_separators(self.text.as_bytes(), self.at);
        }
    }

    fn next_element(&mut self, fuel: &mut usize) -> Found {
        let Some(list) = &mut self.list else {
            return Found::ListEnd;
        };
        let bytes = &self.text.as_bytes()[..list.end];
        let (start, mut skip) = match list.element.take() {
            Some(element) => element,
            None => {
                let start = past_separators(bytes, list.at);
                (start, Skip::from(start))
            }
        };
        if start >= list.end {
            self.list = None;
            return Found::ListEnd;
        }
        match skip.walk(bytes, fuel) {
            Walked::To(end) => {
                list.at = end;
                Found::Element(start..end)
            }
            Walked::Resting => {
                list.element = Some((start, skip));
                Found::Resting
            }
            Walked::Broken => {
                self.list = None;
                Found::ListEnd
            }
        }
    }
}

fn past_separators(bytes: &[u8], at: usize) -> usize {
    let separates = |byte: &u8| *byte == b',' || byte.is_ascii_whitespace();
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|byte| !separates(byte))
        .unwrap_or(rest.len())
}

#[cfg(test)]
mod tests;
