//! Tokens, values and dictionaries of the accepted PDF syntax (7.2, 7.3).
//!
//! Narrower than PDF: between two tokens stands at most one space or line feed, comments do not exist, names have no
//! `#` escapes, numbers have one spelling.
//!
//! **Invariant**: every call consumes at least one byte or fails; nesting is bounded by [`MAX_DEPTH`].

use super::RejectionCode as Code;
use super::{Rejection, Verified, require};

/// BOUND: a page's `/Resources << /XObject << … >> >>` is three deep; one level to spare.
const MAX_DEPTH: u8 = 4;
/// BOUND: `/Kids` of the largest page tree is the longest container.
const MAX_ELEMENTS: usize = 1 << 17;
/// BOUND: longest name the specification asks readers for (annex C.2).
const MAX_NAME_BYTES: usize = 127;
/// BOUND: a 32-bit float printed in full without exponent.
const MAX_NUMBER_BYTES: usize = 56;
/// BOUND: far above any coordinate in a page of [`super::VerifyLimits::page_side_pt`], below where `f64` loses integers.
const MAX_MAGNITUDE: f64 = 1e10;
/// BOUND: longest string the specification asks readers for (annex C.2).
const MAX_STRING_BYTES: usize = 32_767;

/// One parsed value. Names borrow the file; strings are unescaped.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Real(f64),
    Name(&'a [u8]),
    Text(Vec<u8>),
    Array(Vec<Value<'a>>),
    Dict(Dict<'a>),
    Ref(u32),
}

impl Value<'_> {
    /// The value as a number, when it is one.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Real(real) => Some(*real),
            Self::Bool(_) | Self::Name(_) | Self::Text(_) | Self::Array(_) | Self::Dict(_) | Self::Ref(_) => None,
        }
    }
}

/// A dictionary without duplicate keys, in file order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dict<'a> {
    /// Where the file's object that holds it begins; for rejections.
    pub(super) offset: usize,
    pub(super) entries: Vec<(&'a [u8], Value<'a>)>,
}

impl<'a> Dict<'a> {
    /// Rejects unless every key is in one of the lists and every required one is there.
    pub(super) fn only(&self, required: &[&str], optional: &[&str]) -> Verified<()> {
        for (key, _) in &self.entries {
            let known = required.iter().chain(optional).any(|name| name.as_bytes() == *key);
            require(known, Code::UnknownKey, self.offset)?;
        }
        let complete = required.iter().all(|name| self.find(name).is_some());
        require(complete, Code::MissingKey, self.offset)
    }

    pub(super) fn find(&self, key: &str) -> Option<&Value<'a>> {
        self.entries.iter().find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value)
    }

    pub(super) fn get(&self, key: &str) -> Verified<&Value<'a>> {
        self.find(key).ok_or(Rejection::new(Code::MissingKey, self.offset))
    }

    pub(super) fn name(&self, key: &str) -> Verified<&'a [u8]> {
        match self.get(key)? {
            Value::Name(name) => Ok(name),
            _ => Err(self.wrong_type()),
        }
    }

    /// Rejects unless `key` is the name `expected`.
    pub(super) fn name_is(&self, key: &str, expected: &str) -> Verified<()> {
        require(self.name(key)? == expected.as_bytes(), Code::WrongValue, self.offset)
    }

    /// The integer under `key`, within `range`.
    pub(super) fn int(&self, key: &str, range: std::ops::RangeInclusive<i64>) -> Verified<i64> {
        match self.get(key)? {
            Value::Int(int) if range.contains(int) => Ok(*int),
            Value::Int(_) => Err(Rejection::new(Code::WrongValue, self.offset)),
            _ => Err(self.wrong_type()),
        }
    }

    pub(super) fn number(&self, key: &str) -> Verified<f64> {
        self.get(key)?.number().ok_or(self.wrong_type())
    }

    pub(super) fn reference(&self, key: &str) -> Verified<u32> {
        match self.get(key)? {
            Value::Ref(number) => Ok(*number),
            _ => Err(self.wrong_type()),
        }
    }

    pub(super) fn array(&self, key: &str) -> Verified<&[Value<'a>]> {
        match self.get(key)? {
            Value::Array(items) => Ok(items),
            _ => Err(self.wrong_type()),
        }
    }

    pub(super) fn dict(&self, key: &str) -> Verified<&Dict<'a>> {
        match self.get(key)? {
            Value::Dict(dict) => Ok(dict),
            _ => Err(self.wrong_type()),
        }
    }

    pub(super) const fn wrong_type(&self) -> Rejection {
        Rejection::new(Code::WrongType, self.offset)
    }
}

/// A position in bytes.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    pos: usize,
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'/')
}

