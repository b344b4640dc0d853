//! Whose release goes where: owner → groups → the first route that fits → folder.
//!
//! **Invariant:** a name that cannot be a folder's name as it stands is refused, never changed: two customers never share a
//! folder because their names became the same.

use crate::process::{ProcessError, run};
use model::escape_text;
use model::names::map_component;
use model::policy::{FOLDER_WORDS, ReleasePolicy, RoutePolicy};
use model::untrusted::Untrusted;
use std::time::Duration;
use time::OffsetDateTime;

/// The program that asks the name service (NSS, so also winbind and SSSD).
const ID: &str = "/usr/bin/id";
/// BOUND: a name service that does not answer in this time is away.
const NAME_SERVICE_TIMEOUT: Duration = Duration::from_secs(30);
/// BOUND: Linux takes 32 bytes, Active Directory 20 and 104 of a full name; more is no user.
const MAX_OWNER_BYTES: usize = 256;
/// BOUND: Longest folder name, in UTF-16 units, as NTFS and SMB have it.
const MAX_NAME_UNITS: u32 = 255;

/// Why it cannot be said where a release goes.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// No user has such a name.
    #[error("\"{owner}\" cannot be a user's name: {why}")]
    Owner {
        /// The name, escaped.
        owner: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The name service says nothing of the owner.
    #[error("the groups of \"{owner}\" cannot be found out: {cause}. Is the account known here (`id {owner}`)?")]
    Groups {
        /// Who, escaped.
        owner: String,
        /// What the name service said, escaped.
        cause: String,
    },
    /// The name service could not be asked.
    #[error("the name service cannot be asked for groups: {0}")]
    Process(#[from] ProcessError),
    /// A filled-in word cannot be part of a folder's name.
    #[error(
        "the {word} \"{value}\" cannot be used in the folder \"{folder}\": it is not a folder name on every system. Change release.routes.folder"
    )]
    Word {
        /// Which of the template's words.
        word: &'static str,
        /// What it stands for, escaped.
        value: String,
        /// The template, escaped.
        folder: String,
    },
    /// The time is not one.
    #[error("{0} is not a time")]
    Time(u64),
}

/// Groups of a user, as the name service spells them.
///
/// # Errors
/// When the name is none, or the name service does not know it.
pub fn groups_of(owner: &str) -> Result<Vec<String>, RouteError> {
    let wrong = |why| RouteError::Owner { owner: escape_text(owner), why };
    if owner.is_empty() || owner.len() > MAX_OWNER_BYTES {
        return Err(wrong("it is empty or too long"));
    }
    if owner.chars().any(model::untrusted::is_deceptive) || owner.contains([':', '/']) {
        return Err(wrong("it holds a character no user's name has"));
    }
    // `id` would take a number for a user's number: 0 is root.
    if owner.starts_with(['+', '-']) || owner.chars().all(|c| c.is_ascii_digit()) {
        return Err(wrong("it reads as a number or an option"));
    }
    let ended = run(ID, &["-Gnz", "--", owner], NAME_SERVICE_TIMEOUT)?;
    let unknown = |cause: &str| RouteError::Groups { owner: escape_text(owner), cause: escape_text(cause) };
    if !ended.success {
        return Err(unknown(ended.stderr.trim_end()));
    }
    let names = ended.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let names = names.map(|name| String::from_utf8(name.to_vec()).map_err(|_| unknown("a group's name is no UTF-8")));
    names.collect()
}

/// The first route for a member of these groups. Active Directory does not tell upper case from lower, so this does not.
pub fn route<'p>(policy: &'p ReleasePolicy, groups: &[String]) -> Option<&'p RoutePolicy> {
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    policy.routes.iter().find(|route| groups.iter().any(|group| same(group, &route.group)))
}

