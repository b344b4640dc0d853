//! Mutations of streams and of the dictionaries that describe them.

use crate::fixtures::{
    CMAP, CONTENT, Doc, FAX, FLATTENED, GRAY, INDEXED, JPEG_GRAY, JPEG_RGB, MAP, PAGE, PAGE_TWO, RGB, V, group4, jpeg, raw, zlib,
};
use crate::structure::{Mutants, replaced};

/// Other image streams under the same dictionary, and other dictionaries over the same stream.
pub fn mutate_images(doc: &Doc, mutants: &mut Mutants) {
    for number in [GRAY, INDEXED, RGB, FAX, JPEG_RGB, JPEG_GRAY] {
        let object = &doc.objects[number - 1];
        let stream = object.stream.clone().unwrap();
        for (what, other) in [
            ("appended zero", [stream.clone(), vec![0]].concat()),
            ("appended text", [stream.clone(), b"hidden".to_vec()].concat()),
            ("appended line feed", [stream.clone(), b"\n".to_vec()].concat()),
            ("appended end", [stream.clone(), stream[stream.len() - 4..].to_vec()].concat()),
            ("twice", [stream.clone(), stream.clone()].concat()),
            ("prefixed", [b"\0".to_vec(), stream.clone()].concat()),
            ("empty", Vec::new()),
            ("other kind", b"GIF89a".to_vec()),
        ] {
            mutants.doc(format!("image {number}: {what}"), &doc.with_stream(number, other));
        }
        for cut in 1..stream.len().min(12) {
            mutants.doc(format!("image {number}: cut by {cut}"), &doc.with_stream(number, stream[..stream.len() - cut].to_vec()));
        }
        for filter in [
            "FlateDecode",
            "DCTDecode",
            "CCITTFaxDecode",
            "LZWDecode",
            "ASCIIHexDecode",
            "ASCII85Decode",
            "RunLengthDecode",
            "JBIG2Decode",
            "JPXDecode",
            "Crypt",
            "Fl",
            "DCT",
        ] {
            mutants.doc(format!("image {number}: /{filter}"), &doc.with_key(number, "Filter", raw(format!("/{filter}"))));
            mutants.doc(format!("image {number}: [/{filter}]"), &doc.with_key(number, "Filter", raw(format!("[/{filter}]"))));
        }
        for (key, values) in [
            ("Width", ["0", "1", "16", "18", "34", "36", "65536"]),
            ("Height", ["0", "1", "4", "6", "17", "20", "65536"]),
            ("BitsPerComponent", ["0", "3", "5", "7", "9", "16", "32"]),
            ("ColorSpace", ["/DeviceCMYK", "/CalRGB", "/Lab", "/Pattern", "/ICCBased", "[/DeviceGray]", "[/ICCBased 1 0 R]"]),
        ] {
            for value in values {
                mutants.doc(format!("image {number}: /{key} {value}"), &doc.with_key(number, key, raw(value)));
            }
        }
        let forged =
            [("DecodeParms", "<< /Predictor 12 /Columns 7 >>"), ("DecodeParms", "<< /K 0 /Columns 37 /Rows 21 /BlackIs1 false >>")];
        for (key, value) in forged {
            mutants.doc(format!("image {number}: {value}"), &doc.with_key(number, key, raw(value)));
        }
        let mut unpainted = doc.clone();
        let other = if number == GRAY { INDEXED } else { GRAY };
        let page = if number < FAX { PAGE } else { PAGE_TWO };
        let images = &mut unpainted.objects[page - 1].dict;
        let V::Dict(resources) = images.at(&[3, 0]) else { unreachable!() };
        resources.iter_mut().filter(|(_, value)| *value == V::Ref(number)).for_each(|(_, value)| *value = V::Ref(other));
        mutants.doc(format!("image {number} replaced on its page"), &unpainted);
    }
    for (number, pixels) in [(GRAY, 35), (INDEXED, 9), (RGB, 24)] {
        for other in [0, 1, pixels - 1, pixels + 1, pixels * 2, 100_000] {
            mutants.doc(format!("{other} pixels"), &doc.with_stream(number, zlib(&vec![0; other])));
        }
        let packed = doc.objects[number - 1].stream.clone().unwrap();
        for at in 0..packed.len() {
            for flip in [0x01, 0x80] {
                let mut other = packed.clone();
                other[at] ^= flip;
                // The window size in the first byte is no structure, but then the header check fails.
                mutants.doc(format!("image {number}: byte {at} flipped"), &doc.with_stream(number, other));
            }
        }
    }
    for (entries, last) in [(3, 1), (3, 3), (3, 255), (0, 0), (5, 4), (3, -1)] {
        let palette = format!("[/Indexed /DeviceRGB {last} <{}>]", "00".repeat(entries * 3));
        mutants.doc("palette", &doc.with_key(INDEXED, "ColorSpace", raw(palette)));
    }
    mutants.doc("palette", &doc.with_key(INDEXED, "ColorSpace", raw("[/Indexed /DeviceGray 2 <000000>]")));
    mutants.doc("palette", &doc.with_key(INDEXED, "ColorSpace", raw("[/Indexed /DeviceRGB 2 5 0 R]")));
}

