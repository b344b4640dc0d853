//! `/ToUnicode` maps (9.10.3): one fixed text around a list of code and character.
//!
//! A CMap is a PostScript program. Nothing here interprets one: whatever differs from the fixed text is rejected.
//!
//! **Invariant**: an accepted map is a strictly ascending list of one-byte codes with one character each.

use super::RejectionCode as Code;
use super::syntax::{Lexer, hex_byte};
use super::{Rejection, Verified, require};

const HEAD: &[u8] = b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n\
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n\
/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n\
1 begincodespacerange\n<00> <FF>\nendcodespacerange\n";
const TAIL: &[u8] = b"endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n";
/// BOUND: entries per block that readers must accept (Adobe technical note 5014).
const MAX_BLOCK: u64 = 100;

/// The codes and characters of a map, in file order.
pub(super) fn read(text: &[u8]) -> Verified<Vec<(u8, char)>> {
    let mut lexer = Lexer::new(text);
    lexer.expect(HEAD, Code::Cmap)?;
    let mut mapped: Vec<(u8, char)> = Vec::new();
    while !lexer.starts_with(TAIL) {
        let pos = lexer.pos();
        let entries = lexer.unsigned(Code::Cmap)?;
        require((1..=MAX_BLOCK).contains(&entries), Code::Cmap, pos)?;
        lexer.expect(b" beginbfchar\n", Code::Cmap)?;
        for _ in 0..entries {
            let pos = lexer.pos();
            let entry = entry(&mut lexer).ok_or(Rejection::new(Code::Cmap, pos))?;
            let ascending = mapped.last().is_none_or(|(code, _)| *code < entry.0);
            require(ascending, Code::Cmap, pos)?;
            mapped.push(entry);
        }
        lexer.expect(b"endbfchar\n", Code::Cmap)?;
    }
    lexer.expect(TAIL, Code::Cmap)?;
    require(lexer.at_end(), Code::Cmap, lexer.pos())?;
    Ok(mapped)
}

/// `<XX> <XXXX>` or, beyond the basic plane, `<XX> <XXXXXXXX>`, in UTF-16.
fn entry(lexer: &mut Lexer) -> Option<(u8, char)> {
    lexer.eat(b"<").then_some(())?;
    let code = hex_byte(lexer.take(2)?)?;
    lexer.eat(b"> <").then_some(())?;
    let mut units = Vec::with_capacity(2);
    while !lexer.eat(b">\n") {
        let [high, low] = [hex_byte(lexer.take(2)?)?, hex_byte(lexer.take(2)?)?];
        units.push(u16::from_be_bytes([high, low]));
        (units.len() <= 2).then_some(())?;
    }
    let mut characters = char::decode_utf16(units);
    let character = characters.next()?.ok()?;
    characters.next().is_none().then_some((code, character))
}
