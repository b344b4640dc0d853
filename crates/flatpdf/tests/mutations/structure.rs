//! Mutations of whole documents: dictionaries, framing, the cross-reference table.

use flatpdf::verify::Kind;

use crate::fixtures::{Doc, Obj, PAGE, V, plain, raw, verdict};

type Entries = Vec<(String, V)>;

/// Mutants with what was done to them. Those equal to their original are no mutants.
pub struct Mutants {
    seen: std::collections::HashSet<Vec<u8>>,
    pub accepted: Vec<String>,
    pub codes: std::collections::BTreeMap<&'static str, usize>,
}

impl Mutants {
    pub fn new(originals: &[&Doc]) -> Self {
        let seen = originals.iter().map(|doc| doc.bytes()).collect();
        Self { seen, accepted: Vec::new(), codes: std::collections::BTreeMap::new() }
    }

    pub fn add(&mut self, what: impl Into<String>, bytes: Vec<u8>, kind: Kind) {
        match verdict(&bytes, kind) {
            _ if self.seen.contains(&bytes) => return,
            Ok(_) => self.accepted.push(what.into()),
            Err(code) => *self.codes.entry(code.as_str()).or_default() += 1,
        }
        self.seen.insert(bytes);
    }

    pub fn doc(&mut self, what: impl Into<String>, doc: &Doc) {
        self.add(what, doc.bytes(), doc.kind);
    }

    pub fn count(&self) -> usize {
        self.codes.values().sum()
    }
}

pub const FOREIGN_KEYS: [&str; 52] = [
    "OpenAction",
    "AA",
    "A",
    "JS",
    "JavaScript",
    "S",
    "URI",
    "Annots",
    "Metadata",
    "AcroForm",
    "XFA",
    "EmbeddedFile",
    "EmbeddedFiles",
    "EF",
    "AF",
    "FontFile",
    "FontFile2",
    "FontFile3",
    "Names",
    "Dests",
    "Outlines",
    "Perms",
    "SMask",
    "Mask",
    "Alternates",
    "OPI",
    "OC",
    "F",
    "FFilter",
    "FDecodeParms",
    "DL",
    "Group",
    "B",
    "Rotate",
    "UserUnit",
    "CropBox",
    "PieceInfo",
    "StructTreeRoot",
    "OCProperties",
    "Collection",
    "Encrypt",
    "Info",
    "Prev",
    "XRefStm",
    "Version",
    "Extensions",
    "Interpolate",
    "Decode",
    "ExtGState",
    "Pattern",
    "CharSet",
    "Thumb",
];

pub const FOREIGN_VALUES: [&str; 3] = ["1 0 R", "<< /S /JavaScript /JS (app.alert\\(1\\)) >>", "true"];

/// Values of every type. Which of them a key may have by its type is told by [`is_free`].
pub const OTHER_VALUES: [&str; 15] =
    ["null", "true", "(x)", "<00>", "/Foo", "[]", "<<>>", "1 0 R", "2 0 R", "999 0 R", "0 0 R", "5 1 R", "-1", "0.5", "99999999999"];

/// Keys whose numbers are checked for type only.
pub fn is_free(key: &str, value: &str) -> bool {
    let number = value.parse::<f64>().is_ok_and(|number| number < 1e10);
    match key {
        "BlackIs1" => value == "true",
        "Lang" => value == "(x)",
        "ItalicAngle" | "Ascent" | "Descent" | "CapHeight" | "StemV" | "FontBBox[]" => number,
        "Widths[]" | "MediaBox[]" => number && value != "-1",
        _ => false,
    }
}

/// The key a path ends in, with `[]` for a member of an array under it.
pub fn key_of(value: &V, path: &[usize]) -> String {
    let (mut value, mut key) = (value, String::new());
    for at in path {
        match value {
            V::Dict(entries) => {
                key = entries[*at].0.clone();
                value = &entries[*at].1;
            }
            V::Arr(items) => {
                key += "[]";
                value = &items[*at];
            }
            V::Raw(_) | V::Ref(_) => unreachable!("a path leads through containers"),
        }
    }
    key
}

/// Every dictionary of a document, with the trailer as the last one.
pub fn roots(doc: &Doc) -> Vec<V> {
    doc.objects.iter().map(|object| object.dict.clone()).chain([doc.trailer.clone()]).collect()
}

pub fn with_root(doc: &Doc, index: usize, root: V) -> Doc {
    let mut copy = doc.clone();
    match copy.objects.get_mut(index) {
        Some(object) => object.dict = root,
        None => copy.trailer = root,
    }
    copy
}

