//! Dialects: how a connection's texts are understood and answered.