pub fn mutate_fax(doc: &Doc, mutants: &mut Mutants) {
    for (columns, rows) in [(37, 20), (37, 22), (36, 21), (38, 21), (37, 0), (1, 1)] {
        mutants.doc(format!("fax of {columns} x {rows}"), &doc.with_stream(FAX, group4(columns, rows)));
    }
    let stream = group4(37, 21);
    for at in 0..stream.len() {
        let without = [&stream[..at], &stream[at + 1..]].concat();
        // A few of these happen to be other pictures of the same size, which another decoder confirms.
        let mut lines = 0;
        let ended = fax::decoder::decode_g4(without.iter().copied(), 37, None, |_| lines += 1);
        if (ended, lines) != (Some(()), 21) {
            mutants.doc(format!("fax without byte {at}"), &doc.with_stream(FAX, without));
        }
        let with = [&stream[..at], &[0], &stream[at..]].concat();
        mutants.doc(format!("fax with a zero at {at}"), &doc.with_stream(FAX, with));
    }
}

/// A JPEG's segments with one more in front of segment `place`.
pub fn with_segment(stream: &[u8], place: usize, segment: &[u8]) -> Vec<u8> {
    let mut at = 2;
    for _ in 0..place {
        at += 2 + usize::from(u16::from_be_bytes([stream[at + 2], stream[at + 3]]));
    }
    [&stream[..at], segment, &stream[at..]].concat()
}

pub fn mutate_jpeg(doc: &Doc, mutants: &mut Mutants) {
    use jpeg_encoder::ColorType;
    for (number, color, other_color, width, height) in
        [(JPEG_RGB, ColorType::Rgb, ColorType::Luma, 33, 18), (JPEG_GRAY, ColorType::Luma, ColorType::Rgb, 17, 9)]
    {
        let stream = doc.objects[number - 1].stream.clone().unwrap();
        for marker in 0xC0..=0xFE_u8 {
            // Tables may come again; all else may not, and not empty.
            for payload in [&b""[..], b"hidden", b"Exif\0\0MM\0*", b"ICC_PROFILE\0\x01\x01"] {
                let mut segment = vec![0xFF, marker];
                segment.extend_from_slice(&(payload.len() as u16 + 2).to_be_bytes());
                segment.extend_from_slice(payload);
                for place in 0..3 {
                    let what = format!("jpeg {number}: marker {marker:02X} at {place}");
                    mutants.doc(what, &doc.with_stream(number, with_segment(&stream, place, &segment)));
                }
            }
        }
        for (what, other) in [
            ("other color", jpeg(width, height, other_color, |_| ())),
            ("wider", jpeg(width + 1, height, color, |_| ())),
            ("taller", jpeg(width, height + 1, color, |_| ())),
            (
                "progressive",
                jpeg(width, height, color, |encoder| {
                    encoder.set_progressive(true);
                }),
            ),
            (
                "app1",
                jpeg(width, height, color, |encoder| {
                    encoder.add_app_segment(1, b"hidden".to_vec()).unwrap();
                }),
            ),
            ("cmyk", {
                let mut out = Vec::new();
                let samples = vec![9; usize::from(width) * usize::from(height) * 4];
                jpeg_encoder::Encoder::new(&mut out, 80).encode(&samples, width, height, ColorType::Cmyk).unwrap();
                out
            }),
            ("thumbnail", replaced(&stream, b"\0\x10JFIF\0", b"\0\x13JFIF\0")),
            ("no jfif", [&stream[..2], &stream[20..]].concat()),
            ("other identifier", replaced(&stream, b"JFIF", b"JFXX")),
            ("fill bytes", replaced(&stream, b"\xFF\xDB", b"\xFF\xFF\xDB")),
            ("arithmetic", replaced(&stream, b"\xFF\xC0", b"\xFF\xC9")),
            ("restart marker", [&stream[..stream.len() - 2], b"\xFF\xD0\xFF\xD9"].concat()),
            ("codes after the last block", [&stream[..stream.len() - 2], b"hidden\xFF\xD9"].concat()),
            ("stuffed ones after the last block", [&stream[..stream.len() - 2], b"\xFF\x00\xFF\xD9"].concat()),
            ("second image", [stream.as_slice(), &stream].concat()),
        ] {
            mutants.doc(format!("jpeg {number}: {what}"), &doc.with_stream(number, other));
        }
    }
}