pub fn mutate_dictionaries(doc: &Doc, mutants: &mut Mutants) {
    for (index, root) in roots(doc).iter().enumerate() {
        for path in root.paths() {
            let place = format!("object {} at {path:?} ({})", index + 1, key_of(root, &path));
            let mut change = |what: String, edit: &dyn Fn(&mut V)| {
                let mut root = root.clone();
                edit(root.at(&path));
                mutants.doc(format!("{place}: {what}"), &with_root(doc, index, root));
            };
            match root.clone().at(&path) {
                V::Dict(entries) => {
                    for key in FOREIGN_KEYS {
                        for value in FOREIGN_VALUES {
                            change(format!("insert /{key} {value}"), &|dict| {
                                let V::Dict(entries) = dict else { unreachable!() };
                                entries.push((key.to_owned(), raw(value)));
                            });
                        }
                    }
                    for at in 0..entries.len() {
                        let edit = |what: &str, edit: &dyn Fn(&mut Entries)| {
                            (what.to_owned(), {
                                let mut copy = entries.clone();
                                edit(&mut copy);
                                V::Dict(copy)
                            })
                        };
                        let key = entries[at].0.clone();
                        let optional = key == "Lang";
                        let escaped = format!("#{:02X}{}", key.as_bytes()[0], &key[1..]);
                        let edits = [
                            edit("delete", &|entries| {
                                if !optional {
                                    entries.remove(at);
                                }
                            }),
                            edit("duplicate", &|entries| entries.push(entries[at].clone())),
                            edit("duplicate with other value", &|entries| {
                                entries.push((entries[at].0.clone(), raw(0)));
                            }),
                            edit("rename", &|entries| entries[at].0.push('x')),
                            edit("lower case", &|entries| {
                                entries[at].0 = entries[at].0.to_lowercase();
                            }),
                            edit("escape", &|entries| entries[at].0.clone_from(&escaped)),
                            edit("empty name", &|entries| entries[at].0.clear()),
                        ];
                        for (what, replacement) in edits {
                            change(format!("{what} /{key}"), &|dict| {
                                *dict = replacement.clone();
                            });
                        }
                    }
                }
                V::Arr(items) => {
                    let items = items.clone();
                    change("one more".into(), &|array| {
                        *array = V::Arr([items.clone(), vec![raw(7)]].concat());
                    });
                    change("first twice".into(), &|array| {
                        *array = V::Arr([items[..1].to_vec(), items.clone()].concat());
                    });
                    change("one fewer".into(), &|array| {
                        *array = V::Arr(items[1..].to_vec());
                    });
                    change("nested".into(), &|array| {
                        *array = V::Arr(vec![V::Arr(items.clone())]);
                    });
                }
                V::Ref(number) => {
                    for other in (0..=doc.objects.len() + 2).filter(|other| other != number) {
                        change(format!("point at {other}"), &|reference| {
                            *reference = V::Ref(other);
                        });
                    }
                }
                V::Raw(text) if text.starts_with('/') => {
                    let escaped = format!("/#{:02X}{}", text.as_bytes()[1], &text[2..]);
                    change("escape".into(), &|name| *name = raw(&escaped));
                    change("longer".into(), &|name| {
                        *name = raw(format!("{}x", text.clone()));
                    });
                }
                V::Raw(_) => {}
            }
            if !path.is_empty() {
                let key = key_of(root, &path);
                for value in OTHER_VALUES.iter().filter(|value| !is_free(&key, value)) {
                    change(format!("becomes {value}"), &|slot| *slot = raw(value));
                }
                change("wrapped in an array".into(), &|slot| {
                    *slot = V::Arr(vec![slot.clone()]);
                });
                change("wrapped in a dictionary".into(), &|slot| {
                    *slot = V::Dict(vec![("X".into(), slot.clone())]);
                });
            }
        }
    }
}

pub fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("the pattern occurs");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

