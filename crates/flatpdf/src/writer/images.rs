//! Encoding one band of pixels as one PDF image.
//!
//! **Invariant.** Everything but JPEG and the means of a palette is lossless; a JPEG carries no segment beyond JFIF.

use std::io::Write;
use std::iter::repeat_n;

use fax::encoder::Encoder as Fax;
use fax::{Color, VecWriter};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use jpeg_encoder::{ColorType, Encoder as Jpeg};
use lopdf::{Dictionary, Object, Stream, StringFormat, dictionary};

use super::strips::{Band, Kind, Run};
use super::{Raster, Settings, WriteError};

/// Deflate level. Measured on 83 public first pages: level 4 takes a fifth less time and makes files 4 percent longer.
const DEFLATE_LEVEL: u32 = 6;

/// How a strip is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Black and white, CCITT Group 4 (ITU-T T.6); exact.
    Bilevel,
    /// Indexed colours, deflate.
    Palette {
        /// Bits per pixel: 1, 2, 4 or 8.
        bits: u8,
    },
    /// 8-bit grey, deflate; exact.
    Grey,
    /// 8-bit grey, JPEG.
    GreyJpeg,
    /// RGB, JPEG.
    ColourJpeg,
}

/// One stored strip, for statistics and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StripInfo {
    /// How it is stored.
    pub encoding: Encoding,
    /// Rows of the page it covers.
    pub rows: u32,
    /// Length of the encoded image, in bytes.
    pub bytes: usize,
}

/// An encoded band.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) info: StripInfo,
    /// Rows stored: one more than covered where another band follows. The last row is repeated under the next band,
    /// so that readers that soften image edges show no line between the two.
    pub(super) stored_rows: u32,
    pub(super) width_px: u32,
    palette: Vec<u8>,
    content: Vec<u8>,
}

/// Encodes a band; `followed` says that another one comes below it.
pub(super) fn encode(raster: &Raster, band: &Band, followed: bool, settings: &Settings) -> Result<Image, WriteError> {
    let width = raster.width_px as usize;
    let extra = usize::from(followed);
    let mut palette = Vec::new();
    let (encoding, content) = match &band.kind {
        Kind::White | Kind::Bilevel => (Encoding::Bilevel, group4(&band.runs, width, extra)),
        Kind::Palette(tally, bits) => {
            let colours = tally.palette();
            palette = colours.entries().concat();
            let index = |run: &Run| colours.nearest(run.rgb).0;
            (Encoding::Palette { bits: *bits }, deflate(&packed(&band.runs, width, *bits, extra, index))?)
        }
        Kind::Grey => {
            let grey = packed(&band.runs, width, 8, extra, |run| run.rgb[0]);
            let exact = deflate(&grey)?;
            let lossy = jpeg(&grey, width, ColorType::Luma, settings)?;
            // A photo deflates badly; a drawn gradient often deflates better than a JPEG of it.
            if exact.len() <= lossy.len() { (Encoding::Grey, exact) } else { (Encoding::GreyJpeg, lossy) }
        }
        Kind::Colour => {
            let row = width * 3;
            let mut rgb = raster.rgb.get(band.rows.start * row..band.rows.end * row).unwrap_or_default().to_vec();
            repeat_last_row(&mut rgb, row, extra);
            (Encoding::ColourJpeg, jpeg(&rgb, width, ColorType::Rgb, settings)?)
        }
    };
    let rows = band.rows.len() as u32;
    Ok(Image {
        info: StripInfo { encoding, rows, bytes: content.len() },
        stored_rows: rows + extra as u32,
        width_px: raster.width_px,
        palette,
        content,
    })
}

impl Image {
    /// The image XObject (ISO 32000-1, 8.9.5).
    pub(super) fn into_stream(self) -> Stream {
        let (bits, filter) = match self.info.encoding {
            Encoding::Bilevel => (1, "CCITTFaxDecode"),
            Encoding::Palette { bits } => (bits, "FlateDecode"),
            Encoding::Grey => (8, "FlateDecode"),
            Encoding::GreyJpeg | Encoding::ColourJpeg => (8, "DCTDecode"),
        };
        let mut entries = dictionary! {
            "Type" => "XObject",
            "Subtype" => "Image",
            "Width" => self.width_px,
            "Height" => self.stored_rows,
            "ColorSpace" => self.colour_space(),
            "BitsPerComponent" => i64::from(bits),
            "Filter" => filter,
        };
        if self.info.encoding == Encoding::Bilevel {
            entries.set("DecodeParms", self.group4_parameters());
        }
        Stream::new(entries, self.content)
    }

