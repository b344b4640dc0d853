//! Talking to confined workers. What a worker says is foreign: every number is range-checked here, and a worker that
//! dies, is silent, or breaks the protocol is [`Trouble`] with one item, never more.

mod conversation;
mod inspector;
mod jobs;
mod pages;
mod sample;

pub use conversation::Trouble;
pub use inspector::{Inspector, InspectorPool, Member, MemberContent, Spent};
pub use jobs::{office_to_pdf, rebuild_text, verify};
pub use pages::{PageIn, Rendered, Text as PageText, render, render_first};

pub use sample::pack_sample;

pub(crate) use conversation::{Conversation, Heard, budget};
