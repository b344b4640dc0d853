//! What `smbclient` says, and what it means. Status codes: [MS-ERREF] 2.3.

/// Sorted by what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Absent,
    Full,
    Denied,
    Exists,
    Refused,
    Gone,
}

/// The first status code of an answer. Lines of a listing begin with blanks, so no file's name is taken for one.
fn code(text: &str) -> Option<&str> {
    text.lines().filter(|line| !line.starts_with([' ', '\t'])).find_map(|line| {
        let from = line.find("NT_STATUS_")?;
        let rest = line.get(from..)?;
        rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
    })
}

/// What an answer means that should have been empty.
pub(super) fn kind(text: &str) -> Kind {
    // The client's own refusal has no code.
    if text.lines().any(|line| line.starts_with("Encryption required and server doesn't support")) {
        return Kind::Denied;
    }
    kind_if_any(text).unwrap_or(Kind::Gone)
}

/// What an answer means, when it names a failure.
pub(super) fn kind_if_any(text: &str) -> Option<Kind> {
    let code = code(text)?.strip_prefix("NT_STATUS_")?;
    Some(match code {
        "NO_SUCH_FILE" | "OBJECT_NAME_NOT_FOUND" | "OBJECT_PATH_NOT_FOUND" | "NOT_FOUND" => Kind::Absent,
        "DISK_FULL" | "QUOTA_EXCEEDED" | "DISK_QUOTA_EXCEEDED" => Kind::Full,
        "ACCESS_DENIED"
        | "LOGON_FAILURE"
        | "WRONG_PASSWORD"
        | "NO_SUCH_USER"
        | "MEDIA_WRITE_PROTECTED"
        | "NETWORK_ACCESS_DENIED"
        | "ACCOUNT_DISABLED"
        | "ACCOUNT_EXPIRED"
        | "ACCOUNT_LOCKED_OUT"
        | "ACCOUNT_RESTRICTION"
        | "PASSWORD_EXPIRED"
        | "PASSWORD_MUST_CHANGE"
        | "INVALID_LOGON_HOURS"
        | "INVALID_WORKSTATION"
        | "LOGON_TYPE_NOT_GRANTED"
        | "PRIVILEGE_NOT_HELD"
        | "NOT_SUPPORTED"
        | "DOWNGRADE_DETECTED"
        | "INVALID_NETWORK_RESPONSE"
        | "PROTOCOL_NOT_SUPPORTED"
        | "REVISION_MISMATCH" => Kind::Denied,
        "OBJECT_NAME_COLLISION" | "FILE_IS_A_DIRECTORY" | "NOT_A_DIRECTORY" => Kind::Exists,
        "OBJECT_NAME_INVALID" | "OBJECT_PATH_INVALID" | "OBJECT_PATH_SYNTAX_BAD" | "NAME_TOO_LONG" | "FILE_TOO_LARGE" => Kind::Refused,
        _ => Kind::Gone,
    })
}

/// One short line for people.
pub(super) fn sentence(text: &str) -> String {
    /// BOUND: A line of a message; what the server or smbclient says beyond that is not shown.
    const MAX_CHARS: usize = 200;
    let line = text.lines().find(|line| line.contains("NT_STATUS_")).or_else(|| text.lines().find(|line| !line.trim().is_empty()));
    line.unwrap_or("the connection ended").trim().chars().take(MAX_CHARS).collect()
}

/// Names of a listing. A line is `  NAME<blanks>ATTRIBUTES SIZE  DATE`, of which only the name's width is not fixed:
/// attributes 7 wide, a blank, the size at least 8, two blanks, the date 24 (`ctime`).
pub(super) fn names(answer: &str) -> Vec<String> {
    answer.lines().filter_map(name).filter(|name| name != "." && name != "..").collect()
}

fn name(line: &str) -> Option<String> {
    const DATE: usize = 24;
    const ATTRIBUTES: usize = 7;
    let rest = line.strip_prefix("  ")?;
    let before_date = rest.get(..rest.len().checked_sub(DATE)?)?.strip_suffix("  ")?;
    let before_size = before_date.trim_end_matches(|c: char| c.is_ascii_digit());
    if before_size.len() == before_date.len() {
        return None;
    }
    let before_size = before_size.trim_end_matches(' ');
    // The attributes end where the size's blanks begin; a plain file may have none.
    let attributes = before_size.rfind(' ').map_or("", |at| before_size.get(at + 1..).unwrap_or_default());
    let has_attributes = !attributes.is_empty() && attributes.len() <= ATTRIBUTES && attributes.bytes().all(|b| b.is_ascii_uppercase());
    let name = if has_attributes { before_size.get(..before_size.len() - attributes.len())? } else { before_size };
    Some(name.trim_end_matches(' ').to_owned())
}

/// Free bytes of the line that ends each listing: `N blocks of size SIZE. N blocks available`.
pub(super) fn free_bytes(answer: &str) -> Option<u64> {
    let line = answer.lines().rev().find(|line| line.ends_with(" blocks available"))?;
    let mut words = line.split_whitespace();
    let size: u64 = words.by_ref().skip_while(|word| *word != "size").nth(1)?.trim_end_matches('.').parse().ok()?;
    let free: u64 = words.next()?.parse().ok()?;
    free.checked_mul(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = concat!(
        "  .                                   D        0  Mon Nov 23 21:19:57 2026\n",
        "  ..                                  D        0  Mon Nov 23 21:19:57 2026\n",
        "  a b;!'%x -ü.txt                    A      137  Mon Nov 23 21:19:57 2026\n",
        "  NT_STATUS_DISK_FULL                DH      137  Mon Nov 23 21:19:57 2026\n",
        "  eine Datei mit einem recht langen Namen.pdf      N 12345678901  Mon Nov 23 21:19:57 2026\n",
        "\n",
        "\t\t264212084 blocks of size 1024. 38513340 blocks available\n",
    );

    #[test]
    fn a_listing_is_read_and_no_name_is_a_failure() {
        let expected = ["a b;!'%x -ü.txt", "NT_STATUS_DISK_FULL", "eine Datei mit einem recht langen Namen.pdf"];
        assert_eq!(names(LISTING), expected);
        assert_eq!(free_bytes(LISTING), Some(38513340 * 1024));
        assert_eq!(kind_if_any(LISTING), None);
    }

    #[test]
    fn status_codes_mean_something() {
        assert_eq!(kind("NT_STATUS_DISK_FULL writing remote file NT_STATUS_ACCESS_DENIED\n"), Kind::Full);
        assert_eq!(kind("session setup failed: NT_STATUS_LOGON_FAILURE\n"), Kind::Denied);
        assert_eq!(kind("NT_STATUS_NO_SUCH_FILE listing \\x"), Kind::Absent);
        assert_eq!(kind("NT_STATUS_CONNECTION_DISCONNECTED"), Kind::Gone);
        assert_eq!(kind("something else"), Kind::Gone);
        assert_eq!(sentence("\n\n"), "the connection ended");
    }
}
