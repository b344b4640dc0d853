//! Visible text pages for the session report: A4, Helvetica and Helvetica-Bold, neither of them embedded.
//!
//! **Invariant.** Only our own words and escaped views of foreign names come here, and nothing is lost on the way:
//! what the encoding lacks is shown as `\u{XXXX}`, what is too wide is wrapped, what is too long goes on overleaf.

use lopdf::content::Operation;
use lopdf::{Dictionary, Object};

use super::WriteError;
use super::document::Skeleton;
use super::text::{number, standard};
use super::winansi::{self, HELVETICA, HELVETICA_BOLD, Metrics};

/// ISO 216 A4.
const PAGE_PT: (f32, f32) = (595.276, 841.89);
const LEFT_PT: f64 = 50.0;
const TOP_PT: f64 = 790.0;
const BOTTOM_PT: f64 = 60.0;
const FOOT_PT: f64 = 32.0;
const BODY_WIDTH_PT: f64 = 495.276;
/// Blank on both sides of a cell's text.
const CELL_PAD_PT: f64 = 3.0;
/// Baseline distance in font sizes.
const LEADING: f64 = 1.3;

/// A typeface at a size.
#[derive(Debug, Clone, Copy)]
struct Face {
    resource: &'static str,
    metrics: &'static Metrics,
    size_pt: f64,
}

const BODY: Face = Face { resource: "F0", metrics: &HELVETICA, size_pt: 9.5 };
const CELL: Face = Face { resource: "F0", metrics: &HELVETICA, size_pt: 8.0 };
const HEADING: Face = Face { resource: "F1", metrics: &HELVETICA_BOLD, size_pt: 14.0 };
const COLUMN_TITLE: Face = Face { resource: "F1", metrics: &HELVETICA_BOLD, size_pt: 8.0 };

impl Face {
    fn line_pt(self) -> f64 {
        self.size_pt * LEADING
    }

    fn width_pt(self, codes: &[u8]) -> f64 {
        self.metrics.width_pt(codes, self.size_pt)
    }

    /// Lines no wider than `limit_pt`, broken at spaces where possible and inside words where not.
    fn wrap(self, text: &str, limit_pt: f64) -> Vec<Vec<u8>> {
        text.split('\n').flat_map(|line| self.wrap_line(&shown(line), limit_pt)).collect()
    }

    fn wrap_line(self, codes: &[u8], limit_pt: f64) -> Vec<Vec<u8>> {
        let mut lines = vec![Vec::new()];
        for word in codes.split(|code| *code == b' ').filter(|word| !word.is_empty()) {
            let line = lines.last().map_or(&[][..], Vec::as_slice);
            let joined = if line.is_empty() { word.to_vec() } else { [line, word].join(&b' ') };
            if self.width_pt(&joined) <= limit_pt {
                lines.pop();
                lines.push(joined);
                continue;
            }
            if line.is_empty() {
                lines.pop();
            }
            lines.extend(self.hyphenless(word, limit_pt));
        }
        lines
    }

    /// A word cut into pieces that fit, each of at least one character.
    fn hyphenless(self, word: &[u8], limit_pt: f64) -> Vec<Vec<u8>> {
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        let mut width = f64::INFINITY;
        for code in word {
            let advance = self.width_pt(&[*code]);
            width += advance;
            match pieces.last_mut() {
                Some(piece) if width <= limit_pt => piece.push(*code),
                _ => {
                    pieces.push(vec![*code]);
                    width = advance;
                }
            }
        }
        pieces
    }
}

/// Text in `WinAnsiEncoding`; what it lacks, controls included, as `\u{XXXX}`.
fn shown(text: &str) -> Vec<u8> {
    let mut codes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match winansi::code(character) {
            Some(code) => codes.push(code),
            None => codes.extend(format!("\\u{{{:04X}}}", u32::from(character)).bytes()),
        }
    }
    codes
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its heading, repeated on each page.
    pub title: String,
    /// Its part of the page width, relative to the other columns; zero, negative and non-finite values count as 1.
    pub width_share: f32,
}

/// A report in the making. Blocks follow each other from top to bottom; pages break by themselves.
#[derive(Debug)]
pub struct ReportDocument {
    skeleton: Skeleton,
    pages: Vec<Vec<Operation>>,
    /// Upper edge of the free space on the last page, in points from the bottom.
    free_pt: f64,
}

impl ReportDocument {
    /// An empty report. `lang` is its language as a BCP 47 tag, as for [`super::Document::new`].
    pub fn new(lang: Option<&str>) -> Self {
        Self { skeleton: Skeleton::new(lang), pages: vec![Vec::new()], free_pt: TOP_PT }
    }

