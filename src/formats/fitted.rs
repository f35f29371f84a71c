//! Tables that fit a terminal: wide columns are shortened with `…`, numbers are right-aligned, NULL is dim.
//!
//! The first rows decide the widths, so that later ones can be printed as they arrive. Where even shortened columns do
//! not fit, or where it is asked for, each row is printed as a list of its values.

use std::io::Write;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::FormatError;
use super::visible::visible;
use crate::engine::EngineError;

/// Rows that are measured to choose the widths.
const MEASURED_ROWS: usize = 1_000;
/// The least width of a column.
const NARROWEST: usize = 5;
/// The width of `| `, ` | ` and ` |`, which separate columns.
const RULE_WIDTH: usize = 3;
const NULL: &str = "NULL";
const DIM: &str = "\u{1b}[2m";
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// How rows look on a terminal.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Width in character cells.
    pub width: usize,
    /// Whether each row is printed as a list.
    pub expanded: bool,
    /// Whether headers and NULLs have colours.
    pub colors: bool,
}

/// Writes all rows for a terminal, and their number below them. Returns that number.
///
/// # Errors
/// The query fails, or `out` cannot be written.
pub async fn show_rows(
    mut rows: SendableRecordBatchStream,
    look: Look,
    out: &mut (dyn Write + Send),
) -> Result<u64, FormatError> {
    let schema = rows.schema();
    let (mut measured, mut count) = (Vec::new(), 0);
    let mut table: Option<Shape> = None;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(EngineError::running("query"))?;
        match &table {
            Some(shape) => shape.write(&batch, count, look, out)?,
            None => measured.push(batch.clone()),
        }
        count += batch.num_rows() as u64;
        if table.is_none() && count >= MEASURED_ROWS as u64 {
            table = Some(begin(&schema, &measured, look, out)?);
        }
    }
    let shape = match table {
        Some(shape) => shape,
        None => begin(&schema, &measured, look, out)?,
    };
    shape.end(count, out)?;
    Ok(count)
}

/// Chooses the layout and writes the measured rows.
fn begin(
    schema: &SchemaRef,
    measured: &[RecordBatch],
    look: Look,
    out: &mut (dyn Write + Send),
) -> Result<Shape, FormatError> {
    let names: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| visible(field.name()).into_owned())
        .collect();
    let mut widths: Vec<usize> = names.iter().map(|name| name.width()).collect();
    for batch in measured {
        for row in cells(batch)? {
            for (width, cell) in widths.iter_mut().zip(&row) {
                *width = (*width).max(cell.width());
            }
        }
    }
    let room = look.width.saturating_sub(RULE_WIDTH * names.len() + 1);
    let shape = match fit(&widths, room) {
        Some(widths) if !look.expanded => {
            let is_number = schema
                .fields()
                .iter()
                .map(|field| field.data_type().is_numeric())
                .collect();
            Shape::Table(Table {
                names,
                widths,
                is_number,
            })
        }
        _ => Shape::Lists(names),
    };
    shape.head(look, out)?;
    let mut count = 0;
    for batch in measured {
        shape.write(batch, count, look, out)?;
        count += batch.num_rows() as u64;
    }
    Ok(shape)
}

/// The widths, with the widest columns narrowed until all fit into `room`; `None` where they would get too narrow.
fn fit(widths: &[usize], room: usize) -> Option<Vec<usize>> {
    let total = |most: usize| widths.iter().map(|width| (*width).min(most)).sum::<usize>();
    let widest = widths.iter().copied().max().unwrap_or(0);
    let most = (NARROWEST..=widest.max(NARROWEST))
        .rev()
        .find(|&most| total(most) <= room)?;
    let mut fitted: Vec<usize> = widths.iter().map(|width| (*width).min(most)).collect();
    let mut left = room - fitted.iter().sum::<usize>();
    for (fitted, natural) in fitted.iter_mut().zip(widths) {
        if left > 0 && *fitted < *natural {
            *fitted += 1;
            left -= 1;
        }
    }
    Some(fitted)
}

