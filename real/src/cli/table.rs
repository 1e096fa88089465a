//! Columns of text.

/// One line per row, the first of them the header; the first `left` columns to the left, the others
/// to the right. Each row has as many cells as the header.
pub(super) fn align<const N: usize>(rows: &[[String; N]], left: usize) -> Vec<String> {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                match column < left {
                    true => format!("{cell:<width$}"),
                    false => format!("{cell:>width$}"),
                }
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