    /// Adds a heading, kept on a page with the lines that follow.
    pub fn heading(&mut self, text: &str) {
        if self.free_pt < TOP_PT {
            self.free_pt -= HEADING.size_pt;
        }
        let lines = HEADING.wrap(text, BODY_WIDTH_PT);
        self.keep(HEADING.line_pt() * lines.len() as f64 + 3.0 * BODY.line_pt());
        self.lines(HEADING, &lines);
        self.free_pt -= 4.0;
    }

    /// Adds a paragraph; `\n` breaks a line.
    pub fn paragraph(&mut self, text: &str) {
        let lines = BODY.wrap(text, BODY_WIDTH_PT);
        self.lines(BODY, &lines);
        self.free_pt -= 5.0;
    }

    /// Adds a table with a rule under each row; its titles are repeated on each page.
    ///
    /// # Errors
    ///
    /// [`WriteError::TableRow`] when a row has not exactly one cell per column; rows before it are kept.
    pub fn table(&mut self, columns: &[Column], rows: impl Iterator<Item = Vec<String>>) -> Result<(), WriteError> {
        let widths = widths_pt(columns);
        let titles: Vec<String> = columns.iter().map(|column| column.title.clone()).collect();
        let titles = Cells::wrapped(COLUMN_TITLE, &titles, &widths);
        self.keep(titles.height_pt() + 2.0 * CELL.line_pt());
        self.title_row(&titles, &widths);
        for row in rows {
            if row.len() != columns.len() {
                return Err(WriteError::TableRow { expected: columns.len(), found: row.len() });
            }
            self.row(Cells::wrapped(CELL, &row, &widths), &titles, &widths);
        }
        self.free_pt -= 8.0;
        Ok(())
    }

    /// Adds a square of dark and light modules (a QR code), `side_pt` points wide, with its quiet zone of four modules.
    ///
    /// # Errors
    ///
    /// [`WriteError::Matrix`] when it is no square, empty, or wider than the page.
    pub fn matrix(&mut self, rows: &[Vec<bool>], side_pt: f64) -> Result<(), WriteError> {
        let count = rows.len();
        if count == 0 || rows.iter().any(|row| row.len() != count) || !(1.0..=BODY_WIDTH_PT).contains(&side_pt) {
            return Err(WriteError::Matrix);
        }
        self.keep(side_pt);
        // ISO/IEC 18004, 6.3.8: a quiet zone of four modules.
        let module = side_pt / (count as f64 + 8.0);
        let (left, top) = (LEFT_PT + 4.0 * module, self.free_pt - 4.0 * module);
        self.free_pt -= side_pt;
        self.draw(|page| {
            for (index, row) in rows.iter().enumerate() {
                let bottom = top - (index as f64 + 1.0) * module;
                let mut at = 0;
                // A rectangle for each run of dark modules.
                for run in row.chunk_by(|a, b| a == b) {
                    if run.first() == Some(&true) {
                        let edges = [left + at as f64 * module, bottom, run.len() as f64 * module, module];
                        page.push(Operation::new("re", edges.map(number).to_vec()));
                    }
                    at += run.len();
                }
            }
            page.push(Operation::new("f", vec![]));
        });
        Ok(())
    }