/// One value, split into lines.
struct Cell {
    lines: Vec<String>,
    is_null: bool,
}

impl Cell {
    fn width(&self) -> usize {
        self.lines.iter().map(|line| line.width()).max().unwrap_or(0)
    }
}

/// The values of a batch, row by row.
fn cells(batch: &RecordBatch) -> Result<Vec<Vec<Cell>>, FormatError> {
    let options = FormatOptions::default().with_null(NULL).with_display_error(true);
    let columns = batch.columns().iter();
    let formatters = columns.map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
    let formatters = formatters.collect::<Result<Vec<_>, _>>()?;
    let nulls: Vec<_> = batch.columns().iter().map(|column| column.logical_nulls()).collect();
    let cell = |row: usize, column: usize| {
        let text = formatters[column].value(row).to_string();
        Cell {
            lines: text.split('\n').map(|line| visible(line).into_owned()).collect(),
            is_null: nulls[column].as_ref().is_some_and(|nulls| nulls.is_null(row)),
        }
    };
    let row = |row| (0..batch.num_columns()).map(|column| cell(row, column)).collect();
    Ok((0..batch.num_rows()).map(row).collect())
}

enum Shape {
    Table(Table),
    /// Each row as a list of names and values.
    Lists(Vec<String>),
}

struct Table {
    names: Vec<String>,
    widths: Vec<usize>,
    is_number: Vec<bool>,
}

impl Shape {
    fn head(&self, look: Look, out: &mut dyn Write) -> Result<(), FormatError> {
        let Self::Table(table) = self else { return Ok(()) };
        table.rule(out)?;
        let style = if look.colors { BOLD } else { "" };
        table.line(out, |column| (&table.names[column], style))?;
        table.rule(out)
    }

    fn write(&self, batch: &RecordBatch, rows_before: u64, look: Look, out: &mut dyn Write) -> Result<(), FormatError> {
        for (number, row) in cells(batch)?.iter().enumerate() {
            match self {
                Self::Table(table) => table.row(row, look, out)?,
                Self::Lists(names) => list(names, row, rows_before + number as u64 + 1, look, out)?,
            }
        }
        Ok(())
    }

    fn end(&self, rows: u64, out: &mut dyn Write) -> Result<(), FormatError> {
        if let Self::Table(table) = self {
            table.rule(out)?;
        }
        match rows {
            1 => writeln!(out, "(1 row)")?,
            rows => writeln!(out, "({rows} rows)")?,
        }
        Ok(())
    }
}

impl Table {
    fn rule(&self, out: &mut dyn Write) -> Result<(), FormatError> {
        for width in &self.widths {
            write!(out, "+{}", "-".repeat(width + 2))?;
        }
        writeln!(out, "+")?;
        Ok(())
    }

    fn row(&self, row: &[Cell], look: Look, out: &mut dyn Write) -> Result<(), FormatError> {
        let height = row.iter().map(|cell| cell.lines.len()).max().unwrap_or(1);
        for line in 0..height {
            self.line(out, |column| {
                let cell = &row[column];
                let text = cell.lines.get(line).map_or("", String::as_str);
                (text, if cell.is_null && look.colors { DIM } else { "" })
            })?;
        }
        Ok(())
    }

    fn line<'a>(&self, out: &mut dyn Write, text_of: impl Fn(usize) -> (&'a str, &'a str)) -> Result<(), FormatError> {
        for (column, &width) in self.widths.iter().enumerate() {
            let (text, style) = text_of(column);
            let shown = shortened(text, width);
            let padding = " ".repeat(width.saturating_sub(shown.width()));
            let end = if style.is_empty() { "" } else { PLAIN };
            if self.is_number[column] {
                write!(out, "| {padding}{style}{shown}{end} ")?;
            } else {
                write!(out, "| {style}{shown}{end}{padding} ")?;
            }
        }
        writeln!(out, "|")?;
        Ok(())
    }
}

