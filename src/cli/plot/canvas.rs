//! Curves in Braille dots: two dots in a column of text, four in a line.

/// The dots of a cell by column and row, as bits of a Braille sign.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Cells of text that are drawn in.
pub struct Canvas {
    columns: usize,
    rows: usize,
    /// The dots of each cell.
    cells: Vec<u8>,
    /// The curve that drew last in each cell.
    owners: Vec<usize>,
    /// Letters in place of dots.
    letters: Vec<Option<char>>,
}

impl Canvas {
    /// Nothing drawn yet.
    pub fn new(columns: usize, rows: usize) -> Self {
        let cells = columns * rows;
        Canvas { columns, rows, cells: vec![0; cells], owners: vec![0; cells], letters: vec![None; cells] }
    }

    /// The numbers of dots across and down.
    pub fn dots(&self) -> (usize, usize) {
        (self.columns * 2, self.rows * 4)
    }

    /// One dot.
    pub fn dot(&mut self, x: usize, y: usize, owner: usize) {
        let (column, row) = (x / 2, y / 4);
        if column < self.columns && row < self.rows {
            let cell = row * self.columns + column;
            self.cells[cell] |= DOTS[x % 2][y % 4];
            self.owners[cell] = owner;
        }
    }

    /// A straight line of dots.
    pub fn line(&mut self, from: (usize, usize), to: (usize, usize), owner: usize) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between = |a: usize, b: usize, step: usize| {
            let (a, b) = (a as f64, b as f64);
            (a + (b - a) * step as f64 / steps as f64).round() as usize
        };
        for step in 0..=steps {
            self.dot(between(from.0, to.0, step), between(from.1, to.1, step), owner);
        }
    }

    /// A letter in the cell of a dot, or in the nearest free one above or below it.
    pub fn letter(&mut self, x: usize, y: usize, letter: char, owner: usize) {
        let column = (x / 2).min(self.columns.saturating_sub(1));
        let mut rows: Vec<usize> = (0..self.rows).collect();
        rows.sort_by_key(|row| row.abs_diff(y / 4));
        let free = rows.into_iter().map(|row| row * self.columns + column).find(|cell| self.letters[*cell].is_none());
        if let Some(cell) = free {
            self.letters[cell] = Some(letter);
            self.owners[cell] = owner;
        }
    }

    /// The lines of text; `paint` colours what a curve drew.
    pub fn lines(&self, paint: impl Fn(usize, char) -> String) -> Vec<String> {
        let sign = |cell: usize| match (self.letters[cell], self.cells[cell]) {
            (Some(letter), _) => paint(self.owners[cell], letter),
            (None, 0) => " ".to_string(),
            (None, dots) => paint(self.owners[cell], char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ')),
        };
        let line = |row: usize| (0..self.columns).map(|column| sign(row * self.columns + column)).collect();
        (0..self.rows).map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_become_braille_signs() {
        let mut canvas = Canvas::new(2, 1);
        canvas.line((0, 0), (3, 3), 0);
        let plain = |_: usize, sign: char| sign.to_string();
        assert_eq!(canvas.lines(plain), ["⠑⢄"]);
        canvas.letter(3, 3, 'a', 0);
        assert_eq!(canvas.lines(plain), ["⠑a"]);
        canvas.dot(9, 9, 0);
    }
}