pub fn mutate_content(doc: &Doc, mutants: &mut Mutants) {
    let mut content = |what: &str, from: &str, to: &str| {
        let text = String::from_utf8(replaced(FLATTENED.as_bytes(), from.as_bytes(), to.as_bytes())).unwrap();
        mutants.doc(format!("{what}: {to}"), &doc.with_stream(CONTENT, zlib(text.as_bytes())));
    };
    for operator in [
        "W",
        "W*",
        "n",
        "h",
        "c",
        "v",
        "y",
        "b",
        "b*",
        "B",
        "B*",
        "f",
        "f*",
        "F",
        "s",
        "S",
        "sh",
        "gs",
        "BI",
        "ID",
        "EI",
        "TJ",
        "'",
        "\"",
        "Tc",
        "Tw",
        "TL",
        "Ts",
        "T*",
        "TD",
        "d0",
        "d1",
        "CS",
        "cs",
        "SC",
        "SCN",
        "sc",
        "scn",
        "G",
        "g",
        "RG",
        "rg",
        "K",
        "k",
        "ri",
        "i",
        "j",
        "J",
        "M",
        "d",
        "w",
        "re",
        "m",
        "l",
        "MP",
        "DP",
        "BMC",
        "BDC",
        "EMC",
        "BX",
        "EX",
        "PS",
        "Do",
        "Q",
        "ET",
        "cm",
        "Tj",
        "Tf",
        "Tr",
        "Tz",
        "Td",
        "Tm",
        "endstream",
        "obj",
        "R",
        "true",
        "null",
        "q1",
        "%x",
        "[",
        "]",
        "<<",
        ">>",
        "{",
        "}",
        ")",
        ">",
        "/",
        "\t",
        "\0",
        "\r",
        "  ",
    ] {
        for operands in ["", "1 ", "0 0 ", "1 0 0 ", "1 1 1 1 ", "/GS0 ", "(x) "] {
            // A number alone is what these three want, and two what Td wants.
            let valid = matches!((operator, operands), ("Tz", "1 ") | ("Td", "0 0 ") | ("Tj", "(x) "));
            content("before", "q\n595.0", &format!("{operands}{operator}\nq\n595.0"));
            if !valid {
                content("in text", "98.5 Tz", &format!("{operands}{operator}\n98.5 Tz"));
            }
        }
    }
    for mode in ["0", "1", "2", "4", "5", "6", "7", "-1", "8", "3.0", "/3", "(3)", "3 3", "", "03"] {
        content("mode", "3 Tr", &format!("{mode} Tr"));
        content("second mode", "/F1 11.0 Tf", &format!("{mode} Tr /F1 11.0 Tf"));
    }
    content("no mode", "3 Tr\n", "");
    content("mode after text", "3 Tr\n", "/F0 1 Tf\n(x) Tj\n3 Tr\n");
    content("mode restored away", "q\n/Im2 Do\nQ\nBT\n3 Tr\n", "q\nBT\n3 Tr\nET\n/Im2 Do\nQ\nBT\n");
    content("no font", "/F0 11.0 Tf\n", "");
    content("font gone with Q", "q\n/Im2 Do\nQ\nBT\n3 Tr\n", "q\nBT\n3 Tr\n/F0 1 Tf\nET\n/Im2 Do\nQ\nBT\n3 Tr\n(x) Tj\n");
    for (from, to) in [
        ("q\n595.0", "595.0"),
        ("q\n595.0", "q\nq\n595.0"),
        ("Q\nBT", "BT"),
        ("Q\nBT", "Q\nQ\nBT"),
        ("\nET", ""),
        ("BT\n", ""),
        ("BT\n", "BT\nBT\n"),
        ("\nET", "\nET\nET"),
        ("\nET", "\nET\n1"),
        ("\nET", "\nET\n/Im0"),
        ("\nET", "\nET q"),
        ("BT\n", "BT\nq\n"),
        ("BT\n", "BT\n/Im0 Do\n"),
        ("/Im0 Do", "/Im9 Do"),
        ("/Im0 Do", "/F0 Do"),
        ("/Im0 Do", "/Im#30 Do"),
        ("/Im0 Do", "Im0 Do"),
        ("/Im0 Do", "(Im0) Do"),
        ("/Im0 Do", "/Im0 /Im1 Do"),
        ("/Im0 Do", "/Im0"),
        ("/F0 11.0", "/F9 11.0"),
        ("/F0 11.0", "/Im0 11.0"),
        ("/F0 11.0", "/F0"),
        ("/F0 11.0", "/F#30 11.0"),
        ("/F0 11.0", "11.0 /F0"),
        ("98.5", "+98.5"),
        ("98.5", "98."),
        ("98.5", ".5"),
        ("98.5", "9e1"),
        ("98.5", "--9"),
        ("98.5", "0x9"),
        ("98.5", "99999999999"),
        ("98.5", "098.5"),
        ("98.5", "-0"),
        ("<2122>", "<212>"),
        ("<2122>", "<21 22>"),
        ("<2122>", "<2122"),
        ("<2122>", "<21zz>"),
        ("<2122>", "[<2122>]"),
        ("<2122>", "<</A 1>>"),
        ("layer)", "layer"),
        ("layer)", "layer\\)"),
        ("layer)", "layer\\q)"),
        ("layer)", "layer\\8)"),
        ("layer)", "layer\\400)"),
        ("layer)", "layer\r)"),
        ("595.0 0.0", "595.0 0.0 0.0"),
        ("595.0 0.0", "595.0"),
        ("q\n595.0", "\nq\n\n595.0"),
        ("BT", "BI /W 1 /H 1 ID x EI\nBT"),
        ("BT", "/Artifact BMC\nBT"),
        ("Q\nq\n595 0", "Q q  595 0"),
        ("\n(A", "\n%\n(A"),
    ] {
        content("edit", from, to);
    }
    content("deep q", "q\n595.0", &("q ".repeat(40) + &"Q ".repeat(40) + "q\n595.0"));
    mutants.doc("content as a report's", &doc.with_stream(CONTENT, zlib(format!("{FLATTENED}\n0 0 9 9 re\nf").as_bytes())));
    for (what, stream) in [
        ("empty", Vec::new()),
        ("not packed", FLATTENED.as_bytes().to_vec()),
        ("appended", [zlib(FLATTENED.as_bytes()), vec![10]].concat()),
    ] {
        mutants.doc(format!("content {what}"), &doc.with_stream(CONTENT, stream));
    }
    for filter in ["/LZWDecode", "/ASCIIHexDecode", "[/FlateDecode]", "[/FlateDecode /FlateDecode]", "/Crypt", "/DCTDecode", "[]", "null"] {
        mutants.doc(format!("content {filter}"), &doc.with_key(CONTENT, "Filter", raw(filter)));
        mutants.doc(format!("map {filter}"), &doc.with_key(MAP, "Filter", raw(filter)));
    }
}

