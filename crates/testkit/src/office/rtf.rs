//! Rich Text Format 1.9.

/// An RTF document; a paragraph that begins with `# ` is a heading, one that is a form feed a page break.
pub fn rtf<T: AsRef<str>>(paragraphs: &[T]) -> Vec<u8> {
    let mut out = String::from("{\\rtf1\\ansi\\ansicpg1252\\deff0\\deflang1031{\\fonttbl{\\f0\\fswiss Liberation Sans;}}\\fs22\r\n");
    for paragraph in paragraphs {
        match paragraph.as_ref() {
            "\u{C}" => out.push_str("\\page\r\n"),
            text => match text.strip_prefix("# ") {
                Some(heading) => {
                    out.push_str(&format!("{{\\b\\fs34 {}}}\\par\r\n", escape(heading)));
                }
                None => out.push_str(&format!("{}\\par\r\n", escape(text))),
            },
        }
    }
    out.push('}');
    out.into_bytes()
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '{' | '}' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{}?", *unit as i16));
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn umlauts_and_braces_are_escaped() {
        let text = String::from_utf8(super::rtf(&["Größe {x}"])).unwrap();
        assert!(text.contains("Gr\\u246?\\u223?e \\{x\\}"), "{text}");
    }
}
