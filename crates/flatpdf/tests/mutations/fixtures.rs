//! Documents the verifier must accept, built byte by byte, and a way to change any part of them.

use std::io::Write as _;

use flatpdf::verify::{Accepted, Kind, RejectionCode, VerifyLimits, verify};

/// A value as it will be written.
#[derive(Clone, Debug, PartialEq)]
pub enum V {
    Raw(String),
    Ref(usize),
    Dict(Vec<(String, V)>),
    Arr(Vec<V>),
}

pub fn raw(text: impl ToString) -> V {
    V::Raw(text.to_string())
}

pub fn dict<const N: usize>(entries: [(&str, V); N]) -> V {
    V::Dict(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl V {
    pub fn text(&self) -> String {
        match self {
            Self::Raw(text) => text.clone(),
            Self::Ref(number) => format!("{number} 0 R"),
            Self::Dict(entries) => {
                let lines = entries.iter().map(|(key, value)| format!("/{key} {}\n", value.text()));
                let body = lines.collect::<Vec<_>>().concat();
                format!("<<\n{body}>>")
            }
            Self::Arr(items) => {
                let body: Vec<String> = items.iter().map(Self::text).collect();
                format!("[{}]", body.join(" "))
            }
        }
    }

    /// Index paths of this value and all inside it.
    pub fn paths(&self) -> Vec<Vec<usize>> {
        let children: Vec<&Self> = match self {
            Self::Raw(_) | Self::Ref(_) => Vec::new(),
            Self::Dict(entries) => entries.iter().map(|(_, value)| value).collect(),
            Self::Arr(items) => items.iter().collect(),
        };
        let inner =
            children.iter().enumerate().flat_map(|(at, child)| child.paths().into_iter().map(move |path| [vec![at], path].concat()));
        std::iter::once(Vec::new()).chain(inner).collect()
    }

    pub fn at(&mut self, path: &[usize]) -> &mut Self {
        path.iter().fold(self, |value, at| match value {
            Self::Dict(entries) => &mut entries[*at].1,
            Self::Arr(items) => &mut items[*at],
            Self::Raw(_) | Self::Ref(_) => unreachable!("a path leads through containers"),
        })
    }

    pub fn set(&mut self, key: &str, value: V) {
        let Self::Dict(entries) = self else { unreachable!("only dictionaries have keys") };
        match entries.iter_mut().find(|(name, _)| name == key) {
            Some((_, slot)) => *slot = value,
            None => entries.push((key.to_owned(), value)),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Obj {
    pub dict: V,
    pub stream: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub struct Doc {
    pub kind: Kind,
    pub objects: Vec<Obj>,
    pub trailer: V,
}

impl Doc {
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = b"%PDF-1.7\n%\xBB\xAD\xC0\xDE\n".to_vec();
        let mut offsets = Vec::new();
        for (index, object) in self.objects.iter().enumerate() {
            offsets.push(out.len());
            write!(out, "{} 0 obj\n{}", index + 1, object.dict.text()).unwrap();
            if let Some(stream) = &object.stream {
                out.extend_from_slice(b"stream\n");
                out.extend_from_slice(stream);
                out.extend_from_slice(b"\nendstream ");
            }
            out.extend_from_slice(b"\nendobj\n");
        }
        let xref = out.len();
        write!(out, "xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1).unwrap();
        for offset in offsets {
            writeln!(out, "{offset:010} 00000 n ").unwrap();
        }
        write!(out, "trailer\n{}\nstartxref\n{xref}\n%%EOF", self.trailer.text()).unwrap();
        out
    }

    pub fn verdict(&self) -> Result<Accepted, RejectionCode> {
        verdict(&self.bytes(), self.kind)
    }

    /// A copy in which object `number` has another stream of the right `/Length`.
    pub fn with_stream(&self, number: usize, stream: Vec<u8>) -> Self {
        let mut copy = self.clone();
        let object = &mut copy.objects[number - 1];
        object.dict.set("Length", raw(stream.len()));
        object.stream = Some(stream);
        copy
    }

    pub fn with_key(&self, number: usize, key: &str, value: V) -> Self {
        let mut copy = self.clone();
        copy.objects[number - 1].dict.set(key, value);
        copy
    }
}

pub fn verdict(bytes: &[u8], kind: Kind) -> Result<Accepted, RejectionCode> {
    verify(bytes, kind, &VerifyLimits::default()).map_err(|rejection| rejection.code)
}

pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn jpeg(width: u16, height: u16, color: jpeg_encoder::ColorType, adjust: fn(&mut jpeg_encoder::Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let channels = if color == jpeg_encoder::ColorType::Luma { 1 } else { 3 };
    let samples: Vec<u8> = (0..usize::from(width) * usize::from(height) * channels).map(|at| (at * at * 7 % 251) as u8).collect();
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 80);
    adjust(&mut encoder);
    encoder.encode(&samples, width, height, color).unwrap();
    out
}

pub fn group4(width: u32, rows: u32) -> Vec<u8> {
    let mut encoder = fax::encoder::Encoder::new(fax::VecWriter::new());
    for row in 0..rows {
        let pixels = (0..width).map(|column| match row % 4 {
            0 => fax::Color::White,
            1 if (column / 3 + row) % 2 == 0 => fax::Color::Black,
            2 if column * column % (row + 5) < 3 => fax::Color::Black,
            3 if column > row => fax::Color::Black,
            _ => fax::Color::White,
        });
        encoder.encode_line(pixels, width).unwrap();
    }
    encoder.finish().unwrap().finish()
}

pub fn image(width: u32, height: u32, space: V, bits: u8, filter: &str, stream: Vec<u8>) -> Obj {
    let dict = dict([
        ("Type", raw("/XObject")),
        ("Subtype", raw("/Image")),
        ("Width", raw(width)),
        ("Height", raw(height)),
        ("ColorSpace", space),
        ("BitsPerComponent", raw(bits)),
        ("Filter", raw(format!("/{filter}"))),
        ("Length", raw(stream.len())),
    ]);
    Obj { dict, stream: Some(stream) }
}

pub fn text(stream: &str) -> Obj {
    let packed = zlib(stream.as_bytes());
    Obj { dict: dict([("Filter", raw("/FlateDecode")), ("Length", raw(packed.len()))]), stream: Some(packed) }
}

pub fn plain(dict: V) -> Obj {
    Obj { dict, stream: None }
}

pub const CMAP: &str = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n\
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n\
/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n\
1 begincodespacerange\n<00> <FF>\nendcodespacerange\n\
2 beginbfchar\n<21> <0416>\n<22> <D83DDE00>\nendbfchar\n\
endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n";

pub const FLATTENED: &str = "q\n595.0 0.0 0.0 421.0 0.0 421.0 cm\n/Im0 Do\nQ\nq\n595 0 0 421 0 0 cm\n/Im1 Do\nQ\nq\n/Im2 Do\nQ\n\
BT\n3 Tr\n98.5 Tz\n1.0 0.0 0.0 1.0 72.0 700.0 Tm\n/F0 11.0 Tf\n(A \\(text\\) layer) Tj\n/F1 11.0 Tf\n<2122> Tj\nET";

pub const CATALOG: usize = 1;
pub const PAGES: usize = 2;
pub const PAGE: usize = 3;
pub const CONTENT: usize = 4;
pub const GRAY: usize = 5;
pub const INDEXED: usize = 6;
pub const RGB: usize = 7;
pub const FAX: usize = 8;
pub const JPEG_RGB: usize = 9;
pub const JPEG_GRAY: usize = 10;
pub const MAP: usize = 13;
pub const PAGE_TWO: usize = 15;

pub fn page(content: usize, images: Vec<(&str, V)>, fonts: Vec<(&str, V)>) -> Obj {
    let mut resources = dict([]);
    for (kind, members) in [("XObject", images), ("Font", fonts)] {
        if !members.is_empty() {
            resources.set(kind, V::Dict(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()));
        }
    }
    plain(dict([
        ("Type", raw("/Page")),
        ("Parent", V::Ref(PAGES)),
        ("MediaBox", V::Arr(vec![raw(0), raw(0), raw("595.0"), raw("842.0")])),
        ("Resources", resources),
        ("Contents", V::Ref(content)),
    ]))
}

pub fn standard(typeface: &str) -> Obj {
    plain(dict([
        ("Type", raw("/Font")),
        ("Subtype", raw("/Type1")),
        ("BaseFont", raw(format!("/{typeface}"))),
        ("Encoding", raw("/WinAnsiEncoding")),
    ]))
}

pub fn catalog() -> Obj {
    plain(dict([("Type", raw("/Catalog")), ("Pages", V::Ref(PAGES)), ("Lang", raw("(de-DE)"))]))
}

pub fn trailer(objects: usize) -> V {
    dict([("Root", V::Ref(CATALOG)), ("Size", raw(objects + 1))])
}

/// Two pages with every image and font form there is.
pub fn flattened() -> Doc {
    let palette = "00".repeat(9);
    let indexed = V::Arr(vec![raw("/Indexed"), raw("/DeviceRGB"), raw(2), raw(format!("<{palette}>"))]);
    let mut fax = image(37, 21, raw("/DeviceGray"), 1, "CCITTFaxDecode", group4(37, 21));
    let parameters = dict([("K", raw(-1)), ("Columns", raw(37)), ("Rows", raw(21)), ("BlackIs1", raw(false))]);
    fax.dict.set("DecodeParms", parameters);
    let named = plain(dict([
        ("Type", raw("/Font")),
        ("Subtype", raw("/Type1")),
        ("BaseFont", raw("/Helvetica")),
        ("Encoding", dict([("Type", raw("/Encoding")), ("Differences", V::Arr(vec![raw(33), raw("/uni0416"), raw("/u1F600")]))])),
        ("ToUnicode", V::Ref(MAP)),
        ("FirstChar", raw(33)),
        ("LastChar", raw(34)),
        ("Widths", V::Arr(vec![raw(556), raw(1000)])),
        ("FontDescriptor", V::Ref(14)),
    ]));
    let descriptor = plain(dict([
        ("Type", raw("/FontDescriptor")),
        ("FontName", raw("/Helvetica")),
        ("Flags", raw(32)),
        ("FontBBox", V::Arr(vec![raw(-166), raw(-225), raw(1000), raw(931)])),
        ("ItalicAngle", raw(0)),
        ("Ascent", raw(718)),
        ("Descent", raw(-207)),
        ("CapHeight", raw(718)),
        ("StemV", raw(88)),
    ]));
    let images = |names: [(&'static str, usize); 3]| names.map(|(name, number)| (name, V::Ref(number))).to_vec();
    let objects = vec![
        catalog(),
        plain(dict([("Type", raw("/Pages")), ("Kids", V::Arr(vec![V::Ref(PAGE), V::Ref(PAGE_TWO)])), ("Count", raw(2))])),
        page(CONTENT, images([("Im0", GRAY), ("Im1", INDEXED), ("Im2", RGB)]), vec![("F0", V::Ref(11)), ("F1", V::Ref(12))]),
        text(FLATTENED),
        image(7, 5, raw("/DeviceGray"), 8, "FlateDecode", zlib(&[200; 35])),
        image(9, 3, indexed, 2, "FlateDecode", zlib(&[0x18; 9])),
        image(4, 2, raw("/DeviceRGB"), 8, "FlateDecode", zlib(b"pixels of a tiny picture")),
        fax,
        image(33, 18, raw("/DeviceRGB"), 8, "DCTDecode", jpeg(33, 18, jpeg_encoder::ColorType::Rgb, |_| ())),
        image(17, 9, raw("/DeviceGray"), 8, "DCTDecode", jpeg(17, 9, jpeg_encoder::ColorType::Luma, |_| ())),
        standard("Helvetica-Bold"),
        named,
        text(CMAP),
        descriptor,
        page(16, images([("A", FAX), ("B", JPEG_RGB), ("C", JPEG_GRAY)]), vec![]),
        Obj { dict: dict([("Length", raw(21))]), stream: Some(b"/A Do\n/B Do\nq /C Do Q".to_vec()) },
    ];
    Doc { kind: Kind::Flattened, trailer: trailer(objects.len()), objects }
}

/// One page of visible text, a box and a rule.
pub fn report() -> Doc {
    let content = "0.92 g\n56 700 480 20 re\nf\n0.2 0.1 0.5 rg\nBT\n0 Tr\n/R 11 Tf\n60 705 Td\n(Found) Tj\nET\n\
                   0.25 w\n56 690 m\n536 690 l\nS";
    let objects = vec![
        catalog(),
        plain(dict([("Type", raw("/Pages")), ("Kids", V::Arr(vec![V::Ref(PAGE)])), ("Count", raw(1))])),
        page(CONTENT, vec![], vec![("R", V::Ref(5))]),
        text(content),
        standard("Helvetica"),
    ];
    Doc { kind: Kind::Report, trailer: trailer(objects.len()), objects }
}