/// The folder of a route's template, filled in. The group is spelled as the route has it.
///
/// # Errors
/// When a word that is filled in is no folder name as it stands.
pub fn folder_of(route: &RoutePolicy, owner: &str, station: &str, unix_ms: u64) -> Result<String, RouteError> {
    let seconds = i64::try_from(unix_ms / 1000).map_err(|_| RouteError::Time(unix_ms))?;
    let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| RouteError::Time(unix_ms))?;
    let values = [
        route.group.clone(),
        owner.to_owned(),
        station.to_owned(),
        format!("{:04}", time.year()),
        format!("{:02}", u8::from(time.month())),
        format!("{:02}", time.day()),
    ];
    for (word, value) in FOLDER_WORDS.into_iter().zip(&values) {
        if route.folder.contains(&braced(word)) && !is_folder_name(value) {
            let (value, folder) = (escape_text(value), escape_text(&route.folder));
            return Err(RouteError::Word { word, value, folder });
        }
    }
    // One pass over the template, so that a name that reads `{owner}` stays one.
    let mut folder = String::new();
    let mut rest = route.folder.trim_end_matches('/');
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        folder.push_str(before);
        let filled = FOLDER_WORDS.into_iter().zip(&values).find_map(|(word, value)| Some((value, from.strip_prefix(&*braced(word))?)));
        let Some((value, after)) = filled else { break };
        folder.push_str(value);
        rest = after;
    }
    folder.push_str(rest);
    Ok(folder)
}

fn braced(word: &str) -> String {
    format!("{{{word}}}")
}

/// Whether the name policy would leave it as it is. Hidden names are this program's own.
fn is_folder_name(word: &str) -> bool {
    let mapped = map_component(&Untrusted::new(word.as_bytes().to_vec()), MAX_NAME_UNITS);
    mapped.name == word && !word.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Policy;

    fn policy(routes: &[(&str, &str)]) -> ReleasePolicy {
        let mut text = "[release.targets.out]\nkind = \"directory\"\npath = \"/srv/out\"\n".to_owned();
        for (group, folder) in routes {
            text += &format!("[[release.routes]]\ngroup = {group:?}\ntarget = \"out\"\nfolder = {folder:?}\n");
        }
        Policy::from_toml(&text).unwrap().release
    }

    fn folder(template: &str, group: &str, owner: &str) -> Result<String, RouteError> {
        folder_of(&policy(&[(group, template)]).routes[0], owner, "schleuse-1", 1_782_000_000_000)
    }

    #[test]
    fn the_first_route_of_a_group_counts_and_case_does_not() {
        let policy = policy(&[("Kunde A", "a"), ("kunde b", "b"), ("KUNDE B", "c")]);
        let of = |groups: &[&str]| {
            let groups: Vec<String> = groups.iter().map(|g| (*g).to_owned()).collect();
            route(&policy, &groups).map(|route| route.folder.clone())
        };
        assert_eq!(of(&["users", "KUNDE B", "kunde a"]), Some("a".into()));
        assert_eq!(of(&["Kunde B"]), Some("b".into()));
        assert_eq!(of(&["kunde"]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_template_is_filled_in_once() {
        let filled = folder("kunden/{group}/{year}-{month}-{day} {station}", "Müller & Söhne", "anna").unwrap();
        assert_eq!(filled, "kunden/Müller & Söhne/2026-06-21 schleuse-1");
        assert_eq!(folder("{group}/{owner}", "{owner}", "{group}").unwrap(), "{owner}/{group}");
        assert_eq!(folder("a/", "g", "anna").unwrap(), "a");
    }

    #[test]
    fn a_name_that_is_no_folder_name_is_refused_not_changed() {
        let bad =
            ["..", ".", "", "a/b", "a\\b", "DOM\\anna", "a\nb", "anna.", "anna ", "CON", "com1.x", "-n", ".hidden", "a\u{202E}b", "a:b"];
        for word in bad {
            assert!(matches!(folder("x/{owner}", "g", word), Err(RouteError::Word { word: "owner", .. })), "{word:?}");
            // Where it is not filled in, it does not matter.
            assert_eq!(folder("x", "g", word).unwrap(), "x");
        }
        assert!(folder("{group}", "../kunde-b", "anna").is_err());
        assert!(folder("{owner}", "g", &"x".repeat(256)).is_err());
    }

    #[test]
    fn the_real_name_service_knows_root_and_nobody_with_a_wrong_name() {
        assert!(groups_of("root").unwrap().contains(&"root".to_owned()));
        assert!(matches!(groups_of("no-such-user-here"), Err(RouteError::Groups { .. })));
        for wrong in ["", "0", "+0", "-a", "--help", "a:b", "../root", "root\n", "root\0"] {
            assert!(matches!(groups_of(wrong), Err(RouteError::Owner { .. })), "{wrong:?}");
        }
    }
}
