//! Streams that step over rows of four, such as the corners of boxes → rows in memory as they are, turned in registers.
//!
//! Four streams that have one place each of the same rows become one: as many rows as a vector has lanes are four vectors
//! of memory, out of which eight instructions make the vectors of each place, or the other way round. To gather them takes
//! ten times as long.

use super::assembler::BASES;
use super::graph::{Graph, Id, Lane, Op, Pairing};
use super::lines::{Access, Facts, Left, Lines, Stream};
use crate::kernel;

/// Places of a row, and vectors of as many rows as a vector has lanes.
pub(super) const FOUR: usize = 4;

/// The streams of the places of some rows, in order.
struct Rows {
    streams: [u32; FOUR],
    access: [Access; FOUR],
}

/// Replaces all streams of singles that are the four places of rows.
pub(super) fn turned(lines: Lines, facts: &dyn Fn(Access) -> Option<Facts>) -> Lines {
    let loads = rows(&lines, facts, |access| matches!(access, Access::Line(_)));
    let stores = rows(&lines, facts, |access| matches!(access, Access::Effect(_)));
    let stores: Vec<Rows> = stores.into_iter().filter(|rows| stored(&lines, rows).is_some()).collect();
    let rows = loads.len() + stores.len();
    // Their addresses need registers of their own.
    if rows == 0 || lines.streams.len() - rows * (FOUR - 1) > BASES.len() {
        return lines;
    }
    let mut turned = Turned::new(&lines, &loads, &stores);
    for id in (0..lines.graph.len() as u32).map(Id) {
        turned.node(&lines, &loads, id);
    }
    turned.left(&lines, &stores);
    Lines {
        graph: turned.graph,
        streams: turned.streams,
        left: turned.left,
        uniforms: lines.uniforms,
        lanes: lines.lanes,
        double: lines.double,
    }
}

/// The places of rows, as far as they have been found: the stream of each, and its access.
struct Found {
    row: kernel::Access,
    places: [Option<(u32, Access)>; FOUR],
}

impl Found {
    fn all(self) -> Option<Rows> {
        let [a, b, c, d] = self.places;
        let all = [a?, b?, c?, d?];
        Some(Rows { streams: all.map(|(stream, _)| stream), access: all.map(|(_, access)| access) })
    }
}

/// The rows of which all places are streams of a kind.
fn rows(lines: &Lines, facts: &dyn Fn(Access) -> Option<Facts>, wanted: impl Fn(Access) -> bool) -> Vec<Rows> {
    let mut found: Vec<Found> = Vec::new();
    for (number, stream) in lines.streams.iter().enumerate() {
        let is_single = stream.lane == Lane::F32 && !lines.double;
        if !is_single || stream.contiguous || stream.guard.is_some() || !wanted(stream.of) {
            continue;
        }
        let Some((row, place)) = facts(stream.of).and_then(|facts| facts.of_four) else { continue };
        let position = found.iter().position(|known| known.row == row).unwrap_or_else(|| {
            found.push(Found { row, places: [None; FOUR] });
            found.len() - 1
        });
        found[position].places[place] = Some((number as u32, stream.of));
    }
    found.into_iter().filter_map(Found::all).collect()
}

/// What is stored at each place of some rows, if it is stored only.
fn stored(lines: &Lines, rows: &Rows) -> Option<[Id; FOUR]> {
    let of = |wanted: u32| {
        lines.left.iter().find_map(|left| match left {
            Left::Store { stream, parts } if *stream == wanted => Some(parts[0]),
            _ => None,
        })
    };
    let [a, b, c, d] = rows.streams.map(of);
    Some([a?, b?, c?, d?])
}

/// Lines in the making.
struct Turned {
    graph: Graph,
    streams: Vec<Stream>,
    left: Vec<Left>,
    mapped: Vec<Id>,
    /// The new number of each stream that stays, and of the rows.
    numbers: Vec<Option<u32>>,
    loads: Vec<u32>,
    stores: Vec<u32>,
}

