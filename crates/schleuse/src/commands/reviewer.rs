//! `schleuse reviewer`.

use super::desk::{ADMINISTRATOR, Desk, Request, Why, block_on};
use super::{print_json, secrets};
use crate::cli::{Create, PolicyFile, Reviewer as Command, State};
use crate::settings::{self, ConfigurationError};
use anyhow::Context as _;
use audit::events;
use pipeline::StationFault;
use pipeline::station::StatePaths;
use serde_json::json;
use spool::{IdentityFile, Reviewer, ReviewerError, ReviewerIdentity, Reviewers, is_reviewer_name};
use std::path::{Path, PathBuf};
use wire::Secret;

pub fn run(command: &Command) -> anyhow::Result<u8> {
    match command {
        Command::Create(wanted) => create(wanted),
        Command::List { state } => list(state),
        Command::Add { file, policy, state } => block_on(add(file, policy, state)),
        Command::Remove { name, policy, state } => block_on(remove(name, policy, state)),
    }
}

fn create(wanted: &Create) -> anyhow::Result<u8> {
    if !is_reviewer_name(&wanted.name) {
        return Err(ConfigurationError("a reviewer's name has 1 to 32 of a-z, 0-9 and -".into()).into());
    }
    let usage = |error: spool::IdentityError| ConfigurationError(error.to_string());
    let identity = if wanted.identity.exists() {
        let file = IdentityFile::read(&wanted.identity).map_err(usage)?;
        let passphrase = if file.wants_passphrase() { Some(passphrase(wanted, false)?) } else { None };
        file.open(passphrase.as_ref().map_or("", Secret::reveal)).map_err(usage)?
    } else {
        let passphrase = passphrase(wanted, true)?;
        let identity = ReviewerIdentity::generate()?;
        identity.write_protected(&wanted.identity, passphrase.reveal()).map_err(usage)?;
        identity
    };
    let public = match &wanted.public_to {
        Some(dir) => dir.clone(),
        None => std::path::absolute(&wanted.identity)?.parent().map_or_else(PathBuf::new, Path::to_path_buf),
    };
    let public = public.join(format!("{}.pub", wanted.name));
    std::fs::write(&public, identity.public_lines()).with_context(|| format!("{} cannot be written", public.display()))?;
    println!("{}", public.display());
    print!("{}", identity.public_lines());
    Ok(0)
}

fn passphrase(wanted: &Create, twice: bool) -> anyhow::Result<Secret> {
    const OPTION: &str = "--passphrase-stdin";
    if wanted.passphrase_stdin {
        return secrets::next_line(OPTION);
    }
    let first = secrets::typed("Passphrase of the identity (nothing is shown):", OPTION)?;
    if twice && secrets::typed("The same again:", OPTION)?.reveal() != first.reveal() {
        return Err(ConfigurationError("the two passphrases differ; nothing was written".into()).into());
    }
    Ok(first)
}

fn list(state: &State) -> anyhow::Result<u8> {
    let paths = StatePaths::new(&settings::state_dir(state.state.as_deref())?);
    let reviewers = match Reviewers::load(&paths.reviewers()) {
        Err(ReviewerError::Absent { .. }) => None,
        other => Some(other.map_err(StationFault::from)?),
    };
    let registered = reviewers.as_ref().map(Reviewers::registered).unwrap_or_default();
    if state.json {
        print_json(&registered.iter().map(shown).collect::<Vec<_>>())?;
        return Ok(0);
    }
    for reviewer in registered {
        let decides = if reviewer.signing.is_some() { "decides" } else { "locks away only (no signing line)" };
        println!("{:32}  {}  {decides}", reviewer.name, reviewer.public_key());
    }
    println!("{} reviewers", registered.len());
    Ok(0)
}

fn shown(reviewer: &Reviewer) -> serde_json::Value {
    json!({ "name": reviewer.name, "age": reviewer.public_key(), "ed25519": reviewer.signing.map(|key| key.to_string()) })
}

async fn add(file: &Path, policy: &PolicyFile, state: &State) -> anyhow::Result<u8> {
    let dir = StatePaths::new(&settings::state_dir(state.state.as_deref())?).reviewers();
    if let Err(error @ ReviewerError::Read { .. }) = Reviewers::read(file) {
        return Err(ConfigurationError(error.to_string()).into());
    }
    // A station that has no key yet would make one by itself as it opens; so the first key is registered before.
    let early = matches!(Reviewers::load(&dir), Err(ReviewerError::Absent { .. })).then(|| Reviewers::add(&dir, file));
    let desk = Desk::light(policy, state)?;
    changed(&desk, "add", file, early.unwrap_or_else(|| Reviewers::add(&dir, file)), state).await
}

async fn remove(name: &str, policy: &PolicyFile, state: &State) -> anyhow::Result<u8> {
    let desk = Desk::light(policy, state)?;
    let removed = Reviewers::remove(&desk.paths.reviewers(), name);
    changed(&desk, "remove", Path::new(name), removed, state).await
}

/// Puts what became of it on record.
async fn changed(
    desk: &Desk,
    what: &'static str,
    named: &Path,
    result: Result<Reviewer, ReviewerError>,
    state: &State,
) -> anyhow::Result<u8> {
    let what_asked = if what == "add" { "reviewer-add" } else { "reviewer-remove" };
    match result {
        Ok(reviewer) => {
            let payload = json!({ "what": "reviewers", "change": what, "reviewer": shown(&reviewer) });
            desk.record(ADMINISTRATOR, None, events::CONFIGURATION_CHANGED, payload).await?;
            if state.json {
                print_json(&shown(&reviewer))?;
            } else {
                println!("{what}: {}", reviewer.name);
            }
            Ok(0)
        }
        Err(error @ (ReviewerError::Read { .. } | ReviewerError::Write { .. })) => Err(StationFault::from(error).into()),
        Err(error) => {
            let named = named.to_string_lossy();
            let request = Request { what: what_asked, actor: ADMINISTRATOR, hold: &named };
            Err(desk.refuse(request, Why::new("reviewer-not-accepted", error.to_string())).await)
        }
    }
}
