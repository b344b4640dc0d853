//! Receivers that count what they are given and compare it with what was promised.

use inspect::MemberSink;
use render::PageSink;
use wire::{EntryKind, Failure, PageStart, RawFinding, RenderLimits, TextPiece, UnpackLimits, WireError};

/// Members of an archive, against the limits.
#[derive(Debug)]
pub(crate) struct CountedMembers {
    limits: UnpackLimits,
    members: u32,
    expanded_bytes: u64,
    /// Bytes of the member being handed out.
    open: Option<u64>,
}

impl CountedMembers {
    pub(crate) const fn new(limits: UnpackLimits) -> Self {
        Self { limits, members: 0, expanded_bytes: 0, open: None }
    }

    /// Whether every member that began also ended.
    pub(crate) const fn at_rest(&self) -> bool {
        self.open.is_none()
    }
}

impl MemberSink for CountedMembers {
    fn entry(&mut self, path: Vec<Vec<u8>>, _kind: EntryKind, _size_bytes: u64) -> Result<(), WireError> {
        assert!(self.open.is_none(), "a member began inside another");
        assert!(path.iter().flatten().all(|byte| !matches!(byte, b'/' | b'\\')), "a component with a separator");
        self.members += 1;
        assert!(self.members <= self.limits.max_members, "more members than allowed");
        self.open = Some(0);
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let open = self.open.as_mut().expect("bytes outside of a member");
        *open += bytes.len() as u64;
        self.expanded_bytes += bytes.len() as u64;
        assert!(*open <= self.limits.max_member_bytes, "a member larger than allowed");
        assert!(self.expanded_bytes <= self.limits.max_expanded_bytes, "more expanded bytes than allowed");
        Ok(())
    }

    fn end(&mut self, _failure: Option<Failure>) -> Result<(), WireError> {
        assert!(self.open.take().is_some(), "the end of a member that never began");
        Ok(())
    }
}

/// Pages, against the limits and against their own heads.
#[derive(Debug)]
pub(crate) struct CountedPages {
    limits: RenderLimits,
    announced: Option<u32>,
    done: u32,
    open: bool,
}

impl CountedPages {
    pub(crate) const fn new(limits: RenderLimits) -> Self {
        Self { limits, announced: None, done: 0, open: false }
    }

    /// To be called when the renderer said that all is done.
    pub(crate) fn assert_complete(&self) {
        assert_eq!(self.announced, Some(self.done), "pages that were announced but never came");
        assert!(!self.open, "a page that never ended");
    }
}

fn assert_points(width_pt: f32, height_pt: f32) {
    let sides = render::limits::MIN_SIDE_PT..=render::limits::MAX_SIDE_PT;
    assert!(sides.contains(&width_pt) && sides.contains(&height_pt), "a page of {width_pt} x {height_pt} points");
}

impl PageSink for CountedPages {
    fn document(&mut self, pages: u32) -> Result<(), WireError> {
        assert!(self.announced.is_none() && pages <= self.limits.max_pages, "{pages} pages announced");
        self.announced = Some(pages);
        Ok(())
    }

    fn page(&mut self, start: PageStart, pixels: &[u8]) -> Result<(), WireError> {
        assert!(!self.open && self.announced.is_some_and(|all| self.done < all), "a page too many");
        assert_points(start.width_pt, start.height_pt);
        let count = u64::from(start.width_px) * u64::from(start.height_px);
        assert!(count > 0 && count <= self.limits.max_page_pixels, "{} x {} pixels", start.width_px, start.height_px);
        assert_eq!(pixels.len() as u64, count * start.pixels.channels(), "pixels that do not fit their page");
        self.open = true;
        Ok(())
    }

    fn text(&mut self, pieces: Vec<TextPiece>) -> Result<(), WireError> {
        assert!(self.open && pieces.len() <= self.limits.max_page_text as usize);
        let mut characters = 0;
        for piece in pieces {
            let numbers = [piece.x_pt, piece.y_pt, piece.width_pt, piece.size_pt, piece.angle_deg];
            assert!(numbers.iter().all(|number| number.is_finite()), "text without a place");
            let Ok(count) = piece.text.into_untrusted().check(|text| Ok::<_, std::convert::Infallible>(text.chars().count()));
            assert!(count <= render::sink::MAX_PIECE_CHARS, "a piece of {count} characters");
            characters += count;
        }
        assert!(characters <= self.limits.max_page_text as usize, "{characters} characters on a page");
        Ok(())
    }

    fn page_end(&mut self, _findings: Vec<RawFinding>) -> Result<(), WireError> {
        assert!(std::mem::take(&mut self.open), "the end of a page that never began");
        self.done += 1;
        Ok(())
    }

    fn page_failed(&mut self, width_pt: f32, height_pt: f32, _failure: Failure) -> Result<(), WireError> {
        assert!(!self.open && self.announced.is_some_and(|all| self.done < all), "a failed page too many");
        assert_points(width_pt, height_pt);
        self.done += 1;
        Ok(())
    }
}
