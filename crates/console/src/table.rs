//! Columns that stand under their heads.

use crate::paint::Paint;

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A cell: what is shown, and how wide that is without its colour.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    shown: String,
    width: usize,
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell { width: text.chars().count(), shown: text }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::from(text.to_owned())
    }
}

impl Cell {
    /// `text`, shown as `painted`.
    pub(crate) fn painted(text: &str, painted: String) -> Cell {
        Cell { width: text.chars().count(), shown: painted }
    }
}

/// A table being filled.
pub(crate) struct Table {
    heads: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(heads: &[(&'static str, Align)]) -> Table {
        Table { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// One row more, with a cell for each head.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.heads.len());
        self.rows.push(cells);
    }

    /// The whole, each line ended.
    pub(crate) fn render(&self, paint: Paint) -> String {
        let widths: Vec<usize> = (0..self.heads.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| row[column].width);
                cells.chain([self.heads[column].0.chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        let heads: Vec<Cell> = self.heads.iter().map(|(head, _)| Cell::painted(head, paint.head(head))).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for (index, cell) in row.iter().enumerate() {
                let gap = " ".repeat(widths[index] - cell.width);
                let last = index + 1 == row.len();
                match self.heads[index].1 {
                    Align::Right => line.push_str(&format!("{gap}{}", cell.shown)),
                    Align::Left if last => line.push_str(&cell.shown),
                    Align::Left => line.push_str(&format!("{}{gap}", cell.shown)),
                }
                if !last {
                    line.push_str("  ");
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_heads() {
        let mut table = Table::new(&[("NAME", Align::Left), ("RATE", Align::Right), ("NOTE", Align::Left)]);
        table.row(vec!["Küche".into(), "5".into(), "held".into()]);
        table.row(vec!["a".into(), "12345".into(), "".into()]);
        assert_eq!(table.render(Paint::Plain), "NAME    RATE  NOTE\nKüche      5  held\na      12345\n");
    }

    #[test]
    fn colour_takes_no_room() {
        let mut table = Table::new(&[("A", Align::Left), ("B", Align::Left)]);
        table.row(vec![Cell::painted("xx", Paint::Colour.class("web", "xx")), "y".into()]);
        assert!(table.render(Paint::Colour).ends_with("\u{1b}[38;5;220mxx\u{1b}[0m  y\n"));
    }
}
