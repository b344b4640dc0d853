//! Catalog, page tree and pages: which object is what, and who may point at it (7.7).
//!
//! **Invariant**: on success every object of the file has exactly one role, was reached from the catalog through keys
//! that belong to that role, and was checked in full.

use std::collections::BTreeMap;

use super::RejectionCode as Code;
use super::file::{File, Object};
use super::syntax::{Dict, Value};
use super::{Accepted, Kind, Rejection, Verified, VerifyLimits, content, font, image, inflate, require};

/// What an object is. Images and fonts may be shared by pages, the others are used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Catalog,
    Pages,
    Page,
    Content,
    Image { painted: bool },
    Font,
    FontDescriptor,
    ToUnicode,
}

impl Role {
    const fn shared_with(self, other: Self) -> bool {
        matches!((self, other), (Self::Image { .. }, Self::Image { .. }) | (Self::Font, Self::Font))
    }
}

/// What a page's content may name, and the objects behind the names.
#[derive(Default)]
pub(super) struct Resources<'a> {
    pub(super) images: BTreeMap<&'a [u8], u32>,
    pub(super) fonts: BTreeMap<&'a [u8], u32>,
}

/// The walk over a file's objects.
pub(super) struct Walk<'a, 'f> {
    file: &'f File<'a>,
    roles: Vec<Option<Role>>,
    pub(super) limits: &'f VerifyLimits,
}

impl<'a, 'f> Walk<'a, 'f> {
    fn index(number: u32) -> Option<usize> {
        usize::try_from(number).ok()?.checked_sub(1)
    }

    /// Gives object `number` its role. The object comes back the first time only: it is to be checked then.
    pub(super) fn claim(&mut self, number: u32, role: Role, from: usize) -> Verified<Option<&'f Object<'a>>> {
        let index = Self::index(number).ok_or(Rejection::new(Code::Dangling, from))?;
        let object = self.file.objects.get(index).ok_or(Rejection::new(Code::Dangling, from))?;
        let slot = self.roles.get_mut(index).ok_or(Rejection::new(Code::Dangling, from))?;
        match slot {
            None => {
                *slot = Some(role);
                Ok(Some(object))
            }
            Some(known) => {
                require(known.shared_with(role), Code::Role, from)?;
                Ok(None)
            }
        }
    }

    /// As [`Self::claim`], for roles that are used once, and have no stream.
    fn claim_plain(&mut self, number: u32, role: Role, from: usize) -> Verified<&'f Dict<'a>> {
        let object = self.claim(number, role, from)?.ok_or(Rejection::new(Code::Role, from))?;
        require(object.stream.is_none(), Code::WrongType, object.offset)?;
        Ok(&object.dict)
    }

    /// Notes that a page paints image `number`.
    pub(super) fn paint(&mut self, number: u32) {
        if let Some(slot) = Self::index(number).and_then(|index| self.roles.get_mut(index)) {
            *slot = Some(Role::Image { painted: true });
        }
    }

    fn page(&mut self, number: u32, parent: u32, kind: Kind, from: usize) -> Verified<bool> {
        let page = self.claim_plain(number, Role::Page, from)?;
        page.only(&["Type", "Parent", "MediaBox", "Resources", "Contents"], &[])?;
        page.name_is("Type", "Page")?;
        require(page.reference("Parent")? == parent, Code::PageTree, page.offset)?;
        page_box(page, self.limits)?;
        let resources = self.resources(page.dict("Resources")?)?;
        let contents = self.claim(page.reference("Contents")?, Role::Content, page.offset)?;
        let contents = contents.ok_or(Rejection::new(Code::Role, page.offset))?;
        let text = text_stream(contents, self.limits)?;
        content::check(&text, kind, &resources, self).map_err(|rejection| rejection.at(contents.offset))
    }

