//! Text: whether it is any, and which kind. Content first; the claimed extension only where it must decide.

use super::{markup, script};
use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};
use model::Format;

// BOUND: classification looks at this many characters; structure shows at the start.
const MAX_CHARACTERS: usize = 256 * 1024;

/// The start of a text as Unicode, when head and tail look like text at all.
pub(crate) fn decode(head: &[u8], tail: &[u8]) -> Option<String> {
    let text = match head {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8_prefix(rest)?.to_owned(),
        [0xFF, 0xFE, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes)?,
        [0, 0, 0xFE, 0xFF, rest @ ..] => utf32(rest, u32::from_be_bytes)?,
        [0xFF, 0xFE, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0.into_owned(),
        [0xFE, 0xFF, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0.into_owned(),
        _ if wide(head, 1) => UTF_16LE.decode_without_bom_handling(head).0.into_owned(),
        _ if wide(head, 0) => UTF_16BE.decode_without_bom_handling(head).0.into_owned(),
        // A text has no NUL, not at its end either.
        _ if head.contains(&0) || tail.contains(&0) => return None,
        _ => match utf8_prefix(head) {
            Some(text) => text.to_owned(),
            None => western(head)?,
        },
    };
    let text: String = text.chars().take(MAX_CHARACTERS).collect();
    printable(&text).then_some(text)
}

/// UTF-8, a character cut off at the end of the sample forgiven.
fn utf8_prefix(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() && bytes.len() >= 1 << 19 => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok(),
        Err(_) => None,
    }
}

/// UTF-32; `None` where it holds what is no character.
fn utf32(bytes: &[u8], order: fn([u8; 4]) -> u32) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<4>();
    if rest.is_empty() { units.iter().map(|unit| char::from_u32(order(*unit))).collect() } else { None }
}

/// Whether a reader that tries UTF-7 (RFC 2152) would see markup in what is ASCII to everybody else: a shifted run of plain
/// characters with a `<` among them. Runs of Base64 that are something else do not decode to plain characters.
pub(super) fn hides_markup(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'+').skip(1).any(|run| {
        let (mut bits, mut count, mut markup) = (0u32, 0, false);
        for value in run.iter().map_while(|byte| base64(*byte)) {
            bits = bits << 6 | u32::from(value);
            count += 6;
            if count >= 16 {
                count -= 16;
                match bits >> count & 0xFFFF {
                    0x3C => markup = true,
                    0x09..=0x7E => {}
                    _ => return false,
                }
            }
        }
        markup
    })
}

fn base64(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// UTF-16 without a mark: NUL in every other byte of nearly all pairs, and no NUL in the others.
fn wide(head: &[u8], nul_at: usize) -> bool {
    let sample = head.get(..head.len().min(2048)).unwrap_or_default();
    if sample.len() < 8 || !head.len().is_multiple_of(2) {
        return false;
    }
    let pairs = sample.chunks_exact(2);
    let count = pairs.len();
    let high = pairs.clone().filter(|pair| pair.get(nul_at) == Some(&0)).count();
    let low = pairs.filter(|pair| pair.get(1 - nul_at) == Some(&0)).count();
    high * 10 >= count * 8 && low == 0
}

/// Windows-1252, when most of it is plain ASCII and hardly any byte means nothing there.
fn western(bytes: &[u8]) -> Option<String> {
    let plain = bytes.iter().filter(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7E)).count();
    let unassigned = bytes.iter().filter(|byte| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D)).count();
    (plain * 10 >= bytes.len() * 7 && unassigned * 200 <= bytes.len())
        .then(|| WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned())
}

/// At most two per cent controls; those of terminals and printers do not count.
fn printable(text: &str) -> bool {
    let odd = |c: &char| {
        c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{8}' | '\u{c}' | '\u{7}' | '\u{1b}' | '\u{1a}' | '\u{85}')
            || *c == '\u{FFFD}'
    };
    let (all, controls) = text.chars().fold((0usize, 0usize), |(all, odds), c| (all + 1, odds + usize::from(odd(&c))));
    all > 0 && controls * 50 <= all
}

/// Which kind of text.
pub(crate) fn classify(text: &str, extension: &str) -> Format {
    let body = text.trim_start_matches('\u{feff}').trim_start();
    let lower: String = body.chars().take(16 * 1024).collect::<String>().to_lowercase();
    sealed(body, extension)
        .or_else(|| shortcut(&lower, extension))
        .or_else(|| markup::classify(body, &lower, extension))
        .or_else(|| script::classify(body, &lower, extension))
        .or_else(|| fetching_sheet(body, &lower, extension))
        .or_else(|| mail(&lower, extension))
        .or_else(|| drawing(body, extension))
        .or_else(|| plain(body, extension))
        .unwrap_or(Format::Txt)
}

