//! Pictures with more in them than pixels, of unusual pixels, gigantic, or broken off.

use crate::image;
use crate::tree::{Expected, Sample};
use anyhow::Result;
use model::{Format, Reason};

/// A drawing that wants to be told things from elsewhere: files, addresses, pictures in itself, style sheets, a whole page.
const REFERENCES: &str = "<?xml version=\"1.0\"?>\n<?xml-stylesheet href=\"http://boese.example/stil.css\"?>\n\
    <svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"120\" height=\"80\">\n  \
    <style>@import url(http://boese.example/stil.css); rect { fill: url(http://boese.example/a.svg#farbe) }</style>\n  \
    <rect width=\"120\" height=\"80\" fill=\"#e8eef7\"/>\n  <image xlink:href=\"file:///etc/passwd\" width=\"20\" height=\"20\"/>\n  \
    <image href=\"http://boese.example/zaehler.png\" width=\"20\" height=\"20\"/>\n  \
    <image href=\"data:image/svg+xml;base64,PHN2ZyB4bWxucz0naHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmcnLz4=\" width=\"20\" height=\"20\"/>\n  \
    <use href=\"file:///etc/hostname#a\"/>\n  <foreignObject width=\"50\" height=\"50\"><iframe xmlns=\"http://www.w3.org/1999/xhtml\" \
    src=\"http://boese.example/\"/></foreignObject>\n  <a href=\"javascript:alert(1)\"><circle cx=\"60\" cy=\"40\" r=\"20\" onload=\"alert(2)\"/></a>\n</svg>\n";
const ENTITY_FILE: &str = "<?xml version=\"1.0\"?>\n<!DOCTYPE svg [<!ENTITY datei SYSTEM \"file:///etc/passwd\">]>\n\
    <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"60\" height=\"40\"><text y=\"20\">&datei;</text></svg>\n";

fn field(x: u32, y: u32) -> image::Rgb {
    [(x * 5) as u8, (y * 7) as u8, 120]
}

fn at(name: &str) -> String {
    format!("Bilder/Aus dem Netz/{name}")
}

pub(super) fn samples() -> Result<Vec<Sample>> {
    Ok([gigantic(), carriers()?, kinds()?, drawings(), broken_off()?].concat())
}

fn gigantic() -> Vec<Sample> {
    let limit =
        |name: &str, why: &str, bytes: Vec<u8>, format| Sample::new(&at(name), why, bytes, Expected::withheld(Reason::Limit, format));
    vec![
        limit("Riesig.gif", "A picture of 65,535 by 65,535 pixels in a hundred bytes.", image::gif_promising(65_535, 65_535), Format::Gif),
        limit("Riesig.bmp", "A picture that claims 60,000 by 60,000 pixels.", image::bmp_promising(60_000, 60_000), Format::Bmp),
        limit(
            "Riesig.tiff",
            "A picture that claims four thousand million pixels a side.",
            image::tiff_promising(u32::MAX, u32::MAX),
            Format::Tiff,
        ),
        limit("Riesig.webp", "A picture that claims 16,383 by 16,383 pixels.", image::webp_promising(), Format::Webp),
    ]
}

/// Metadata that is a picture, a program's notes, a place, or simply much.
fn carriers() -> Result<Vec<Sample>> {
    let thumbnail = image::jpeg_of(48, 32, |x, y| [255 - (x * 5) as u8, (y * 3) as u8, (x * y) as u8])?;
    let maker_note = b"Musterphone MakerNote: Seriennummer 0815-4711, Gesichter: Erika Mustermann, Max Mustermann".to_vec();
    let exif = image::exif_with_thumbnail(&thumbnail, &maker_note);
    let large_exif = image::exif_with_thumbnail(&thumbnail, &crate::bits::Noise::new(5).bytes(60_000));
    let chunk = |kind: &[u8; 4], body: Vec<u8>| image::png_with_chunks(64, 48, &[(*kind, body)], field);
    let png = Expected::rebuilt;
    Ok(vec![
        Sample::new(
            &at("Vorschau.jpg"),
            "A photograph whose thumbnail shows something else, with notes of the maker.",
            image::jpeg_with_exif(160, 120, &exif, image::landscape(160, 120))?,
            png(Format::Jpeg),
        ),
        Sample::new(
            &at("Viel Exif.jpg"),
            "A photograph with 60 kB of notes of the maker.",
            image::jpeg_with_exif(80, 60, &large_exif, image::landscape(80, 60))?,
            png(Format::Jpeg),
        ),
        Sample::new(
            &at("Viel Exif.png"),
            "A picture with an EXIF of 400 kB.",
            chunk(b"eXIf", crate::bits::Noise::new(6).bytes(400_000)),
            png(Format::Png),
        ),
        Sample::new(
            &at("Farbprofil.png"),
            "A colour profile that unpacks to 200 MiB.",
            chunk(b"iCCP", image::icc_bomb(200 << 20)),
            png(Format::Png),
        ),
        Sample::new(
            &at("Palette.png"),
            "A palette of 20,000 colours, where 256 are allowed.",
            chunk(b"PLTE", crate::bits::Noise::new(7).bytes(60_000)),
            Expected::withheld(Reason::Malformed, Format::Png),
        ),
    ])
}

