//! From encoded pages to the bytes of a file.

use std::collections::BTreeMap;

use lopdf::content::{Content, Operation};
use lopdf::xref::XrefType;
use lopdf::{Dictionary, Object, ObjectId, Stream, dictionary};

use super::images::{self, Image, StripInfo, deflate};
use super::text::{self, Fonts};
use super::{Body, PAGE_SIDE_PT, Page, Raster, Settings, TextRun, WriteError, placeholder, strips};

/// A page ready to be put into a [`Document`].
#[derive(Debug)]
pub struct EncodedPage {
    width_pt: f32,
    height_pt: f32,
    images: Vec<Image>,
    text: Vec<TextRun>,
}

impl EncodedPage {
    /// How the strips are stored, from top to bottom.
    pub fn strips(&self) -> impl Iterator<Item = StripInfo> {
        self.images.iter().map(|image| image.info)
    }
}

/// Encodes one page. Pure, so that pages can be encoded in parallel.
///
/// # Errors
///
/// When a side is outside [`PAGE_SIDE_PT`], the raster does not fit its sides, a text run has a number that is not
/// finite, or a compressor fails.
pub fn encode_page(page: &Page, settings: &Settings) -> Result<EncodedPage, WriteError> {
    let Page { width_pt, height_pt, .. } = *page;
    if !PAGE_SIDE_PT.contains(&width_pt) || !PAGE_SIDE_PT.contains(&height_pt) {
        return Err(WriteError::PageSize { width_pt, height_pt });
    }
    let mut text = text::checked(&page.text, width_pt, height_pt)?;
    let images = match &page.body {
        Body::Raster(raster) => encode_raster(raster, settings)?,
        Body::Placeholder { lines } => {
            let (raster, words) = placeholder::draw(width_pt, height_pt, lines);
            text.extend(words);
            encode_raster(&raster, settings)?
        }
    };
    Ok(EncodedPage { width_pt, height_pt, images, text })
}

fn encode_raster(raster: &Raster, settings: &Settings) -> Result<Vec<Image>, WriteError> {
    raster.check()?;
    let bands = strips::cut(raster, settings.strip_height_px.max(8));
    let last = bands.len().saturating_sub(1);
    bands.iter().enumerate().map(|(place, band)| images::encode(raster, band, place < last, settings)).collect()
}

/// A flattened PDF in the making.
#[derive(Debug)]
pub struct Document {
    skeleton: Skeleton,
    fonts: Fonts,
    /// Objects of the fonts used so far; an unused one is not written.
    font_ids: BTreeMap<usize, ObjectId>,
    failure: Option<WriteError>,
}

impl Document {
    /// An empty document. `lang` is the language of its text (BCP 47, for instance `de-DE`); anything that does not
    /// look like such a tag is left out.
    pub fn new(lang: Option<&str>) -> Self {
        Self { skeleton: Skeleton::new(lang), fonts: Fonts::default(), font_ids: BTreeMap::new(), failure: None }
    }

    /// Appends a page. What goes wrong here is told by [`Document::finish`].
    pub fn push(&mut self, page: EncodedPage) {
        if let Err(failure) = self.append(page) {
            self.failure.get_or_insert(failure);
        }
    }

    fn append(&mut self, page: EncodedPage) -> Result<(), WriteError> {
        let page_pt = (page.width_pt, page.height_pt);
        let columns = page.images.first().map_or(1, |image| image.width_px);
        let raster_px = (columns, page.images.iter().map(|image| image.info.rows).sum());
        let mut operations = Vec::new();
        let mut x_objects = Dictionary::new();
        let mut rows_above = 0;
        for (index, image) in page.images.into_iter().enumerate() {
            let name = format!("Im{index}").into_bytes();
            operations.extend(paint(&name, page_pt, raster_px, rows_above, image.stored_rows));
            rows_above += image.info.rows;
            x_objects.set(name, self.skeleton.add(image.into_stream()));
        }
        let (layer, used) = self.fonts.layer(&page.text);
        operations.extend(layer);
        let mut fonts = Dictionary::new();
        for font in used {
            let pdf = &mut self.skeleton.pdf;
            let id = self.font_ids.entry(font).or_insert_with(|| pdf.new_object_id());
            fonts.set(text::name(font), *id);
        }
        self.skeleton.page(page_pt, x_objects, fonts, operations)
    }

    /// Pages so far.
    pub fn pages(&self) -> usize {
        self.skeleton.kids.len()
    }

    /// The bytes of the file.
    ///
    /// # Errors
    ///
    /// When there is no page, the file would be too long for its cross-reference table, or a page could not be
    /// written.
    pub fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        for (font, id) in self.font_ids {
            let object = self.fonts.object(font, &mut self.skeleton.pdf)?;
            self.skeleton.pdf.objects.insert(id, object.into());
        }
        self.skeleton.finish()
    }
}