pub fn mutate_file(doc: &Doc, mutants: &mut Mutants) {
    let (bytes, kind) = (doc.bytes(), doc.kind);
    let xref = bytes.windows(6).position(|window| window == b"\nxref\n").unwrap() + 1;
    let mut edit = |what: &str, from: &[u8], to: &[u8]| mutants.add(what, replaced(&bytes, from, to), kind);
    for version in ["1.3", "1.8", "1.9", "2.0", "1.10", "1.", "0.7", "1.7 ", "1.7\r"] {
        edit("version", b"PDF-1.7", format!("PDF-{version}").as_bytes());
    }
    edit("text mark", b"\xBB\xAD\xC0\xDE", b"abcd");
    edit("no mark", b"%\xBB\xAD\xC0\xDE\n", b"");
    edit("long mark", b"\xBB\xAD\xC0\xDE", b"\xBB\xAD\xC0\xDE\xDE");
    edit("second comment", b"1 0 obj", b"%x\n1 0 obj");
    edit("generation", b"2 0 obj", b"2 1 obj");
    edit("number", b"2 0 obj", b"3 0 obj");
    edit("number", b"2 0 obj", b"02 0 obj");
    edit("frame", b"1 0 obj\n", b"1 0 obj ");
    edit("frame", b"1 0 obj\n", b"1 0 obj\r\n");
    edit("frame", b"1 0 obj\n", b"1  0 obj\n");
    edit("frame", b"\nendobj\n", b"\nendobj\n\n");
    edit("frame", b"\nendobj\n", b"\nendobj \n");
    edit("frame", b"\nendobj\n", b"endobj\n");
    edit("frame", b"\nendobj\n", b"\n");
    edit("gap", b"\nendobj\n2", b"\nendobj\nhidden\n2");
    edit("comment", b"<<\n", b"<< %hidden\n");
    edit("comment", b"\nendobj\n", b"%hidden\nendobj\n");
    edit("white space", b"<<\n", b"<<\n\n");
    edit("white space", b"<<\n", b"<<\t");
    edit("white space", b"<<\n", b"<<\0");
    edit("dictionary", b"<<\n", b"<< <<\n");
    edit("stream", b"stream\n", b"stream\r\n");
    edit("stream", b"stream\n", b"stream");
    edit("stream", b"\nendstream", b"\n\nendstream");
    edit("stream", b"\nendstream", b"\nendstreamx");
    edit("stream", b"\nendstream", b"\nhidden\nendstream");
    edit("stream", b"\nendstream ", b"\nendstream  ");
    edit("stream", b"\nendstream", b"endstream");
    for (name, head) in [
        ("object stream", "/Type /ObjStm /N 1 /First 4 "),
        ("xref stream", "/Type /XRef /W [1 2 1] /Size 3 /Root 1 0 R "),
        ("form", "/Type /XObject /Subtype /Form /BBox [0 0 1 1] "),
        ("embedded file", "/Type /EmbeddedFile "),
        ("metadata", "/Type /Metadata /Subtype /XML "),
        ("plain stream", ""),
    ] {
        let stream = Obj { dict: raw(format!("<< {head}/Length 4 >>")), stream: Some(b"1 0 ".to_vec()) };
        let mut copy = doc.clone();
        copy.objects.push(stream);
        copy.trailer.set("Size", raw(copy.objects.len() + 1));
        mutants.doc(name, &copy);
    }
    for unused in ["<< >>", "<< /Type /Catalog /Pages 2 0 R >>", "<< /S /JavaScript /JS (x) >>", "[]", "null", "42", "(x)", "1 0 R"] {
        let mut copy = doc.clone();
        copy.objects.push(plain(raw(unused)));
        copy.trailer.set("Size", raw(copy.objects.len() + 1));
        mutants.doc(format!("unused object {unused}"), &copy);
    }
    for object in &doc.objects {
        let mut copy = doc.clone();
        copy.objects.push(object.clone());
        copy.trailer.set("Size", raw(copy.objects.len() + 1));
        mutants.doc("copied object", &copy);
    }
    let body_free = format!("0 {}\n", doc.objects.len() + 1);
    let mut edit = |what: &str, from: &str, to: &str| {
        let tail = replaced(&bytes[xref..], from.as_bytes(), to.as_bytes());
        mutants.add(what, [&bytes[..xref], &tail].concat(), kind);
    };
    edit("xref", "xref\n", "xref\r\n");
    edit("xref", "xref\n", "xref \n");
    edit("xref", "xref\n", "\nxref\n");
    edit("xref count", &body_free, &format!("0 {}\n", doc.objects.len()));
    edit("xref count", &body_free, &format!("0 {}\n", doc.objects.len() + 2));
    edit("xref start", &body_free, &format!("1 {}\n", doc.objects.len() + 1));
    edit("xref sections", &body_free, &format!("0 1\n0000000000 65535 f \n1 {}\n", doc.objects.len()));
    edit("free entry", "65535 f", "00000 f");
    edit("free entry", "65535 f", "65535 n");
    edit("free entry", "0000000000 65535", "0000000001 65535");
    edit("entry", "00000 n \n", "00001 n \n");
    edit("entry", "00000 n \n", "00000 f \n");
    edit("entry", "00000 n \n", "00000 n\r\n");
    edit("entry", "00000 n \n", "00000 n\n");
    edit("trailer", "trailer\n", "trailer ");
    edit("trailer", "trailer\n", "trailer\n\n");
    edit("trailer", "trailer\n", "hidden\ntrailer\n");
    edit("startxref", "startxref\n", "startxref ");
    edit("startxref", "startxref\n", "startxref\n0");
    edit("startxref", &format!("startxref\n{xref}"), "startxref\n0");
    edit("startxref", &format!("startxref\n{xref}"), &format!("startxref\n{}", xref - 1));
    edit("startxref", &format!("startxref\n{xref}"), &format!("startxref\n{}", xref + 1));
    edit("end", "%%EOF", "%%EOF\n");
    edit("end", "%%EOF", "%%EOF \n");
    edit("end", "%%EOF", "%%EOF\0");
    edit("end", "%%EOF", "%%EOFPK\x05\x06");
    edit("end", "%%EOF", "%%EOF\n%%EOF");
    edit("end", "%%EOF", "%EOF");
    edit("end", "%%EOF", "");
    edit("end", "%%EOF", "%hidden\n%%EOF");
    mutate_entries(doc, &bytes, xref, mutants);
    let update = format!(
        "\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R /OpenAction 3 0 R >>\nendobj\nxref\n1 1\n{:010} 00000 n \n\
                          trailer\n<< /Size 9 /Root 1 0 R /Prev {xref} >>\nstartxref\n{}\n%%EOF",
        bytes.len() + 1,
        bytes.len() + 80
    );
    mutants.add("incremental update", [bytes.as_slice(), update.as_bytes()].concat(), kind);
    mutants.add("twice", [bytes.as_slice(), &bytes].concat(), kind);
    for prefix in ["\n", " ", "PK\x03\x04", "GIF89a", "\u{FEFF}", "%!PS\n"] {
        mutants.add("prefix", [prefix.as_bytes(), &bytes].concat(), kind);
    }
    for cut in (0..bytes.len()).step_by(53) {
        mutants.add(format!("cut to {cut}"), bytes[..cut].to_vec(), kind);
    }
    for depth in [3, 10, 100_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        mutants.doc("deep array", &doc.with_key(PAGE, "MediaBox", raw(nested)));
        mutants.doc("deep dictionary", &doc.with_key(PAGE, "Resources", raw("<< /XObject ".repeat(depth) + &" >>".repeat(depth))));
    }
}

