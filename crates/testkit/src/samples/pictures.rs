//! Pictures, honest and hostile.

use crate::image;
use crate::tree::{Expected, Sample};
use anyhow::Result;
use model::{Format, Reason};

/// A bar chart: flat colours, so that it packs well.
fn chart(x: u32, y: u32) -> image::Rgb {
    let (bar, inside) = (x / 80, x % 80 > 16);
    let height = 60 + bar * 37 % 260;
    if inside && (40..440).contains(&y) && y > 440 - height {
        [40 + (bar * 15) as u8, 90, 160]
    } else if y == 440 || x == 8 {
        [30, 30, 30]
    } else {
        [250, 250, 246]
    }
}

const DRAWING: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"320\" height=\"200\" viewBox=\"0 0 320 200\">\n  \
    <script>document.title = 'Skript im Bild';</script>\n  <rect width=\"320\" height=\"200\" fill=\"#e8eef7\"/>\n  \
    <circle cx=\"100\" cy=\"100\" r=\"60\" fill=\"#1f4e79\"/>\n  <rect x=\"180\" y=\"50\" width=\"100\" height=\"100\" fill=\"#c0504d\"/>\n</svg>\n";

const ENTITY_DRAWING: &str = "<?xml version=\"1.0\"?>\n<!DOCTYPE svg [\n  <!ENTITY a \"Schleuse \">\n  <!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\n  \
    <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">\n  <!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">\n  <!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\">\n  \
    <!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">\n  <!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;\">\n  <!ENTITY h \"&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;\">\n  \
    <!ENTITY i \"&h;&h;&h;&h;&h;&h;&h;&h;&h;&h;\">\n]>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"100\"><text y=\"20\">&i;</text></svg>\n";

pub(super) fn samples() -> Result<Vec<Sample>> {
    let at = |name: &str| format!("Bilder/Ausflug an den See/{name}");
    let hostile = |name: &str| format!("Bilder/Aus dem Netz/{name}");
    let exif = image::exif_with_gps(1);
    let mut trailing = image::png_of(120, 80, chart);
    trailing.extend(b"Text hinter dem Ende des Bildes.\r\n");
    let moving = |step: u32| {
        move |x: u32, y: u32| {
            if x.abs_diff(20 + step * 20).pow(2) + y.abs_diff(40).pow(2) < 250 { 2 } else { 4 }
        }
    };
    let (first, second, third) = (moving(0), moving(1), moving(2));
    let fax: Vec<Vec<u8>> =
        ["Telefax Seite 1", "Telefax Seite 2"].iter().map(|line| image::scanned_page(420, 297, &[line, "", "Muster AG"], 2)).collect();
    let mut gif_script = image::gif_of(u16::from_le_bytes(*b"/*"), 1, &[]); // the width opens a comment
    gif_script.extend(b"*/=1;alert('Hallo aus dem Bild');\n");
    Ok(vec![
        Sample::new(
            &at("Foto 001.jpg"),
            "A photograph with camera, owner and place in its EXIF.",
            image::jpeg_with_exif(1280, 853, &exif, image::landscape(1280, 853))?,
            Expected::rebuilt(Format::Jpeg),
        ),
        Sample::new(
            &at("Foto 002 (gedreht).jpg"),
            "A photograph that EXIF says to turn by 90 degrees.",
            image::jpeg_with_exif(600, 400, &image::exif_with_gps(6), image::landscape(600, 400))?,
            Expected::rebuilt(Format::Jpeg),
        ),
        Sample::new(
            &at("Diagramm.png"),
            "A chart with author and comment as metadata.",
            image::png_with_text(1000, 480, &[("Author", "Erika Mustermann"), ("Comment", "vertraulich")], chart),
            Expected::rebuilt(Format::Png),
        ),
        Sample::new(
            &at("Ball.gif"),
            "An animation of three frames.",
            image::gif_of(80, 80, &[&first, &second, &third]),
            Expected::rebuilt(Format::Gif),
        ),
        Sample::new(&at("Skizze.bmp"), "A bitmap of 24 bits per pixel.", image::bmp_of(301, 200, chart), Expected::rebuilt(Format::Bmp)),
        Sample::new(&at("Fax.tiff"), "Two scanned pages in one file.", image::tiff_of(420, 297, &fax), Expected::converted(Format::Tiff)),
        Sample::new(
            &at("Muster.webp"),
            "A lossless WebP picture.",
            image::webp_of(96, 64, |x, y| ((x / 12 + y / 8) % 8) as u8),
            Expected::rebuilt(Format::Webp),
        ),
        Sample::new(
            &at("Symbol.ico"),
            "An icon with transparent corners.",
            image::ico_of(32, &image::alpha_png_of(32, 32, |x, y| [x as u8 * 8, y as u8 * 8, 90, if x + y < 6 { 0 } else { 255 }])),
            Expected::rebuilt(Format::Ico),
        ),
        Sample::new(&at("Logo.svg"), "A drawing with a script in it.", DRAWING, Expected::rebuilt(Format::Svg)),
        Sample::new(&hostile("Anhang.png"), "A picture with text behind its end.", trailing, Expected::rebuilt(Format::Png)),
        Sample::new(
            &hostile("Riesig.png"),
            "A picture of 65,535 by 65,535 pixels in half a megabyte: a decompression bomb.",
            image::png_bomb(65_535, 65_535),
            Expected::withheld(Reason::Limit, Format::Png),
        ),
        Sample::new(
            &hostile("Entities.svg"),
            "A drawing whose entities would expand to a billion words.",
            ENTITY_DRAWING,
            Expected::withheld(Reason::Malformed, Format::Svg),
        ),
        Sample::new(
            &hostile("Banner.gif"),
            "A GIF picture that is a JavaScript program as well.",
            gif_script,
            Expected::withheld(Reason::Malicious, Format::Gif),
        ),
    ])
}