/// One row as a list, under its number.
fn list(names: &[String], row: &[Cell], number: u64, look: Look, out: &mut dyn Write) -> Result<(), FormatError> {
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let title = format!("-[ {number} ]");
    let rule = (widest + 2).max(title.len() + 1).min(look.width);
    writeln!(out, "{title}{}", "-".repeat(rule.saturating_sub(title.len())))?;
    for (name, cell) in names.iter().zip(row) {
        let (style, end) = match (cell.is_null, look.colors) {
            (true, true) => (DIM, PLAIN),
            _ => ("", ""),
        };
        for (number, line) in cell.lines.iter().enumerate() {
            let name = if number == 0 { name.as_str() } else { "" };
            let padding = " ".repeat(widest - name.width());
            writeln!(out, "{name}{padding} | {style}{line}{end}")?;
        }
    }
    Ok(())
}

/// `text` in at most `width` character cells.
fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut used = 1;
    for cluster in text.graphemes(true) {
        used += cluster.width();
        if used > width {
            break;
        }
        shown.push_str(cluster);
    }
    shown.push('…');
    shown
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use proptest::prelude::*;

    use super::*;

    fn shown(columns: Vec<(&str, ArrayRef)>, look: Look) -> String {
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
                .expect("a batch");
        let rows = futures::stream::iter([Ok(batch.clone())]);
        let rows = Box::pin(RecordBatchStreamAdapter::new(batch.schema(), rows));
        let mut out = Vec::new();
        futures::executor::block_on(show_rows(rows, look, &mut out)).expect("shown");
        String::from_utf8(out).expect("UTF-8")
    }

    fn plain(width: usize) -> Look {
        Look {
            width,
            expanded: false,
            colors: false,
        }
    }

    fn nasty() -> Vec<(&'static str, ArrayRef)> {
        let texts = StringArray::from(vec![
            Some("a text that is much too long"),
            None,
            Some("two\nlines"),
            Some("\u{1b}[2J"),
        ]);
        vec![
            ("n", Arc::new(Int64Array::from(vec![Some(1), Some(20), None, Some(4)]))),
            ("text", Arc::new(texts)),
        ]
    }

    #[test]
    fn a_table_fits() {
        insta::assert_snapshot!(shown(nasty(), plain(26)), @r"
        +------+-----------------+
        |    n | text            |
        +------+-----------------+
        |    1 | a text that is… |
        |   20 | NULL            |
        | NULL | two             |
        |      | lines           |
        |    4 | \u{1b}[2J       |
        +------+-----------------+
        (4 rows)
        ");
    }

    #[test]
    fn what_does_not_fit_becomes_a_list() {
        insta::assert_snapshot!(shown(nasty(), plain(12)), @r"
        -[ 1 ]-
        n    | 1
        text | a text that is much too long
        -[ 2 ]-
        n    | 20
        text | NULL
        -[ 3 ]-
        n    | NULL
        text | two
             | lines
        -[ 4 ]-
        n    | 4
        text | \u{1b}[2J
        (4 rows)
        ");
    }

    #[test]
    fn null_is_told_from_the_text_by_its_look() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("NULL"), None]));
        let look = Look {
            colors: true,
            ..plain(80)
        };
        let text = shown(vec![("t", texts)], look);
        assert!(
            text.contains("| NULL |") && text.contains("| \u{1b}[2mNULL\u{1b}[0m |"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn no_line_of_a_table_is_wider_than_the_terminal(
            texts in proptest::collection::vec("[a-zéअ漢]{0,40}", 1..5), width in 40_usize..120, columns in 1_usize..7,
        ) {
            let column: ArrayRef = Arc::new(StringArray::from(texts));
            let names = ["a", "b", "c", "d", "e", "f"];
            let text = shown(names[..columns.min(6)].iter().map(|name| (*name, Arc::clone(&column))).collect(), plain(width));
            for line in text.lines().filter(|line| line.starts_with(['|', '+'])) {
                prop_assert!(line.width() <= width, "{} > {width}: {line}", line.width());
            }
        }
    }
}
