//! Reading requests, with errors in the forms the contract wants.

mod body;
mod ignored;
mod path;
mod query;
mod upload;

pub(crate) use body::{Body, OptionalBody};
pub(crate) use ignored::{Ignored, report_ignored};
pub(crate) use path::PathParams;
pub(crate) use query::{FromQuery, Page, Query, QueryParams, Span};
pub(crate) use upload::{Upload, UploadLimits};
