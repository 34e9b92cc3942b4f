//! A text to the heads of its items, and one of these to its tree: for a text of which little is needed.
//!
//! It relies on how such a text is laid out: what begins an item stands at the beginning of a line, and nothing else
//! there is one of these words. The standard library is written so, and a test holds that its index is its parse.

use super::ast::{Item, ItemWord, Name};
use super::error::SyntaxError;
use super::parse::{item_alone, parse};
use super::token::continues_name;
use crate::span::{SourceId, Span};

/// An item that is not parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it defines.
    pub word: ItemWord,
    /// Its name.
    pub name: Name,
    /// From the first line of its documentation to the next item.
    pub piece: Span,
}

/// The heads of all items, in order.
pub fn index(source: SourceId, text: &str) -> Vec<Head> {
    let mut heads: Vec<Head> = Vec::new();
    // Where the documentation above a line begins, or the line itself.
    let mut above = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some((word, name)) = begins(source, start, line) {
            let first = above.unwrap_or(start);
            if let Some(last) = heads.last_mut() {
                last.piece = Span::new(source, last.piece.start as usize, first);
            }
            heads.push(Head { word, name, piece: Span::new(source, first, text.len()) });
        }
        let is_docs = line.starts_with("///") && !line.starts_with("////");
        above = if is_docs { above.or(Some(start)) } else { None };
        start += line.len();
    }
    heads
}

/// The item that a line begins.
fn begins(source: SourceId, start: usize, line: &str) -> Option<(ItemWord, Name)> {
    let (word, rest) = line.split_once(' ')?;
    let word = ItemWord::of(word)?;
    let rest = rest.trim_start();
    let length = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
    let start = start + line.len() - rest.len();
    let span = Span::new(source, start, start + length);
    (length > 0).then(|| (word, Name { text: rest[..length].to_owned(), span }))
}

/// The item of a head.
///
/// # Errors
/// Everything that is wrong in the whole text, if the item is wrong.
pub fn parse_item(source: SourceId, text: &str, head: &Head) -> Result<Item, Vec<SyntaxError>> {
    let range = head.piece.range();
    if let Some(item) = text.get(range.clone()).and_then(|piece| item_alone(source, range.start, piece)) {
        return Ok(item);
    }
    let module = parse(source, text)?;
    let found = module.items.into_iter().find(|item| range.contains(&(item.span.start as usize)));
    found.ok_or_else(Vec::new)
}
