//! The file as a sequence of bytes: header, objects, cross-reference table, trailer, end (7.5).
//!
//! The file is read once from front to back, so a gap, an overlap or a second section has no place to be.
//!
//! **Invariant**: on success every byte of the file belongs to the header, one object, the table or the trailer.

use super::RejectionCode as Code;
use super::syntax::{Dict, Lexer, Value};
use super::{Rejection, Verified, VerifyLimits, require};

/// One indirect object: a dictionary, with or without a stream.
pub(super) struct Object<'a> {
    /// Where `N 0 obj` begins.
    pub(super) offset: usize,
    pub(super) dict: Dict<'a>,
    /// The encoded stream bytes, exactly `/Length` of them.
    pub(super) stream: Option<&'a [u8]>,
}

/// All objects of a file; object N is at index N − 1.
pub(super) struct File<'a> {
    pub(super) objects: Vec<Object<'a>>,
    /// Object number of the catalog.
    pub(super) root: u32,
    /// Where the trailer begins.
    pub(super) trailer: usize,
}

/// Reads the whole file into objects.
pub(super) fn parse<'a>(bytes: &'a [u8], limits: &VerifyLimits) -> Verified<File<'a>> {
    let mut lexer = Lexer::new(bytes);
    header(&mut lexer)?;
    let mut objects: Vec<Object<'a>> = Vec::new();
    while !lexer.starts_with(b"xref\n") {
        require(objects.len() < limits.objects as usize, Code::ObjectLimit, lexer.pos())?;
        objects.push(object(&mut lexer, objects.len() as u64 + 1)?);
    }
    let xref_offset = lexer.pos();
    xref(&mut lexer, &objects)?;
    let trailer = lexer.pos();
    let root = read_trailer(&mut lexer, objects.len())?;
    end(&mut lexer, xref_offset)?;
    Ok(File { objects, root, trailer })
}

fn header(lexer: &mut Lexer) -> Verified<()> {
    let fault = Rejection::new(Code::Header, 0);
    lexer.expect(b"%PDF-1.", Code::Header)?;
    let version = lexer.take(2).ok_or(fault)?;
    require(matches!(version, [b'4'..=b'7', b'\n']), Code::Header, 0)?;
    let mark = lexer.take(6).ok_or(fault)?;
    let binary = matches!(mark, [b'%', high @ .., b'\n'] if high.iter().all(|byte| *byte >= 128));
    require(binary, Code::Header, 0)
}

fn object<'a>(lexer: &mut Lexer<'a>, expected: u64) -> Verified<Object<'a>> {
    let offset = lexer.pos();
    let number = lexer.unsigned(Code::ObjectFrame)?;
    require(number == expected, Code::ObjectNumber, offset)?;
    lexer.expect(b" 0 obj\n", Code::ObjectFrame)?;
    let dict = lexer.dict(offset, 0)?;
    let mut stream = None;
    if !lexer.starts_with(b"\nendobj\n") {
        lexer.gap();
        lexer.expect(b"stream\n", Code::ObjectFrame)?;
        let length = dict.int("Length", 0..=i64::from(u32::MAX))?;
        let length = usize::try_from(length).map_err(|_| Rejection::new(Code::StreamFrame, offset))?;
        stream = Some(lexer.take(length).ok_or(Rejection::new(Code::StreamFrame, offset))?);
        lexer.expect(b"\nendstream", Code::StreamFrame)?;
        // The writer's library puts one space between `endstream` and the line end.
        lexer.eat(b" ");
    }
    lexer.expect(b"\nendobj\n", Code::ObjectFrame)?;
    Ok(Object { offset, dict, stream })
}

/// One section from object 0, with 20-byte entries that point at exactly the objects read.
fn xref(lexer: &mut Lexer, objects: &[Object]) -> Verified<()> {
    lexer.expect(b"xref\n0 ", Code::Xref)?;
    let start = lexer.pos();
    let entries = lexer.unsigned(Code::Xref)?;
    require(entries == objects.len() as u64 + 1, Code::Xref, start)?;
    lexer.expect(b"\n0000000000 65535 f \n", Code::Xref)?;
    for object in objects {
        lexer.expect(format!("{:010} 00000 n \n", object.offset).as_bytes(), Code::Xref)?;
    }
    Ok(())
}

fn read_trailer(lexer: &mut Lexer, objects: usize) -> Verified<u32> {
    let offset = lexer.pos();
    lexer.expect(b"trailer\n", Code::Trailer)?;
    let dict = lexer.dict(offset, 0)?;
    dict.only(&["Size", "Root"], &["ID"])?;
    let size = objects as i64 + 1;
    dict.int("Size", size..=size)?;
    if dict.find("ID").is_some() {
        let digests = dict.array("ID")?;
        let paired = matches!(digests, [Value::Text(one), Value::Text(two)] if one.len() == 16 && two.len() == 16);
        require(paired, Code::Trailer, offset)?;
    }
    dict.reference("Root")
}

fn end(lexer: &mut Lexer, xref_offset: usize) -> Verified<()> {
    lexer.expect(format!("\nstartxref\n{xref_offset}\n%%EOF").as_bytes(), Code::EndOfFile)?;
    require(lexer.at_end(), Code::EndOfFile, lexer.pos())
}
