//! The confined worker: started afresh by the supervisor in one role, it closes every door behind it, and only then asks
//! for its input.
//!
//! **Invariant (I6):** nothing foreign is touched before [`sandbox::confine_with`] has returned. Whatever goes wrong later
//! crosses as a code, or ends the process; the supervisor holds the item either way.

mod answers;
mod roles;

use anyhow::Context as _;
use render::Fonts;
use sandbox::Role;
use wire::FrameWriter;

#[global_allocator]
static MEMORY: sandbox::BoundedMemory = sandbox::BoundedMemory;

fn main() -> anyhow::Result<()> {
    let (role, limits) = sandbox::arguments()?;
    let prepare = || if role == Role::Render { Fonts::load() } else { Fonts::none() };
    let (mut confined, fonts) = sandbox::confine_with(role, &limits, prepare)?;
    let answers = confined.answers().try_clone().context("answer pipe")?;
    let mut out = FrameWriter::new(answers);
    let mut state = roles::State { fonts, rules: None };
    while let Some((request, descriptor)) = wire::receive_request(confined.job())? {
        roles::serve(&confined, &mut state, request, descriptor, &mut out)?;
        out.next_job();
        // `render` and `verify` never see two items.
        if role != Role::Inspect {
            break;
        }
    }
    Ok(())
}
