//! Active content that is only counted: the renderer removes it by turning pages into pixels.

pub mod pdf;

use model::{ActiveContent, Format};

/// Scripts and links of markup, counted by their tags; nothing is parsed.
pub(crate) fn markup(bytes: &[u8], format: Format) -> Vec<(ActiveContent, u32)> {
    if !matches!(format, Format::Html | Format::Svg | Format::Mht | Format::Eml | Format::Epub) {
        return Vec::new();
    }
    let lower = bytes.to_ascii_lowercase();
    let count = |sign: &[u8]| lower.windows(sign.len()).filter(|window| *window == sign).count() as u32;
    let kinds = [
        (ActiveContent::Script, count(b"<script") + count(b"javascript:")),
        (ActiveContent::EventListener, count(b" onload=") + count(b" onerror=") + count(b" onclick=") + count(b" onmouseover=")),
        (ActiveContent::RemoteImage, count(b"src=\"http") + count(b"src='http")),
        (ActiveContent::Hyperlink, count(b"href=\"http") + count(b"href='http")),
    ];
    kinds.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_counted() {
        let html = b"<html><SCRIPT>x</SCRIPT><img src=\"http://x\" onerror=y><a href='http://z'>z</a>";
        let counts = markup(html, Format::Html);
        assert_eq!(
            counts,
            [(ActiveContent::Script, 1), (ActiveContent::EventListener, 1), (ActiveContent::RemoteImage, 1), (ActiveContent::Hyperlink, 1)]
        );
        assert!(markup(html, Format::Txt).is_empty());
    }
}