    /// The bytes of the file, with page numbers.
    ///
    /// # Errors
    ///
    /// When a content stream or the file cannot be serialised.
    pub fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        let fonts =
            [("F0", "Helvetica"), ("F1", "Helvetica-Bold")].map(|(resource, typeface)| (resource, self.skeleton.add(standard(typeface))));
        let count = self.pages.len();
        for (index, mut operations) in self.pages.into_iter().enumerate() {
            let label = format!("{} / {count}", index + 1).into_bytes();
            let x = LEFT_PT + BODY_WIDTH_PT - CELL.width_pt(&label);
            write_line(&mut operations, CELL, (x, FOOT_PT), &label);
            let fonts = fonts.iter().map(|(resource, id)| (*resource, Object::Reference(*id))).collect();
            self.skeleton.page(PAGE_PT, Dictionary::new(), fonts, operations)?;
        }
        self.skeleton.finish()
    }

    /// Breaks the page unless this much of it is free.
    fn keep(&mut self, height_pt: f64) {
        if self.free_pt - height_pt < BOTTOM_PT && self.free_pt < TOP_PT {
            self.pages.push(Vec::new());
            self.free_pt = TOP_PT;
        }
    }

    fn draw(&mut self, draw: impl FnOnce(&mut Vec<Operation>)) {
        if let Some(page) = self.pages.last_mut() {
            draw(page);
        }
    }

    fn lines(&mut self, face: Face, lines: &[Vec<u8>]) {
        for line in lines {
            self.keep(face.line_pt());
            self.free_pt -= face.line_pt();
            let at = (LEFT_PT, self.free_pt + face.size_pt * (LEADING - 1.0));
            self.draw(|page| write_line(page, face, at, line));
        }
    }

    fn title_row(&mut self, titles: &Cells, widths: &[f64]) {
        let height = titles.height_pt();
        let bottom = self.free_pt - height;
        self.draw(|page| {
            page.push(Operation::new("g", vec![number(0.92)]));
            page.push(Operation::new("re", [LEFT_PT, bottom, BODY_WIDTH_PT, height].map(number).to_vec()));
            page.push(Operation::new("f", vec![]));
            page.push(Operation::new("g", vec![number(0.0)]));
        });
        self.cells(titles, widths);
    }

    /// Draws a row, going on overleaf as often as it takes.
    fn row(&mut self, mut cells: Cells, titles: &Cells, widths: &[f64]) {
        loop {
            // A row that fits on one page is not torn apart.
            let page_pt = TOP_PT - BOTTOM_PT - titles.height_pt();
            let wanted = if cells.height_pt() <= page_pt { cells.height_pt() } else { 2.0 * cells.face.line_pt() };
            let pages = self.pages.len();
            self.keep(wanted);
            if self.pages.len() > pages {
                self.title_row(titles, widths);
            }
            let room = ((self.free_pt - BOTTOM_PT - 2.0 * CELL_PAD_PT) / cells.face.line_pt()).max(1.0) as usize;
            let rest = cells.split_off(room);
            self.cells(&cells, widths);
            match rest {
                Some(rest) => cells = rest,
                None => return,
            }
        }
    }

    /// Draws cells side by side and a rule under them.
    fn cells(&mut self, cells: &Cells, widths: &[f64]) {
        let top = self.free_pt - CELL_PAD_PT;
        self.free_pt -= cells.height_pt();
        let (face, rule) = (cells.face, self.free_pt);
        self.draw(|page| {
            let mut x = LEFT_PT;
            for (lines, width) in cells.lines.iter().zip(widths) {
                for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
                    let y = top - face.line_pt() * index as f64 - face.size_pt;
                    write_line(page, face, (x + CELL_PAD_PT, y), line);
                }
                x += width;
            }
            page.push(Operation::new("w", vec![number(0.25)]));
            page.push(Operation::new("m", vec![number(LEFT_PT), number(rule)]));
            page.push(Operation::new("l", vec![number(LEFT_PT + BODY_WIDTH_PT), number(rule)]));
            page.push(Operation::new("S", vec![]));
        });
    }
}

/// The wrapped cells of one row.
#[derive(Debug)]
struct Cells {
    face: Face,
    lines: Vec<Vec<Vec<u8>>>,
}

impl Cells {
    fn wrapped(face: Face, texts: &[String], widths: &[f64]) -> Self {
        let lines = texts.iter().zip(widths).map(|(text, width)| face.wrap(text, width - 2.0 * CELL_PAD_PT)).collect();
        Self { face, lines }
    }

    fn height_pt(&self) -> f64 {
        let lines = self.lines.iter().map(Vec::len).max().unwrap_or(0);
        lines as f64 * self.face.line_pt() + 2.0 * CELL_PAD_PT
    }

    /// Keeps the first `room` lines of each cell and returns the others.
    fn split_off(&mut self, room: usize) -> Option<Self> {
        let rest: Vec<Vec<Vec<u8>>> = self.lines.iter_mut().map(|lines| lines.split_off(room.min(lines.len()))).collect();
        rest.iter().any(|lines| !lines.is_empty()).then_some(Self { face: self.face, lines: rest })
    }
}

fn widths_pt(columns: &[Column]) -> Vec<f64> {
    let share = |column: &Column| {
        let share = f64::from(column.width_share);
        if share.is_finite() && share > 0.0 { share } else { 1.0 }
    };
    let sum: f64 = columns.iter().map(share).sum();
    columns.iter().map(|column| share(column) / sum * BODY_WIDTH_PT).collect()
}

fn write_line(page: &mut Vec<Operation>, face: Face, (x, y): (f64, f64), codes: &[u8]) {
    page.extend([
        Operation::new("BT", vec![]),
        Operation::new("Tr", vec![0.into()]),
        Operation::new("Tf", vec![face.resource.into(), number(face.size_pt)]),
        Operation::new("Td", vec![number(x), number(y)]),
        Operation::new("Tj", vec![Object::string_literal(codes.to_vec())]),
        Operation::new("ET", vec![]),
    ]);
}