/// Formats without text and without signature, known by extension and a first look. DER: keys, certificates, S/MIME.
pub(crate) fn binary_by_extension(head: &[u8], extension: &str) -> Format {
    let der = head.first() == Some(&0x30) && matches!(head.get(1), Some(0x80..=0x84));
    match extension {
        "p7m" | "p7s" | "p7e" if der => Format::EncryptedContainer,
        "cer" | "crt" | "der" | "p12" | "pfx" | "p7b" | "p7c" | "key" | "csr" | "crl" if der => Format::KeyMaterial,
        "gpg" | "pgp" if head.first().is_some_and(|byte| byte & 0x80 != 0) => Format::EncryptedContainer,
        "dbf" if matches!(head.first(), Some(0x03 | 0x30 | 0x83 | 0x8B | 0xF5)) => Format::Database,
        "mp3" if magic_mp3(head) => Format::Audio,
        _ => Format::Unknown,
    }
}

fn magic_mp3(head: &[u8]) -> bool {
    matches!(head, [0xFF, second, ..] if second & 0xE0 == 0xE0)
}

/// Keys and sealed messages in armour.
fn sealed(body: &str, extension: &str) -> Option<Format> {
    let armour = |what: &str| body.lines().take(200).any(|line| line.starts_with("-----BEGIN ") && line.contains(what));
    if armour("PGP MESSAGE") || armour("AGE ENCRYPTED FILE") || armour("PKCS7") || armour("CMS-----") {
        return Some(Format::EncryptedContainer);
    }
    let keys =
        armour("PRIVATE KEY") || armour("KEY BLOCK") || body.starts_with("PuTTY-User-Key-File") || body.starts_with("AGE-SECRET-KEY-1");
    let certificates =
        body.starts_with("-----BEGIN ") && (armour("CERTIFICATE") || armour("PUBLIC KEY") || armour("CRL") || armour("PARAMETERS"));
    let public =
        matches!(extension, "pub" | "") && ["ssh-rsa AAAA", "ssh-ed25519 AAAA", "ecdsa-sha2-"].iter().any(|start| body.starts_with(start));
    (keys || certificates || public).then_some(Format::KeyMaterial)
}

/// Files of sections and keys that Windows or a desktop acts upon.
fn shortcut(lower: &str, extension: &str) -> Option<Format> {
    if lower.starts_with("regedit4") || lower.starts_with("windows registry editor") {
        return Some(Format::Reg);
    }
    let section = |name: &str| lower.lines().take(400).any(|line| line.trim() == name);
    let first = lower.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(';') && !line.starts_with('#'));
    let first = first.unwrap_or_default();
    if section("[autorun]") && (extension == "inf" || first == "[autorun]") || section("[.shellclassinfo]") || extension == "htt" {
        return Some(Format::Autostart);
    }
    if section("[internetshortcut]") && (first.starts_with('[') || extension == "url")
        || first == "[desktop entry]"
        || matches!(extension, "url" | "desktop" | "scf" | "rdp")
    {
        return Some(Format::Shortcut);
    }
    if first == "[shell]" && (lower.contains("iconfile") || lower.contains("command=")) || lower.starts_with("full address:s:") {
        return Some(Format::Shortcut);
    }
    let inf = section("[version]") && lower.contains("signature") || section("[defaultinstall]");
    (inf && (extension == "inf" || first.starts_with('['))).then_some(Format::Inf)
}

/// Sheets that fetch or run: web queries, data base queries, SYLK, DIF.
fn fetching_sheet(body: &str, lower: &str, extension: &str) -> Option<Format> {
    let mut lines = lower.lines().map(str::trim);
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let query = first == "web" && second == "1" || first == "xlodbc";
    let sylk = body.starts_with("ID;P");
    let dif = first == "table" && second.starts_with("0,1");
    (query || sylk || dif || matches!(extension, "iqy" | "oqy" | "dqy" | "rqy" | "slk" | "dif")).then_some(Format::SheetQuery)
}