/// Cross-reference entries, stream lengths and streams, object by object.
pub fn mutate_entries(doc: &Doc, bytes: &[u8], xref: usize, mutants: &mut Mutants) {
    let in_table = |from: &str, to: &str| [&bytes[..xref], &replaced(&bytes[xref..], from.as_bytes(), to.as_bytes())].concat();
    for (index, object) in doc.objects.iter().enumerate() {
        let offset = offset_of(bytes, index + 1);
        let entry = format!("{offset:010} 00000 n");
        for shift in [-1_i64, 1, 10, 1000] {
            let shifted = in_table(&entry, &format!("{:010} 00000 n", offset as i64 + shift));
            mutants.add(format!("xref of {} by {shift}", index + 1), shifted, doc.kind);
        }
        mutants.add("entry gone", in_table(&format!("{entry} \n"), ""), doc.kind);
        let Some(stream) = &object.stream else {
            mutants.doc("stream added", &doc.with_stream(index + 1, b"hidden".to_vec()));
            continue;
        };
        let length = stream.len();
        for other in [0, length - 1, length + 1, length + 10, length + 100_000, usize::MAX / 2] {
            mutants.doc("length", &doc.with_key(index + 1, "Length", raw(other)));
        }
        mutants.doc("indirect length", &doc.with_key(index + 1, "Length", V::Ref(1)));
        let mut bare = doc.clone();
        bare.objects[index].stream = None;
        mutants.doc("stream gone", &bare);
    }
}

pub fn offset_of(bytes: &[u8], number: usize) -> usize {
    let head = format!("\n{number} 0 obj\n");
    bytes.windows(head.len()).position(|window| window == head.as_bytes()).unwrap() + 1
}