    fn colour_space(&self) -> Object {
        match self.info.encoding {
            Encoding::Bilevel | Encoding::Grey | Encoding::GreyJpeg => "DeviceGray".into(),
            Encoding::ColourJpeg => "DeviceRGB".into(),
            Encoding::Palette { .. } => Object::Array(vec![
                "Indexed".into(),
                "DeviceRGB".into(),
                Object::Integer((self.palette.len() / 3) as i64 - 1),
                Object::String(self.palette.clone(), StringFormat::Hexadecimal),
            ]),
        }
    }

    fn group4_parameters(&self) -> Dictionary {
        dictionary! { "K" => -1, "Columns" => self.width_px, "Rows" => self.stored_rows, "BlackIs1" => false }
    }
}

/// Calls `each` with the runs of every row, the last row `extra` times more.
fn for_each_row(runs: &[Run], width: usize, extra: usize, mut each: impl FnMut(&[Run])) {
    let mut rest = runs;
    while !rest.is_empty() {
        let mut covered = 0;
        let len = rest
            .iter()
            .take_while(|run| {
                let inside = covered < width;
                covered += run.len as usize;
                inside
            })
            .count();
        let (row, below) = rest.split_at(len);
        let times = if below.is_empty() { 1 + extra } else { 1 };
        (0..times).for_each(|_| each(row));
        rest = below;
    }
}

fn group4(runs: &[Run], width: usize, extra: usize) -> Vec<u8> {
    let mut fax = Fax::new(VecWriter::new());
    for_each_row(runs, width, extra, |row| {
        let pixels = row.iter().flat_map(|run| {
            let colour = if run.rgb[0] == 0 { Color::Black } else { Color::White };
            repeat_n(colour, run.len as usize)
        });
        // Writing to memory cannot fail: the error type has no value.
        let Ok(()) = fax.encode_line(pixels, width as u32);
    });
    let Ok(bits) = fax.finish();
    bits.finish()
}

/// Samples of `bits` bits, rows padded to whole bytes.
fn packed(runs: &[Run], width: usize, bits: u8, extra: usize, sample: impl Fn(&Run) -> u8) -> Vec<u8> {
    let mut out = Vec::new();
    let mut row_samples = vec![0; width];
    let per_byte = usize::from(8 / bits.max(1));
    for_each_row(runs, width, extra, |row| {
        let mut rest = row_samples.as_mut_slice();
        for run in row {
            let value = sample(run);
            let (here, behind) = rest.split_at_mut((run.len as usize).min(rest.len()));
            here.fill(value);
            rest = behind;
        }
        if per_byte == 1 {
            out.extend_from_slice(&row_samples);
        } else {
            out.extend(row_samples.chunks(per_byte).map(|group| {
                let filled = group.iter().fold(0, |byte: u8, sample| byte << bits | sample);
                filled << (usize::from(bits) * (per_byte - group.len()))
            }));
        }
    });
    out
}

fn repeat_last_row(samples: &mut Vec<u8>, row: usize, times: usize) {
    let last = samples.len().saturating_sub(row);
    (0..times).for_each(|_| samples.extend_from_within(last..last + row));
}

/// Zlib-wrapped deflate, as `/FlateDecode` wants it.
pub(super) fn deflate(bytes: &[u8]) -> Result<Vec<u8>, WriteError> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::new(DEFLATE_LEVEL));
    zlib.write_all(bytes).and_then(|()| zlib.finish()).map_err(WriteError::Deflate)
}

fn jpeg(samples: &[u8], width: usize, colours: ColorType, settings: &Settings) -> Result<Vec<u8>, WriteError> {
    let channels = if colours == ColorType::Luma { 1 } else { 3 };
    let mut out = Vec::new();
    let encoder = Jpeg::new(&mut out, settings.jpeg_quality.clamp(1, 100));
    // Sides were checked against MAX_RASTER_SIDE_PX; the repeated row fits into 16 bits as well.
    let height = samples.len() / (width * channels).max(1);
    encoder.encode(samples, width as u16, height as u16, colours).map_err(WriteError::Jpeg)?;
    Ok(out)
}