const fn is_regular(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !is_delimiter(byte) && !matches!(byte, b'%' | b'{' | b'}' | b'#')
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pos: 0 }
    }

    pub(super) const fn pos(&self) -> usize {
        self.pos
    }

    pub(super) const fn at_end(&self) -> bool {
        self.pos >= self.bytes.len()
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.pos.checked_add(ahead)?).copied()
    }

    const fn fault(&self, code: Code) -> Rejection {
        Rejection::new(code, self.pos)
    }

    pub(super) fn starts_with(&self, text: &[u8]) -> bool {
        self.bytes.get(self.pos..).is_some_and(|rest| rest.starts_with(text))
    }

    /// Consumes `text` when it is next.
    pub(super) fn eat(&mut self, text: &[u8]) -> bool {
        let found = self.starts_with(text);
        if found {
            self.pos += text.len();
        }
        found
    }

    /// Consumes `text` or rejects.
    pub(super) fn expect(&mut self, text: &[u8], code: Code) -> Verified<()> {
        let pos = self.pos;
        require(self.eat(text), code, pos)
    }

    /// Consumes exactly `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.pos.checked_add(len)?;
        let taken = self.bytes.get(self.pos..end)?;
        self.pos = end;
        Some(taken)
    }

    /// Consumes at most one space or line feed.
    pub(super) fn gap(&mut self) {
        if matches!(self.peek(0), Some(b' ' | b'\n')) {
            self.pos += 1;
        }
    }

    /// Consumes decimal digits without leading zero.
    pub(super) fn unsigned(&mut self, code: Code) -> Verified<u64> {
        let start = self.pos;
        let mut value: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek(0) {
            let next = value.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(digit - b'0')));
            value = next.ok_or(Rejection::new(code, start))?;
            self.pos += 1;
        }
        let digits = self.pos - start;
        let leading_zero = digits > 1 && self.bytes.get(start) == Some(&b'0');
        require(digits > 0 && !leading_zero, code, start)?;
        Ok(value)
    }

    /// A token that needs a neighbour must be followed by white space, a delimiter or the end.
    fn boundary(&self) -> Verified<()> {
        let bounded = self.peek(0).is_none_or(|byte| matches!(byte, b' ' | b'\n') || is_delimiter(byte));
        require(bounded, Code::Syntax, self.pos)
    }

    /// The next run of regular characters: an operator or keyword.
    pub(super) fn word(&mut self) -> Verified<&'a [u8]> {
        let start = self.pos;
        while self.peek(0).is_some_and(is_regular) {
            self.pos += 1;
        }
        self.boundary()?;
        let word = self.bytes.get(start..self.pos).unwrap_or_default();
        require(!word.is_empty(), Code::Syntax, start)?;
        Ok(word)
    }

    fn name(&mut self) -> Verified<&'a [u8]> {
        let start = self.pos;
        self.expect(b"/", Code::Syntax)?;
        while self.peek(0).is_some_and(is_regular) {
            self.pos += 1;
        }
        self.boundary().map_err(|_| Rejection::new(Code::Name, start))?;
        let name = self.bytes.get(start + 1..self.pos).unwrap_or_default();
        require((1..=MAX_NAME_BYTES).contains(&name.len()), Code::Name, start)?;
        Ok(name)
    }

    fn number(&mut self) -> Verified<Value<'a>> {
        let start = self.pos;
        let negative = self.eat(b"-");
        let whole = self.unsigned(Code::Number)?;
        let real = self.eat(b".");
        if real {
            let fraction = self.pos;
            while matches!(self.peek(0), Some(b'0'..=b'9')) {
                self.pos += 1;
            }
            require(self.pos > fraction, Code::Number, start)?;
        }
        self.boundary().map_err(|_| Rejection::new(Code::Number, start))?;
        let text = self.bytes.get(start..self.pos).unwrap_or_default();
        require(text.len() <= MAX_NUMBER_BYTES, Code::Number, start)?;
        let value = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
        let value = value.filter(|value| value.abs() < MAX_MAGNITUDE).ok_or(Rejection::new(Code::Number, start))?;
        if real {
            return Ok(Value::Real(value));
        }
        require(!(negative && whole == 0), Code::Number, start)?;
        let whole = whole as i64;
        Ok(Value::Int(if negative { -whole } else { whole }))
    }

    /// `( … )` with balanced parentheses and the escapes of 7.3.4.2, or `< … >` in hexadecimal.
    fn string(&mut self) -> Verified<Vec<u8>> {
        if self.eat(b"<") { self.hex_string() } else { self.literal_string() }
    }

    fn literal_string(&mut self) -> Verified<Vec<u8>> {
        let start = self.pos;
        let fault = Rejection::new(Code::Text, start);
        self.expect(b"(", Code::Text)?;
        let (mut text, mut depth) = (Vec::new(), 1_usize);
        loop {
            let mut byte = self.peek(0).ok_or(fault)?;
            self.pos += 1;
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                // A bare carriage return would read back as a line feed.
                b'\r' => return Err(fault),
                b'\\' => byte = self.escape(fault)?,
                _ => {}
            }
            if depth == 0 {
                return Ok(text);
            }
            text.push(byte);
            require(text.len() <= MAX_STRING_BYTES, Code::Text, start)?;
        }
    }

    fn escape(&mut self, fault: Rejection) -> Verified<u8> {
        let byte = self.peek(0).ok_or(fault)?;
        self.pos += 1;
        match byte {
            b'\\' | b'(' | b')' => Ok(byte),
            b'n' => Ok(b'\n'),
            b'r' => Ok(b'\r'),
            b't' => Ok(b'\t'),
            b'b' => Ok(8),
            b'f' => Ok(12),
            b'0'..=b'3' => {
                let digits = self.take(2).ok_or(fault)?;
                digits.iter().try_fold(byte - b'0', |value, digit| match digit {
                    b'0'..=b'7' => Ok(value * 8 + (digit - b'0')),
                    _ => Err(fault),
                })
            }
            _ => Err(fault),
        }
    }

    fn hex_string(&mut self) -> Verified<Vec<u8>> {
        let start = self.pos;
        let fault = Rejection::new(Code::Text, start);
        let mut text = Vec::new();
        while !self.eat(b">") {
            let pair = self.take(2).ok_or(fault)?;
            text.push(hex_byte(pair).ok_or(fault)?);
            require(text.len() <= MAX_STRING_BYTES, Code::Text, start)?;
        }
        Ok(text)
    }

    /// A number, name or string: all that page content may have as an operand.
    pub(super) fn operand(&mut self) -> Verified<Option<Value<'a>>> {
        match self.peek(0) {
            Some(b'/') => self.name().map(|name| Some(Value::Name(name))),
            Some(b'-' | b'0'..=b'9') => self.number().map(Some),
            Some(b'(') => self.string().map(|text| Some(Value::Text(text))),
            Some(b'<') if self.peek(1) != Some(b'<') => self.string().map(|text| Some(Value::Text(text))),
            _ => Ok(None),
        }
    }

    /// The rest of `N 0 R` after its first number, when that is what follows.
    fn reference(&mut self, number: i64) -> Option<u32> {
        let number = u32::try_from(number).ok()?;
        let mut ahead = Self { ..*self };
        let found = ahead.eat(b" 0 R") && ahead.boundary().is_ok();
        if !found {
            return None;
        }
        self.pos = ahead.pos;
        Some(number)
    }

    /// One value of a file object. `offset` is where that object begins.
    pub(super) fn value(&mut self, offset: usize, depth: u8) -> Verified<Value<'a>> {
        require(depth <= MAX_DEPTH, Code::Nesting, self.pos)?;
        if let Some(value) = self.operand()? {
            return Ok(match value {
                Value::Int(number) => self.reference(number).map_or(value, Value::Ref),
                other => other,
            });
        }
        match self.peek(0) {
            Some(b'[') => self.array(offset, depth).map(Value::Array),
            Some(b'<') => self.dict(offset, depth).map(Value::Dict),
            Some(b't' | b'f') => match self.word()? {
                b"true" => Ok(Value::Bool(true)),
                b"false" => Ok(Value::Bool(false)),
                _ => Err(self.fault(Code::Syntax)),
            },
            _ => Err(self.fault(Code::Syntax)),
        }
    }

    fn array(&mut self, offset: usize, depth: u8) -> Verified<Vec<Value<'a>>> {
        self.expect(b"[", Code::Syntax)?;
        let mut items = Vec::new();
        loop {
            self.gap();
            if self.eat(b"]") {
                return Ok(items);
            }
            items.push(self.value(offset, depth + 1)?);
            require(items.len() <= MAX_ELEMENTS, Code::TooManyElements, self.pos)?;
        }
    }

    /// `<< /Key value … >>` without duplicate keys.
    pub(super) fn dict(&mut self, offset: usize, depth: u8) -> Verified<Dict<'a>> {
        let start = self.pos;
        self.expect(b"<<", Code::Syntax)?;
        let mut entries = Vec::new();
        loop {
            self.gap();
            if self.eat(b">>") {
                break;
            }
            let key = self.name()?;
            self.gap();
            entries.push((key, self.value(offset, depth + 1)?));
            require(entries.len() <= MAX_ELEMENTS, Code::TooManyElements, self.pos)?;
        }
        let mut keys: Vec<&[u8]> = entries.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        let unique = keys.iter().zip(keys.iter().skip(1)).all(|(one, next)| one != next);
        require(unique, Code::DuplicateKey, start)?;
        Ok(Dict { offset, entries })
    }
}

/// The byte two hexadecimal digits spell.
pub(super) fn hex_byte(pair: &[u8]) -> Option<u8> {
    pair.iter().try_fold(0_u8, |value, digit| {
        let digit = (*digit as char).to_digit(16)?;
        u8::try_from(digit).ok().map(|digit| value << 4 | digit)
    })
}
