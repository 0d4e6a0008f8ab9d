//! The macros that the catalogue is written in.

/// A record as EVENTS.md writes it: the required fields, then after a `?` the optional ones. Generates the
/// struct and `new`, which takes the required fields in their order and leaves the others out.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $name:ident {
            $( $(#[$req_meta:meta])* $req:ident : $req_type:ty, )*
            $( ? $( $(#[$opt_meta:meta])* $opt:ident : $opt_type:ty, )+ )?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub struct $name {
            $( $(#[$req_meta])* pub $req: $req_type, )*
            $( $(
                $(#[$opt_meta])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $opt: Option<$opt_type>,
            )+ )?
        }

        impl $name {
            /// With the required fields, and none of the optional ones.
            #[must_use]
            // A record whose fields are all optional has a `new` like the others, for one way of making them.
            #[allow(clippy::new_without_default)]
            pub fn new($( $req: impl Into<$req_type> ),*) -> Self {
                Self {
                    $( $req: $req.into(), )*
                    $( $( $opt: None, )+ )?
                }
            }
        }
    };
}

/// A closed set of words. Its schema is a plain `enum`, so that a refusal lists the words.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $name:ident { $( $(#[$word_meta:meta])* $variant:ident = $word:literal, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $( $(#[$word_meta])* #[serde(rename = $word)] $variant, )+
        }

        impl $name {
            /// The word as on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [ $( $word ),+ ] })
            }
        }
    };
}

/// A kind whose data another kind has too: a type of its own around the shared record, the same on the wire.
macro_rules! same_data {
    ($( $(#[$meta:meta])* $name:ident($inner:ident) )+) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl From<$inner> for $name {
            fn from(data: $inner) -> Self {
                Self(data)
            }
        }
    )+ };
}

/// Binds types to their rows in the catalogue: kind, what is retained, and the levels of the topic.
macro_rules! kinds {
    ($( $name:ident = $kind:literal, $retention:expr, |$data:pat_param, $instance:pat_param| $topic:expr; )+) => { $(
        impl $crate::EventKind for $name {
            const KIND: &'static str = $kind;
            const RETENTION: $crate::Retention = {
                use $crate::Retention::*;
                $retention
            };
            fn topic(&self, instance: &str) -> String {
                let ($data, $instance) = (self, instance);
                $crate::topic(&$topic)
            }
        }
    )+ };
}
