//! The floor of the benchmark: hayro alone, every page of the given PDFs to pixels at 150 dpi, one process, one thread.
//! Prints the number of pages.

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut pages = 0;
    for path in std::env::args_os().skip(1) {
        let Ok(pdf) = Pdf::new(Arc::new(std::fs::read(path)?)) else { continue };
        for page in pdf.pages().iter() {
            let (width, height) = page.render_dimensions();
            // The lock lowers the resolution of such pages; so does its floor.
            let scale = (150.0 / 72.0_f32).min((40_000_000.0 / (width * height).max(1.0)).sqrt());
            let pixmap = PixmapSettings { x_scale: scale, y_scale: scale, ..PixmapSettings::default() };
            let cache = RenderCache::new();
            std::hint::black_box(render(page, &cache, &InterpreterSettings::default(), &RenderSettings::default(), &pixmap));
            pages += 1;
        }
    }
    println!("{pages}");
    Ok(())
}