impl Turned {
    fn new(lines: &Lines, loads: &[Rows], stores: &[Rows]) -> Turned {
        let replaced: Vec<u32> = loads.iter().chain(stores).flat_map(|rows| rows.streams).collect();
        let mut streams = Vec::new();
        let mut numbers = Vec::new();
        for (number, stream) in lines.streams.iter().enumerate() {
            let stays = !replaced.contains(&(number as u32));
            numbers.push(stays.then_some(streams.len() as u32));
            streams.extend(stays.then_some(*stream));
        }
        let mut add = |rows: &Rows| {
            let Stream { ahead, is_replaced, .. } = lines.streams[rows.streams[0] as usize];
            let of_four = Some(rows.access[1]);
            let (of, lane) = (rows.access[0], Lane::F32);
            streams.push(Stream {
                of,
                lane,
                contiguous: true,
                guard: None,
                is_result: false,
                ahead,
                is_replaced,
                of_four,
            });
            streams.len() as u32 - 1
        };
        let loads = loads.iter().map(&mut add).collect();
        let stores = stores.iter().map(&mut add).collect();
        let (graph, left, mapped) = (Graph::new(lines.graph.machine), Vec::new(), Vec::new());
        Turned { graph, streams, left, mapped, numbers, loads, stores }
    }

    fn node(&mut self, lines: &Lines, loads: &[Rows], id: Id) {
        let node = *lines.graph.get(id);
        let stays = |stream: u32| self.numbers[stream as usize];
        let op = match node.op {
            Op::Load { stream, part } => match stays(stream) {
                Some(stream) => Op::Load { stream, part },
                None => {
                    let place = |rows: &Rows| rows.streams.iter().position(|own| *own == stream);
                    let found = loads.iter().enumerate().find_map(|(number, rows)| Some((number, place(rows)?)));
                    let Some((number, place)) = found else { unreachable!("a stream that is replaced is of rows") };
                    let vector = self.place(self.loads[number], place);
                    return self.mapped.push(vector);
                }
            },
            Op::Gather { stream, part } => {
                let Some(stream) = stays(stream) else { unreachable!("what is gathered is not of rows") };
                Op::Gather { stream, part }
            }
            other => other,
        };
        let operands: Vec<Id> = node.operands().iter().map(|operand| self.mapped[operand.0 as usize]).collect();
        let new = self.graph.add(op, node.lane, &operands);
        self.mapped.push(new);
    }

    fn pair(&mut self, pairing: Pairing, a: Id, b: Id) -> Id {
        self.graph.add(Op::Pair(pairing), Lane::F32, &[a, b])
    }

    /// One place of all rows.
    fn place(&mut self, stream: u32, place: usize) -> Id {
        let vectors = [0, 1, 2, 3].map(|part| self.graph.add(Op::Load { stream, part }, Lane::F32, &[]));
        let table = if place < 2 { Pairing::FirstPlaces } else { Pairing::LastPlaces };
        let low = self.pair(table, vectors[0], vectors[1]);
        let high = self.pair(table, vectors[2], vectors[3]);
        self.pair(if place.is_multiple_of(2) { Pairing::LowHalves } else { Pairing::HighHalves }, low, high)
    }

    /// Rows out of their places.
    fn rows(&mut self, [x, y, z, w]: [Id; FOUR]) -> Vec<Id> {
        let mut rows = Vec::new();
        for half in [Pairing::LowHalves, Pairing::HighHalves] {
            let (first, last) = (self.pair(half, x, y), self.pair(half, z, w));
            rows.push(self.pair(Pairing::FirstRows, first, last));
            rows.push(self.pair(Pairing::LastRows, first, last));
        }
        rows
    }

    fn left(&mut self, lines: &Lines, stores: &[Rows]) {
        for left in &lines.left {
            let mut left = left.clone();
            left.remap(&self.mapped);
            if let Left::Store { stream, .. } | Left::Combine { stream, .. } = &mut left {
                let Some(new) = self.numbers[*stream as usize] else { continue };
                *stream = new;
            }
            self.left.push(left);
        }
        for (number, rows) in stores.iter().enumerate() {
            let Some(places) = stored(lines, rows) else { continue };
            let parts = self.rows(places.map(|place| self.mapped[place.0 as usize]));
            self.left.push(Left::Store { stream: self.stores[number], parts });
        }
    }
}
