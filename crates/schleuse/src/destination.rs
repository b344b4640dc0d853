//! Where the release of a session goes: a directory named by hand, or the target that the owner's group has in the policy.

use crate::settings::ConfigurationError;
use audit::{Clock, SystemClock, events};
use model::policy::ReleasePolicy;
use pipeline::{ReleaseTo, Station};
use serde_json::json;
use std::path::Path;

/// What a session is told about its release.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Whose medium it is.
    pub owner: Option<String>,
    /// Where its release goes.
    pub release_to: ReleaseTo,
}

/// Decides it; a refusal is on record before it is told.
///
/// # Errors
/// [`ConfigurationError`]: an owner is missing, unknown, or in no group with a route; or the policy leaves no choice.
pub async fn choose(station: &Station, policy: &ReleasePolicy, folder: Option<&Path>, owner: Option<&str>) -> anyhow::Result<Destination> {
    let now = SystemClock.now_unix_ms();
    match decide(policy, folder, owner, station.name(), now) {
        Ok(destination) => Ok(destination),
        Err(Refused { code, what }) => {
            // The sentence names the person; the record outside of any session is in clear for ever.
            station.recorder().note(None, events::REQUEST_REFUSED, json!({ "request": "session", "why": code }));
            station.recorder().flush().await?;
            Err(ConfigurationError(what).into())
        }
    }
}

/// Why there is no destination: a stable word for the record, and a sentence.
#[derive(Debug)]
struct Refused {
    code: &'static str,
    what: String,
}

fn refused<T>(code: &'static str, what: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { code, what: what.into() })
}

fn decide(policy: &ReleasePolicy, folder: Option<&Path>, owner: Option<&str>, station: &str, now: i64) -> Result<Destination, Refused> {
    let groups = match owner.map(release::groups_of).transpose() {
        Ok(groups) => groups,
        Err(error) => return refused("owner-unknown", error.to_string()),
    };
    if owner.is_none() && policy.require_owner {
        return refused(
            "owner-missing",
            "the policy wants an owner for every session (release.require_owner); name the person with --owner",
        );
    }
    let named = owner.map(str::to_owned);
    if policy.routes.is_empty() {
        let Some(folder) = folder else {
            let what = "name the release folder with --release-to, or configure release.targets and release.routes in the policy";
            return refused("no-destination", what);
        };
        return match std::path::absolute(folder) {
            Ok(path) => Ok(Destination { owner: named, release_to: path.into() }),
            Err(error) => refused("no-destination", format!("the release folder cannot be used: {error}")),
        };
    }
    if folder.is_some() {
        let what = "the policy sends releases where the owner's group has its route (release.routes); --release-to cannot change that";
        return refused("destination-not-free", what);
    }
    let (Some(owner), Some(groups)) = (owner, groups) else {
        let what = "the policy sends releases where the owner's group has its route (release.routes); name the person with --owner";
        return refused("owner-missing", what);
    };
    let Some(route) = release::route(policy, &groups) else {
        let what = format!("{} is in no group that has a route in the policy (release.routes)", model::escape_text(owner));
        return refused("no-route", what);
    };
    match release::folder_of(route, owner, station, now.unsigned_abs()) {
        Ok(folder) => Ok(Destination { owner: named, release_to: ReleaseTo::Target { name: route.target.clone(), folder } }),
        Err(error) => refused("no-folder", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Policy;

    fn policy(text: &str) -> ReleasePolicy {
        Policy::from_toml(text).unwrap().release
    }

    #[test]
    fn without_routes_a_folder_is_named_by_hand_and_an_owner_only_where_the_policy_wants_one() {
        let here = Some(Path::new("/srv/out"));
        assert!(decide(&policy(""), here, None, "s", 0).is_ok());
        assert!(decide(&policy(""), None, None, "s", 0).is_err());
        assert!(
            decide(&policy("[release]\nrequire_owner = true\n"), here, None, "s", 0).unwrap_err().what.contains("release.require_owner")
        );
        assert!(decide(&policy("[release]\nrequire_owner = true\n"), here, Some("root"), "s", 0).is_ok());
        assert!(decide(&policy(""), here, Some("nobody-knows-her"), "s", 0).is_err());
    }

    #[test]
    fn with_routes_the_owners_group_decides_and_nothing_else() {
        let routes = |group: &str| {
            format!(
                "[release.targets.a]\nkind = \"directory\"\npath = \"/srv/a\"\n[[release.routes]]\ngroup = \"{group}\"\ntarget = \"a\"\nfolder = \"{{group}}/{{year}}\"\n"
            )
        };
        let chosen = decide(&policy(&routes("root")), None, Some("root"), "s", 1_795_000_000_000).unwrap();
        assert_eq!(chosen.release_to, ReleaseTo::Target { name: "a".into(), folder: "root/2026".into() });
        assert_eq!(chosen.owner.as_deref(), Some("root"));
        let refused = |policy: &str, folder, owner| decide(&self::policy(policy), folder, owner, "s", 0).unwrap_err().what;
        assert!(refused(&routes("root"), None, None).contains("--owner"));
        assert!(refused(&routes("root"), Some(Path::new("/x")), Some("root")).contains("--release-to"));
        assert!(refused(&routes("kunde-b"), None, Some("root")).contains("no group that has a route"));
    }
}
