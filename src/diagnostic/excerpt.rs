//! The lines of a source that a diagnostic points at, clipped to a width that people can read.
//!
//! Relies on nothing about the spans: they may lie past the end, or between the bytes of a character.

use crate::span::Span;
use codespan_reporting::files::{Error, Files};
use std::ops::Range;

/// Lines longer than this are clipped around the caret.
const LONGEST_LINE: usize = 240;
/// How many bytes of a clipped line are kept before the caret.
const KEPT_BEFORE: usize = 80;
/// How many bytes of a clipped line are kept after the beginning of the caret.
const KEPT_AFTER: usize = 120;
/// Stands for what was clipped.
const CLIPPED: char = '…';

/// One line of an excerpt.
struct Line {
    /// Its bytes in the excerpt, with its line break.
    shown: Range<usize>,
    /// Its number in the source, from 1.
    number: usize,
    /// Characters of the source line that are left out in front.
    skipped: usize,
    /// The mark of the clipping in front, in bytes.
    mark: usize,
    /// The byte of the source at which the shown part begins.
    start: usize,
    /// One past its last byte.
    end: usize,
}

/// A part of one source as codespan reads it.
pub(super) struct Excerpt {
    name: String,
    text: String,
    lines: Vec<Line>,
}

impl Excerpt {
    /// The lines at both ends of each span, in order.
    pub fn of(name: &str, text: &str, spans: &[Span]) -> Self {
        let mut wanted: Vec<(Range<usize>, usize)> = Vec::new();
        for span in spans {
            let Range { start, end } = clamp(text, *span);
            // A line is shown around the first caret in it.
            for byte in [start, end.saturating_sub(1).max(start)] {
                let line = line_around(text, byte);
                if !wanted.iter().any(|(seen, _)| *seen == line) {
                    wanted.push((line, byte));
                }
            }
        }
        wanted.sort_by_key(|(line, _)| line.start);
        let mut excerpt = Excerpt { name: name.to_owned(), text: String::new(), lines: Vec::new() };
        let (mut number, mut counted) = (1, 0);
        for (line, caret) in wanted {
            number += text[counted..line.start].bytes().filter(|byte| *byte == b'\n').count();
            counted = line.start;
            excerpt.push(text, line, caret, number);
        }
        excerpt
    }

    fn push(&mut self, text: &str, line: Range<usize>, caret: usize, number: usize) {
        let mut kept = line.clone();
        if line.len() > LONGEST_LINE {
            kept.start = floor(text, caret.saturating_sub(KEPT_BEFORE).max(line.start));
            kept.end = floor(text, (caret + KEPT_AFTER).min(line.end));
        }
        let shown = self.text.len();
        let mark = if kept.start > line.start { CLIPPED.len_utf8() } else { 0 };
        if mark > 0 {
            self.text.push(CLIPPED);
        }
        self.text.extend(text[kept.clone()].trim_end_matches('\r').chars().map(visible));
        if kept.end < line.end {
            self.text.push(CLIPPED);
        }
        self.text.push('\n');
        let skipped = text[line.start..kept.start].chars().count();
        let shown = shown..self.text.len();
        self.lines.push(Line { shown, number, skipped, mark, start: kept.start, end: kept.end });
    }

    /// Where a span of the source lies in the excerpt.
    pub fn place(&self, text: &str, span: Span) -> Range<usize> {
        let Range { start, end } = clamp(text, span);
        let start = self.byte(start);
        start..self.byte(end).max(start)
    }

    fn byte(&self, byte: usize) -> usize {
        let line = self.lines.iter().rev().find(|line| line.start <= byte).or(self.lines.first());
        line.map_or(0, |line| {
            let last = (line.shown.end - 1).max(line.shown.start);
            (line.shown.start + line.mark + byte.clamp(line.start, line.end) - line.start).min(last)
        })
    }
}

/// A span as bytes of the text, at the boundaries of characters.
pub(super) fn clamp(text: &str, span: Span) -> Range<usize> {
    let start = floor(text, (span.start as usize).min(text.len()));
    let end = (span.end as usize).clamp(start, text.len());
    let end = (end..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
    start..end
}

/// The boundary of characters at or before a byte.
fn floor(text: &str, byte: usize) -> usize {
    (0..=byte).rev().find(|byte| text.is_char_boundary(*byte)).unwrap_or(0)
}

/// A character that a terminal draws, of the same number of bytes, for one that it obeys.
fn visible(character: char) -> char {
    let reorders = matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    match character.len_utf8() {
        1 if character.is_control() && character != '\t' => '?',
        2 if character.is_control() => '¿',
        3 if reorders => char::REPLACEMENT_CHARACTER,
        _ => character,
    }
}

/// The line of a byte, without its line break.
pub(super) fn line_around(text: &str, byte: usize) -> Range<usize> {
    let byte = floor(text, byte.min(text.len()));
    let start = text[..byte].rfind('\n').map_or(0, |at| at + 1);
    let end = text[byte..].find('\n').map_or(text.len(), |at| byte + at);
    start..end
}

/// The excerpts of a diagnostic, by position.
pub(super) struct Excerpts(pub Vec<Excerpt>);

impl Excerpts {
    fn of(&self, id: usize) -> Result<&Excerpt, Error> {
        self.0.get(id).ok_or(Error::FileMissing)
    }
}

impl<'a> Files<'a> for Excerpts {
    type FileId = usize;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: usize) -> Result<&'a str, Error> {
        Ok(&self.of(id)?.name)
    }

    fn source(&'a self, id: usize) -> Result<&'a str, Error> {
        Ok(&self.of(id)?.text)
    }

    fn line_index(&'a self, id: usize, byte: usize) -> Result<usize, Error> {
        let lines = &self.of(id)?.lines;
        Ok(lines.partition_point(|line| line.shown.end <= byte).min(lines.len().saturating_sub(1)))
    }

    fn line_number(&'a self, id: usize, line: usize) -> Result<usize, Error> {
        let lines = &self.of(id)?.lines;
        lines.get(line).map(|line| line.number).ok_or(Error::LineTooLarge { given: line, max: lines.len() })
    }

    fn column_number(&'a self, id: usize, line: usize, byte: usize) -> Result<usize, Error> {
        let excerpt = self.of(id)?;
        let lines = &excerpt.lines;
        let line = lines.get(line).ok_or(Error::LineTooLarge { given: line, max: lines.len() })?;
        let before = excerpt.text.get(line.shown.start + line.mark..byte).unwrap_or("");
        Ok(line.skipped + before.chars().count() + 1)
    }

    fn line_range(&'a self, id: usize, line: usize) -> Result<Range<usize>, Error> {
        let lines = &self.of(id)?.lines;
        lines.get(line).map(|line| line.shown.clone()).ok_or(Error::LineTooLarge { given: line, max: lines.len() })
    }
}
