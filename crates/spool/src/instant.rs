//! Points in time as records carry them: RFC 3339, UTC, whole seconds.

use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const FORM: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970 as text; `None` outside of the years 0 to 9999.
pub fn rfc3339(unix_ms: i64) -> Option<String> {
    let time = time::OffsetDateTime::from_unix_timestamp(unix_ms.div_euclid(1_000)).ok()?;
    (0..=9_999).contains(&time.year()).then(|| time.format(&FORM).ok()).flatten()
}

/// Milliseconds since 1970 of a text in exactly the form that [`rfc3339`] writes.
pub fn parse(text: &str) -> Option<i64> {
    let time = PrimitiveDateTime::parse(text, &FORM).ok()?.assume_utc();
    time.unix_timestamp().checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_number_are_the_same_instant() {
        assert_eq!(rfc3339(1_767_225_599_999).unwrap(), "2025-12-31T23:59:59Z");
        assert_eq!(parse("2025-12-31T23:59:59Z"), Some(1_767_225_599_000));
        assert_eq!(parse("2025-12-31 23:59:59"), None);
        assert_eq!(parse("2025-02-30T00:00:00Z"), None);
    }
}
