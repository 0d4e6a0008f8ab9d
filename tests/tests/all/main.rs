//! What users see: a running gateway from outside, one file per behaviour.

mod delivery;