/// RFC 5322 headers; a web archive is a mail with related parts.
fn mail(lower: &str, extension: &str) -> Option<Format> {
    const KNOWN: [&str; 14] = [
        "from",
        "to",
        "subject",
        "date",
        "received",
        "message-id",
        "mime-version",
        "return-path",
        "delivered-to",
        "content-type",
        "reply-to",
        "cc",
        "sender",
        "x-mailer",
    ];
    let claims_mail = matches!(extension, "eml" | "mht" | "mhtml" | "nws");
    let unix_from = lower.starts_with("from ");
    let mut known = Vec::new();
    for line in lower.lines().skip(usize::from(unix_from)).take(400) {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((name, _)) = line.split_once(':').filter(|_| !line.starts_with(':')) else {
            // A broken header does not make a mail less of one; other texts end here.
            if claims_mail {
                continue;
            }
            return None;
        };
        let name = name.trim_end();
        if !claims_mail && !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return None;
        }
        known.extend(KNOWN.iter().filter(|known| **known == name));
    }
    let has = |name: &str| known.contains(&&name);
    let enough = if claims_mail { 1 } else { 3 };
    let posted = has("from") && (has("mime-version") || has("received") || has("message-id") || has("date"))
        || has("mime-version") && has("content-type");
    if known.len() < enough || !posted {
        return None;
    }
    let archive = lower.contains("multipart/related")
        && (matches!(extension, "mht" | "mhtml")
            || lower.contains("snapshot-content-location:")
            || lower.contains("\nfrom: <saved by")
            || lower.starts_with("from: <saved by"));
    Some(if archive { Format::Mht } else { Format::Eml })
}

/// Drawings of engineers that are text.
fn drawing(body: &str, extension: &str) -> Option<Format> {
    let mut lines = body.lines().map(str::trim);
    let dxf = lines.next() == Some("0") && lines.next() == Some("SECTION");
    (dxf || body.starts_with("ISO-10303-21;") || matches!(extension, "dxf" | "step" | "stp" | "igs" | "iges")).then_some(Format::Cad)
}

fn plain(body: &str, extension: &str) -> Option<Format> {
    match extension {
        "csv" | "tsv" | "tab" => Some(Format::Csv),
        "json" | "geojson" | "jsonl" | "ndjson" => Some(Format::Json),
        _ => looks_like_json(body).then_some(Format::Json),
    }
}

/// Whether the start is made of JSON's tokens, nested as JSON nests (RFC 8259), in one value.
fn looks_like_json(body: &str) -> bool {
    if !body.starts_with(['{', '[']) {
        return false;
    }
    let mut depth = 0i32;
    let mut closed = false;
    let mut rest = body.get(..body.len().min(16 * 1024)).map_or_else(|| body.chars().take(4096).collect::<String>(), str::to_owned);
    let cut = rest.len() < body.len();
    let mut tokens = 0;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            _ if closed && !first.is_whitespace() => return false,
            '{' | '[' => {
                depth += 1;
                1
            }
            '}' | ']' => {
                depth -= 1;
                closed = depth == 0;
                1
            }
            '"' => match string_length(&rest) {
                Some(length) => length,
                None => return cut && tokens > 0,
            },
            ',' | ':' => 1,
            c if c.is_whitespace() => c.len_utf8(),
            _ => {
                let word = rest.find([',', ']', '}', ':', '\n', ' ', '\r', '\t']).unwrap_or(rest.len());
                let text = rest.get(..word).unwrap_or_default();
                if !matches!(text, "true" | "false" | "null") && text.parse::<f64>().is_err() && !(cut && word == rest.len()) {
                    return false;
                }
                word
            }
        };
        tokens += 1;
        rest.drain(..taken.max(1).min(rest.len()));
        // BOUND: each token shortens a short text; a few thousand say enough.
        if tokens > 4000 {
            return true;
        }
    }
    closed && tokens > 1 || cut
}

fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            '\n' => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, extension: &str) -> Format {
        classify(&decode(text.as_bytes(), text.as_bytes()).unwrap(), extension)
    }

    #[test]
    fn encodings() {
        let wide: Vec<u8> = "Guten Tag, Welt\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&wide, &[]).unwrap(), "Guten Tag, Welt\r\n");
        let marked = [&b"\xFE\xFF"[..], &"Tag".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()].concat();
        assert_eq!(decode(&marked, &[]).unwrap(), "Tag");
        assert_eq!(decode(b"\xEF\xBB\xBFTag", &[]).unwrap(), "Tag");
        assert_eq!(decode(b"Gr\xFC\xDFe aus K\xF6ln am Rhein", &[]).unwrap(), "Grüße aus Köln am Rhein");
        assert_eq!(decode(b"some\0thing", &[]), None);
        assert_eq!(decode(b"text", b"te\0xt"), None);
        assert_eq!(decode(&[0x81, 0x90, 0xFE, 0xC0, 0xC1, 0x9D], &[]), None);
    }

    #[test]
    fn utf32_is_text_when_it_says_so_and_holds_characters_only() {
        let bytes = |order: fn(u32) -> [u8; 4]| "\u{FEFF}Grüße\n".chars().flat_map(|c| order(c as u32)).collect::<Vec<u8>>();
        assert_eq!(decode(&bytes(u32::to_le_bytes), &[]).unwrap(), "Grüße\n");
        assert_eq!(decode(&bytes(u32::to_be_bytes), &[]).unwrap(), "Grüße\n");
        assert_eq!(decode(&bytes(u32::to_be_bytes)[4..], &[]), None);
        assert_eq!(decode(b"\xFF\xFE\0\0a\0\0\0\0\0\0\xD8", &[]), None);
        assert_eq!(decode(b"\xFF\xFE\0\0a\0\0", &[]), None);
    }

    #[test]
    fn markup_in_utf7_is_seen_and_base64_is_not() {
        for text in ["+ADw-script+AD4-", "x+ACIAPABz-"] {
            assert!(hides_markup(text.as_bytes()), "{text}");
        }
        for text in ["a +AHg8-b", "1+1=2, a<b+c", "C++ und +49 30 1234", "dGVzdCB+ADwxyzAbCdEfGhIjKl/0==", "+AOQ-pfel", "+", ""] {
            assert!(!hides_markup(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn sections_that_act() {
        for (text, extension, format) in [
            ("[autorun]\r\nopen=evil.exe\r\n", "inf", Format::Autostart),
            ("[AutoRun]\nicon=x", "txt", Format::Autostart),
            ("[.ShellClassInfo]\nIconResource=x", "ini", Format::Autostart),
            ("[InternetShortcut]\nURL=http://x", "", Format::Shortcut),
            ("[Desktop Entry]\nExec=sh", "", Format::Shortcut),
            ("[Shell]\nCommand=2\nIconFile=\\\\x\\y", "", Format::Shortcut),
            ("[Version]\nSignature=\"$Chicago$\"\n[DefaultInstall]", "inf", Format::Inf),
            ("REGEDIT4\n\n[HKEY_CURRENT_USER]", "txt", Format::Reg),
            ("Windows Registry Editor Version 5.00\n", "", Format::Reg),
            ("[server]\nport=1\n[client]\nport=2\n", "ini", Format::Txt),
        ] {
            assert_eq!(of(text, extension), format, "{text}");
        }
    }

    #[test]
    fn sheets_keys_and_drawings() {
        for (text, format) in [
            ("ID;PWXL;N;E\nP;PGeneral\n", Format::SheetQuery),
            ("WEB\n1\nhttp://x/y\n", Format::SheetQuery),
            ("TABLE\n0,1\n\"EXCEL\"\n", Format::SheetQuery),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII", Format::KeyMaterial),
            ("-----BEGIN CERTIFICATE-----\nMII", Format::KeyMaterial),
            ("-----BEGIN PGP MESSAGE-----\n\nhQ", Format::EncryptedContainer),
            ("  0\nSECTION\n  2\nHEADER\n", Format::Cad),
            ("ISO-10303-21;\nHEADER;\n", Format::Cad),
        ] {
            assert_eq!(of(text, ""), format, "{text}");
        }
    }

    #[test]
    fn mails_are_told_from_prose() {
        let mail = "Received: from x by y\nFrom: a@b\nTo: c@d\nSubject: hi\nMIME-Version: 1.0\n\nbody";
        assert_eq!(of(mail, ""), Format::Eml);
        assert_eq!(of("Subject: plan\nNote: this is a list\n", "txt"), Format::Txt);
        let web = "From: <Saved by Blink>\nSnapshot-Content-Location: http://x\nSubject: x\nDate: y\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n";
        assert_eq!(of(web, "mhtml"), Format::Mht);
    }

    #[test]
    fn json_csv_and_the_rest() {
        assert_eq!(of("{\"a\": [1, true, null, \"x\"]}\n", "txt"), Format::Json);
        assert_eq!(of("[1, 2, 3]", ""), Format::Json);
        assert_eq!(of("[1] a footnote, and [2]", ""), Format::Txt);
        assert_eq!(of("{not json}", ""), Format::Txt);
        assert_eq!(of("a;b\n1;2\n", "csv"), Format::Csv);
        assert_eq!(of("a,b\n1,2\n", "txt"), Format::Txt);
        assert_eq!(of("fn main() { println!(\"hi\"); }\n", "rs"), Format::Txt);
        assert_eq!(of("# Heading\n\nSome *text*.\n", "md"), Format::Txt);
    }
}