fn kinds() -> Result<Vec<Sample>> {
    let frames: [&dyn Fn(u32, u32) -> u8; 2] = [&|x, _| (x / 8 % 8) as u8, &|_, y| (y / 8 % 8) as u8];
    Ok(vec![
        Sample::new(
            &at("Bewegt.png"),
            "An animated PNG.",
            image::animated_png_of(60, 40, field, |_, _| [9, 9, 200]),
            Expected::rebuilt(Format::Png),
        ),
        Sample::new(&at("Bewegt.webp"), "An animated WebP.", image::animated_webp_of(48, 32, &frames), Expected::rebuilt(Format::Webp)),
        Sample::new(
            &at("Druckerei.jpg"),
            "A JPEG of four inks.",
            image::cmyk_jpeg_of(64, 48, |x, y| [(x * 4) as u8, (y * 5) as u8, 40, 0])?,
            Expected::rebuilt(Format::Jpeg),
        ),
        Sample::new(
            &at("Sechzehn Bit.png"),
            "A PNG of 16 bits a channel.",
            image::deep_png_of(60, 40, field),
            Expected::rebuilt(Format::Png),
        ),
        Sample::new(
            &at("Sechzehn Bit.tiff"),
            "A TIFF of 16 bits a channel.",
            image::deep_tiff_of(60, 40, field),
            Expected::rebuilt(Format::Tiff),
        ),
    ])
}

fn drawings() -> Vec<Sample> {
    vec![
        Sample::new(
            &at("Verweise.svg"),
            "A drawing with references to files, addresses and pages.",
            REFERENCES,
            Expected::rebuilt(Format::Svg),
        ),
        Sample::new(
            &at("Datei im Bild.svg"),
            "A drawing that includes the password file as an entity.",
            ENTITY_FILE,
            Expected::withheld(Reason::Malformed, Format::Svg),
        ),
    ]
}

/// The first two thirds of a picture of each kind.
fn broken_off() -> Result<Vec<Sample>> {
    let cut = |name: &str, bytes: Vec<u8>, format| {
        let kept = bytes.get(..bytes.len() * 2 / 3).unwrap_or_default();
        Sample::new(&at(name), "A picture whose transfer broke off.", kept, Expected::withheld(Reason::Malformed, format))
    };
    let stripes = |x: u32, y: u32| ((x / 9 + y / 5) % 8) as u8;
    let grey: Vec<u8> = (0..64 * 48).map(|n| (n % 251) as u8).collect();
    Ok(vec![
        cut("Abgebrochen.png", image::png_of(64, 48, field), Format::Png),
        cut("Abgebrochen.jpg", image::jpeg_of(64, 48, image::landscape(64, 48))?, Format::Jpeg),
        cut("Abgebrochen.gif", image::gif_of(64, 48, &[&stripes]), Format::Gif),
        cut("Abgebrochen.bmp", image::bmp_of(64, 48, field), Format::Bmp),
        cut("Abgebrochen.tiff", image::tiff_of(64, 48, &[grey]), Format::Tiff),
        cut("Abgebrochen.webp", image::webp_of(64, 48, stripes), Format::Webp),
        cut("Abgebrochen.ico", image::ico_of(32, &image::alpha_png_of(32, 32, |x, y| [x as u8, y as u8, 9, 200])), Format::Ico),
        cut("Abgebrochen.svg", REFERENCES.as_bytes().to_vec(), Format::Svg),
    ])
}