    fn resources(&mut self, dict: &'f Dict<'a>) -> Verified<Resources<'a>> {
        dict.only(&[], &["XObject", "Font"])?;
        let mut resources = Resources::default();
        if dict.find("XObject").is_some() {
            for (name, value) in &dict.dict("XObject")?.entries {
                let Value::Ref(number) = value else {
                    return Err(dict.wrong_type());
                };
                if let Some(object) = self.claim(*number, Role::Image { painted: false }, dict.offset)? {
                    image::check(object, self.limits)?;
                }
                resources.images.insert(name, *number);
            }
        }
        if dict.find("Font").is_some() {
            for (name, value) in &dict.dict("Font")?.entries {
                let Value::Ref(number) = value else {
                    return Err(dict.wrong_type());
                };
                if let Some(object) = self.claim(*number, Role::Font, dict.offset)? {
                    font::check(object, self)?;
                }
                resources.fonts.insert(name, *number);
            }
        }
        Ok(resources)
    }

    /// The number of images, once every object is known to have a use.
    fn finish(&self) -> Verified<u32> {
        let mut images = 0;
        for (object, role) in self.file.objects.iter().zip(&self.roles) {
            match role {
                None => return Err(Rejection::new(Code::Unused, object.offset)),
                Some(Role::Image { painted: false }) => {
                    return Err(Rejection::new(Code::Unpainted, object.offset));
                }
                Some(Role::Image { painted: true }) => images += 1,
                Some(Role::Catalog | Role::Pages | Role::Page | Role::Content | Role::Font | Role::FontDescriptor | Role::ToUnicode) => {}
            }
        }
        Ok(images)
    }
}

/// Checks everything from the catalog down.
pub(super) fn check(file: &File, kind: Kind, limits: &VerifyLimits) -> Verified<Accepted> {
    let mut walk = Walk { file, roles: vec![None; file.objects.len()], limits };
    let catalog = walk.claim_plain(file.root, Role::Catalog, file.trailer)?;
    catalog.only(&["Type", "Pages"], &["Lang"])?;
    catalog.name_is("Type", "Catalog")?;
    language(catalog)?;

    let pages_number = catalog.reference("Pages")?;
    let pages = walk.claim_plain(pages_number, Role::Pages, catalog.offset)?;
    pages.only(&["Type", "Kids", "Count"], &[])?;
    pages.name_is("Type", "Pages")?;
    let kids = pages.array("Kids")?;
    require((1..=limits.pages as usize).contains(&kids.len()), Code::PageLimit, pages.offset)?;
    let count = kids.len() as i64;
    pages.int("Count", count..=count)?;

    let mut text = false;
    for kid in kids {
        let Value::Ref(number) = kid else {
            return Err(pages.wrong_type());
        };
        text |= walk.page(*number, pages_number, kind, pages.offset)?;
    }
    let images = walk.finish()?;
    Ok(Accepted { pages: kids.len() as u32, images, text })
}

/// A language tag (RFC 5646): letters, digits and hyphens only.
fn language(catalog: &Dict) -> Verified<()> {
    match catalog.find("Lang") {
        None => Ok(()),
        Some(Value::Text(tag)) => {
            let plain = tag.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
            require(plain && (1..=35).contains(&tag.len()), Code::WrongValue, catalog.offset)
        }
        Some(_) => Err(catalog.wrong_type()),
    }
}

fn page_box(page: &Dict, limits: &VerifyLimits) -> Verified<()> {
    let mut sides = page.array("MediaBox")?.iter().map(Value::number);
    let (Some(Some(left)), Some(Some(bottom)), Some(Some(width)), Some(Some(height)), None) =
        (sides.next(), sides.next(), sides.next(), sides.next(), sides.next())
    else {
        return Err(Rejection::new(Code::PageBox, page.offset));
    };
    let most = f64::from(limits.page_side_pt);
    let fits = left == 0.0 && bottom == 0.0 && width > 0.0 && width <= most && height > 0.0 && height <= most;
    require(fits, Code::PageBox, page.offset)
}

/// The decoded bytes of a stream whose dictionary has only a length and perhaps Flate: page content, `/ToUnicode`.
pub(super) fn text_stream<'a>(object: &Object<'a>, limits: &VerifyLimits) -> Verified<std::borrow::Cow<'a, [u8]>> {
    let offset = object.offset;
    let bytes = object.stream.ok_or(Rejection::new(Code::WrongType, offset))?;
    object.dict.only(&["Length"], &["Filter"])?;
    let most = usize::try_from(limits.stream_bytes).unwrap_or(usize::MAX);
    if object.dict.find("Filter").is_none() {
        require(bytes.len() <= most, Code::StreamLimit, offset)?;
        return Ok(bytes.into());
    }
    require(object.dict.name("Filter")? == b"FlateDecode", Code::Filter, offset)?;
    inflate::zlib(bytes, most).map(Into::into).map_err(|fault| match fault {
        inflate::Fault::Malformed => Rejection::new(Code::Flate, offset),
        inflate::Fault::TooLong => Rejection::new(Code::StreamLimit, offset),
    })
}