pub fn mutate_map(doc: &Doc, mutants: &mut Mutants) {
    let lines: Vec<&str> = CMAP.lines().collect();
    let mut map = |what: String, lines: Vec<&str>| {
        let text = lines.iter().fold(String::new(), |text, line| text + line + "\n");
        mutants.doc(what, &doc.with_stream(MAP, zlib(text.as_bytes())));
    };
    let foreign =
        ["(x) run", "1 exec", "/x { } def", "%hidden", "<21> <22> <0041>", "1 beginbfrange", "/Other usecmap", "", "quit", "systemdict"];
    for at in 0..=lines.len() {
        for line in foreign {
            map(format!("map: {line} at {at}"), [&lines[..at], &[line], &lines[at..]].concat());
        }
        if at < lines.len() {
            map(format!("map without line {at}"), [&lines[..at], &lines[at + 1..]].concat());
            map(format!("map with line {at} twice"), [&lines[..at], &lines[at..=at], &lines[at..]].concat());
        }
    }
    for (from, to) in [
        ("2 begin", "1 begin"),
        ("2 begin", "3 begin"),
        ("2 begin", "101 begin"),
        ("2 begin", "-2 begin"),
        ("2 begin", "99999999999999999999 begin"),
        ("<21>", "<22>"),
        ("<21>", "<23>"),
        ("<21>", "<20>"),
        ("<21>", "<0021>"),
        ("<21>", "<2>"),
        ("<0416>", "<0417>"),
        ("<0416>", "<04160041>"),
        ("<0416>", "<>"),
        ("<0416>", "<04>"),
        ("<0416>", "<202E>"),
        ("<0416>", "/Zhe"),
        ("<D83DDE00>", "<DE00D83D>"),
        ("<D83DDE00>", "<D83D>"),
        ("<00>", "<20>"),
        ("Adobe)", "Other)"),
        ("UCS", "Identity"),
    ] {
        let text = replaced(CMAP.as_bytes(), from.as_bytes(), to.as_bytes());
        mutants.doc(format!("map: {from} -> {to}"), &doc.with_stream(MAP, zlib(&text)));
    }
    for names in [
        "[33 /uni0416 /uni1F600]",
        "[33 /uni0416 /u01F600]",
        "[33 /u0416 /u1F600]",
        "[33 /uni0416 /u1f600]",
        "[33 /Zhe /u1F600]",
        "[33 /.notdef /u1F600]",
        "[33 /uni0416 34 /u1F600]",
        "[32 /uni0416 /u1F600]",
        "[33 /u1F600 /uni0416]",
        "[33 /uni0416]",
        "[/uni0416 /u1F600]",
        "[33 /uniD800 /u1F600]",
        "[33 /uni+416 /u1F600]",
    ] {
        let mut copy = doc.clone();
        *copy.objects[11].dict.at(&[3, 1]) = raw(names);
        mutants.doc(format!("names {names}"), &copy);
    }
    for font in ["/Helvetica-Oblique", "/Times-Roman", "/Courier", "/Symbol", "/ZapfDingbats", "/ABCDEF+Helvetica", "/Arial"] {
        for number in [11, 12] {
            mutants.doc(format!("font {font}"), &doc.with_key(number, "BaseFont", raw(font)));
        }
        mutants.doc(format!("descriptor {font}"), &doc.with_key(14, "FontName", raw(font)));
    }
    for subtype in ["/TrueType", "/Type0", "/Type3", "/MMType1", "/CIDFontType2", "/Type1C"] {
        for number in [11, 12] {
            mutants.doc(format!("font {subtype}"), &doc.with_key(number, "Subtype", raw(subtype)));
        }
    }
    for encoding in
        ["/MacRomanEncoding", "/StandardEncoding", "/Identity-H", "<< /Type /Encoding /BaseEncoding /WinAnsiEncoding >>", "13 0 R"]
    {
        for number in [11, 12] {
            mutants.doc(format!("encoding {encoding}"), &doc.with_key(number, "Encoding", raw(encoding)));
        }
    }
}