/// How far images stay inside their place, in parts of a raster pixel. A reader that paints every device pixel an image
/// touches would otherwise stretch one that ends exactly on a pixel boundary by a row and a column.
const INSET_PX: f64 = 1.0 / 128.0;

/// Draws an image whose first row is `rows_above` of the raster's rows down the page.
fn paint(name: &[u8], page_pt: (f32, f32), raster_px: (u32, u32), rows_above: u32, rows: u32) -> [Operation; 4] {
    let inset = |side_pt: f32, side_px: u32| f64::from(side_pt) / f64::from(side_px.max(1)) * INSET_PX;
    let (x_inset, y_inset) = (inset(page_pt.0, raster_px.0), inset(page_pt.1, raster_px.1));
    let row_pt = f64::from(page_pt.1) / f64::from(raster_px.1.max(1));
    let width = f64::from(page_pt.0) - 2.0 * x_inset;
    let height = f64::from(rows) * row_pt - 2.0 * y_inset;
    let bottom = f64::from(page_pt.1) - f64::from(rows_above + rows) * row_pt + y_inset;
    let matrix = [width, 0.0, 0.0, height, x_inset, bottom];
    [
        Operation::new("q", vec![]),
        Operation::new("cm", matrix.map(|number| Object::Real(number as f32)).to_vec()),
        Operation::new("Do", vec![Object::Name(name.to_vec())]),
        Operation::new("Q", vec![]),
    ]
}

/// Catalog, page tree and pages: what every file of this module consists of.
#[derive(Debug)]
pub(super) struct Skeleton {
    pdf: lopdf::Document,
    tree: ObjectId,
    kids: Vec<Object>,
    bytes: u64,
}

impl Skeleton {
    pub(super) fn new(lang: Option<&str>) -> Self {
        let mut pdf = lopdf::Document::with_version("1.7");
        pdf.reference_table.cross_reference_type = XrefType::CrossReferenceTable;
        let mut catalog = dictionary! { "Type" => "Catalog" };
        let catalog_id = pdf.new_object_id();
        let tree = pdf.new_object_id();
        catalog.set("Pages", tree);
        if let Some(lang) = lang.filter(|lang| is_language_tag(lang)) {
            catalog.set("Lang", Object::string_literal(lang));
        }
        pdf.objects.insert(catalog_id, catalog.into());
        pdf.trailer.set("Root", catalog_id);
        Self { pdf, tree, kids: Vec::new(), bytes: 0 }
    }

    pub(super) fn add(&mut self, object: impl Into<Object>) -> ObjectId {
        let object = object.into();
        if let Object::Stream(stream) = &object {
            self.bytes += stream.content.len() as u64;
        }
        self.pdf.add_object(object)
    }

    /// Appends a page; empty resources are left out.
    pub(super) fn page(
        &mut self,
        (width_pt, height_pt): (f32, f32),
        x_objects: Dictionary,
        fonts: Dictionary,
        operations: Vec<Operation>,
    ) -> Result<(), WriteError> {
        let mut resources = Dictionary::new();
        for (kind, members) in [("XObject", x_objects), ("Font", fonts)] {
            if !members.is_empty() {
                resources.set(kind, members);
            }
        }
        let content = Content { operations }.encode().map_err(WriteError::Content)?;
        let content = self.add(Stream::new(dictionary! { "Filter" => "FlateDecode" }, deflate(&content)?));
        let page = self.add(dictionary! {
            "Type" => "Page",
            "Parent" => self.tree,
            "MediaBox" => vec![0.into(), 0.into(), Object::Real(width_pt), Object::Real(height_pt)],
            "Resources" => resources,
            "Contents" => content,
        });
        self.kids.push(page.into());
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        if self.kids.is_empty() {
            return Err(WriteError::NoPages);
        }
        // BOUND: lopdf counts offsets in 32 bits; dictionaries and fonts stay far below a KiB per object.
        let bytes = self.bytes + 1024 * self.pdf.objects.len() as u64;
        if u32::try_from(bytes).is_err() {
            return Err(WriteError::FileLength { bytes });
        }
        let count = self.kids.len() as i64;
        let tree = dictionary! { "Type" => "Pages", "Kids" => self.kids, "Count" => count };
        self.pdf.objects.insert(self.tree, tree.into());
        let mut out = Vec::with_capacity(bytes as usize);
        self.pdf.save_to(&mut out).map_err(WriteError::Serialise)?;
        Ok(out)
    }
}

/// Letters and digits in groups of up to eight, joined by hyphens (RFC 5646, 2.1), at most 35 characters.
fn is_language_tag(tag: &str) -> bool {
    tag.len() <= 35 && tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
