//! Places in source text: which source, from which byte to which.
//!
//! Relies on nothing; every stage up to the graph carries these so that a diagnostic can point.

use std::sync::Arc;

/// Names one source text of a [`SourceMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// A range of bytes in one source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The text.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end` of `source`.
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let clip = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
        Span { source, start: clip(start), end: clip(end) }
    }

    /// The smallest range that holds both; `self` where they lie in different sources.
    pub fn to(self, other: Span) -> Span {
        if self.source != other.source {
            return self;
        }
        Span { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The range as indices into the text.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One named source text.
#[derive(Clone, Debug)]
pub struct Source {
    /// What a diagnostic calls it, for example `combo.loss` or `std::region`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// All source texts of one compilation, by [`SourceId`]. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    sources: Vec<Arc<Source>>,
}

impl SourceMap {
    /// A map without any source.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text and returns its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        self.sources.push(Arc::new(Source { name: name.into(), text: text.into() }));
        id
    }

    /// Puts a text of the same layout in the place of another.
    pub fn show_as(&mut self, made: &str, text: &str) {
        for source in self.sources.iter_mut().filter(|source| source.text == made) {
            *source = Arc::new(Source { name: source.name.clone(), text: text.to_owned() });
        }
    }

    /// The source of an id, if the id is of this map.
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0 as usize).map(Arc::as_ref)
    }

    /// The text under a span; empty if the span is not of this map.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.source).and_then(|source| source.text.get(span.range())).unwrap_or("")
    }
}
