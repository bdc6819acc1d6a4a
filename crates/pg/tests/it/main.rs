//! Tests against a real PostgreSQL.

mod life;
mod support;
