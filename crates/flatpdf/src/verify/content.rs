//! Page content: a short list of operators, balanced, with every name resolved (8.2, 9.4).
//!
//! **Invariant**: in a flattened page no glyph is painted: text is shown only while the rendering mode is 3.

use super::RejectionCode as Code;
use super::document::{Resources, Walk};
use super::syntax::{Lexer, Value};
use super::{Kind, Rejection, Verified, require};

/// BOUND: the deepest nesting of `q` the specification asks readers for (annex C.2).
const MAX_SAVED: usize = 28;
/// BOUND: `cm` and `Tm` take six operands, no operator takes more.
const MAX_OPERANDS: usize = 6;

/// The part of the graphics state that decides whether text may be shown (8.4.1).
#[derive(Clone, Copy, Default)]
struct State {
    invisible: bool,
    font: bool,
}

struct Page<'p, 'a> {
    kind: Kind,
    resources: &'p Resources<'a>,
    state: State,
    saved: Vec<State>,
    in_text: bool,
    /// A path was begun and not yet painted.
    path: bool,
    text: bool,
}

/// Checks one page's decoded content and notes which images it paints; says whether it shows text.
pub(super) fn check(content: &[u8], kind: Kind, resources: &Resources, walk: &mut Walk) -> Verified<bool> {
    let mut lexer = Lexer::new(content);
    let (saved, state) = (Vec::new(), State::default());
    let mut page = Page { kind, resources, state, saved, in_text: false, path: false, text: false };
    let mut operands = Vec::with_capacity(MAX_OPERANDS);
    while !lexer.at_end() {
        let pos = lexer.pos();
        if let Some(operand) = lexer.operand()? {
            require(operands.len() < MAX_OPERANDS, Code::Operand, pos)?;
            operands.push(operand);
        } else {
            let operator = lexer.word()?;
            page.operate(operator, &operands, walk).map_err(|code| Rejection::new(code, pos))?;
            operands.clear();
        }
        lexer.gap();
    }
    require(operands.is_empty(), Code::Operand, lexer.pos())?;
    require(page.saved.is_empty() && !page.in_text && !page.path, Code::Unbalanced, lexer.pos())?;
    Ok(page.text)
}

fn holds(condition: bool, code: Code) -> Result<(), Code> {
    if condition { Ok(()) } else { Err(code) }
}

fn numbers(operands: &[Value], count: usize) -> Result<(), Code> {
    let fit = operands.len() == count && operands.iter().all(|operand| operand.number().is_some());
    holds(fit, Code::Operand)
}

impl Page<'_, '_> {
    fn operate(&mut self, operator: &[u8], operands: &[Value], walk: &mut Walk) -> Result<(), Code> {
        match operator {
            b"q" | b"Q" | b"cm" | b"Do" => self.graphics(operator, operands, walk),
            b"BT" | b"ET" | b"Tf" | b"Tr" | b"Tz" | b"Td" | b"Tm" | b"Tj" => self.text(operator, operands),
            b"g" | b"rg" | b"w" | b"re" | b"m" | b"l" | b"f" | b"S" if self.kind == Kind::Report => self.drawing(operator, operands),
            _ => Err(Code::Operator),
        }
    }

    fn graphics(&mut self, operator: &[u8], operands: &[Value], walk: &mut Walk) -> Result<(), Code> {
        holds(!self.in_text && !self.path, Code::Operator)?;
        match operator {
            b"q" => {
                numbers(operands, 0)?;
                holds(self.saved.len() < MAX_SAVED, Code::Unbalanced)?;
                self.saved.push(self.state);
            }
            b"Q" => {
                numbers(operands, 0)?;
                self.state = self.saved.pop().ok_or(Code::Unbalanced)?;
            }
            b"cm" => numbers(operands, 6)?,
            _ => {
                let [Value::Name(name)] = operands else {
                    return Err(Code::Operand);
                };
                walk.paint(*self.resources.images.get(name).ok_or(Code::Resource)?);
            }
        }
        Ok(())
    }

    fn text(&mut self, operator: &[u8], operands: &[Value]) -> Result<(), Code> {
        holds(!self.path && self.in_text != (operator == b"BT"), Code::Unbalanced)?;
        match operator {
            b"BT" | b"ET" => {
                numbers(operands, 0)?;
                self.in_text = !self.in_text;
            }
            b"Tf" => {
                let [Value::Name(name), size] = operands else {
                    return Err(Code::Operand);
                };
                holds(size.number().is_some(), Code::Operand)?;
                holds(self.resources.fonts.contains_key(name), Code::Resource)?;
                self.state.font = true;
            }
            b"Tr" => {
                self.state.invisible = match operands {
                    [Value::Int(3)] => true,
                    [Value::Int(0)] if self.kind == Kind::Report => false,
                    _ => return Err(Code::TextMode),
                };
            }
            b"Tz" => numbers(operands, 1)?,
            b"Td" => numbers(operands, 2)?,
            b"Tm" => numbers(operands, 6)?,
            _ => {
                let [Value::Text(_)] = operands else {
                    return Err(Code::Operand);
                };
                let allowed = self.state.font && (self.state.invisible || self.kind == Kind::Report);
                holds(allowed, Code::TextMode)?;
                self.text = true;
            }
        }
        Ok(())
    }

    /// Boxes, rules and gray or colored fills of a report.
    fn drawing(&mut self, operator: &[u8], operands: &[Value]) -> Result<(), Code> {
        let count = match operator {
            b"f" | b"S" => 0,
            b"g" | b"w" => 1,
            b"m" | b"l" => 2,
            b"rg" => 3,
            _ => 4,
        };
        numbers(operands, count)?;
        match operator {
            // Colors may be set inside text; line width and paths not while the other is open (8.2, figure 9).
            b"g" | b"rg" => holds(!self.path, Code::Operator),
            b"w" => holds(!self.path && !self.in_text, Code::Operator),
            b"re" | b"m" => {
                self.path = true;
                holds(!self.in_text, Code::Operator)
            }
            b"l" => holds(self.path, Code::Operator),
            _ => holds(std::mem::take(&mut self.path), Code::Operator),
        }
    }
}
