//! Image XObjects (8.9.5): dictionary and every byte of the stream.
//!
//! **Invariant**: success means the stream decodes to exactly the pixels the dictionary announces and holds nothing else.

use super::RejectionCode as Code;
use super::file::Object;
use super::jpeg::Expected;
use super::syntax::{Dict, Value};
use super::{Rejection, Verified, VerifyLimits, ccitt, inflate, jpeg, require};

const KEYS: [&str; 8] = ["Type", "Subtype", "Width", "Height", "ColorSpace", "BitsPerComponent", "Filter", "Length"];

/// How samples become colors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ColorSpace {
    Gray,
    Rgb,
    Indexed,
}

impl ColorSpace {
    const fn components(self) -> u8 {
        match self {
            Self::Gray | Self::Indexed => 1,
            Self::Rgb => 3,
        }
    }
}

/// Checks one image object in full.
pub(super) fn check(object: &Object, limits: &VerifyLimits) -> Verified<()> {
    let (dict, offset) = (&object.dict, object.offset);
    let bytes = object.stream.ok_or(Rejection::new(Code::WrongType, offset))?;
    let filter = dict.name("Filter")?;
    if filter == b"CCITTFaxDecode" {
        let keys: Vec<&str> = KEYS.into_iter().chain(["DecodeParms"]).collect();
        dict.only(&keys, &[])?;
    } else {
        dict.only(&KEYS, &[])?;
    }
    dict.name_is("Type", "XObject")?;
    dict.name_is("Subtype", "Image")?;
    // BOUND: JPEG has 16-bit sides; no writer here makes larger images.
    let width = dict.int("Width", 1..=0xFFFF)? as u16;
    let height = dict.int("Height", 1..=0xFFFF)? as u16;
    let bits = dict.int("BitsPerComponent", 1..=8)? as u8;
    require(matches!(bits, 1 | 2 | 4 | 8), Code::ColorSpace, offset)?;
    let color_space = color_space(dict, bits)?;

    let row_bits = u64::from(width) * u64::from(bits) * u64::from(color_space.components());
    let decoded = row_bits.div_ceil(8) * u64::from(height);
    require(decoded <= limits.stream_bytes, Code::StreamLimit, offset)?;

    match filter {
        b"FlateDecode" => flate(bytes, decoded, offset),
        b"DCTDecode" => {
            require(bits == 8 && color_space != ColorSpace::Indexed, Code::ColorSpace, offset)?;
            let expected = Expected { width, height, components: color_space.components() };
            jpeg::check(bytes, &expected).map_err(|rejection| rejection.at(offset))
        }
        b"CCITTFaxDecode" => {
            require(bits == 1 && color_space == ColorSpace::Gray, Code::ColorSpace, offset)?;
            fax_parameters(dict.dict("DecodeParms")?, width, height)?;
            ccitt::check(bytes, u32::from(width), u32::from(height)).map_err(|rejection| rejection.at(offset))
        }
        _ => Err(Rejection::new(Code::Filter, offset)),
    }
}

/// `/DeviceGray`, `/DeviceRGB` or `[/Indexed /DeviceRGB last palette]` with exactly the palette's bytes (8.6.6.3).
fn color_space(dict: &Dict, bits: u8) -> Verified<ColorSpace> {
    let fault = Rejection::new(Code::ColorSpace, dict.offset);
    match dict.get("ColorSpace")? {
        Value::Name(b"DeviceGray") => Ok(ColorSpace::Gray),
        Value::Name(b"DeviceRGB") if bits == 8 => Ok(ColorSpace::Rgb),
        Value::Array(items) => {
            let [Value::Name(b"Indexed"), Value::Name(b"DeviceRGB"), Value::Int(last), Value::Text(palette)] = items.as_slice() else {
                return Err(fault);
            };
            let entries = usize::try_from(*last).map_err(|_| fault)?.saturating_add(1);
            let fits = entries <= 1 << bits && palette.len() == entries * 3;
            require(fits, Code::ColorSpace, dict.offset)?;
            Ok(ColorSpace::Indexed)
        }
        _ => Err(fault),
    }
}

fn flate(bytes: &[u8], decoded: u64, offset: usize) -> Verified<()> {
    let size = Rejection::new(Code::ImageSize, offset);
    let expected = usize::try_from(decoded).map_err(|_| size)?;
    match inflate::zlib(bytes, expected) {
        Ok(pixels) => require(pixels.len() == expected, Code::ImageSize, offset),
        Err(inflate::Fault::TooLong) => Err(size),
        Err(inflate::Fault::Malformed) => Err(Rejection::new(Code::Flate, offset)),
    }
}

/// `/DecodeParms` of Group 4 with the image's own size (7.4.6).
fn fax_parameters(parameters: &Dict, width: u16, height: u16) -> Verified<()> {
    parameters.only(&["K", "Columns", "Rows", "BlackIs1"], &[])?;
    parameters.int("K", -1..=-1)?;
    parameters.int("Columns", i64::from(width)..=i64::from(width))?;
    parameters.int("Rows", i64::from(height)..=i64::from(height))?;
    match parameters.get("BlackIs1")? {
        Value::Bool(_) => Ok(()),
        _ => Err(parameters.wrong_type()),
    }
}
