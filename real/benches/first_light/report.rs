//! The table: rows of figures, one figure a round, each beside what it is held against.
//!
//! It must not know what is measured.

/// Figures by name, in the order in which the names came.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    ours: Vec<f64>,
    beside: Vec<(&'static str, Vec<f64>)>,
}

impl Report {
    /// This round's figure of ours for a row.
    pub(crate) fn ours(&mut self, name: &'static str, figure: f64) {
        self.row(name).ours.push(figure);
    }

    /// This round's figure of a floor or a peer for a row.
    pub(crate) fn beside(&mut self, name: &'static str, other: &'static str, figure: f64) {
        let beside = &mut self.row(name).beside;
        match beside.iter_mut().find(|(known, _)| *known == other) {
            Some((_, figures)) => figures.push(figure),
            None => beside.push((other, vec![figure])),
        }
    }

    fn row(&mut self, name: &'static str) -> &mut Row {
        let place = self.rows.iter().position(|row| row.name == name).unwrap_or(self.rows.len());
        if place == self.rows.len() {
            self.rows.push(Row { name, ours: Vec::new(), beside: Vec::new() });
        }
        &mut self.rows[place]
    }

    /// Prints it as Markdown.
    pub(crate) fn print(&self) {
        say("| median (min … max) | raddle | floor or peer | | raddle ÷ it |");
        say("|---|---|---|---|---|");
        for Row { name, ours, beside } in &self.rows {
            let shown = spread(ours);
            if beside.is_empty() {
                say(&format!("| {name} | {shown} | | | |"));
            }
            for (other, theirs) in beside {
                let ratios: Vec<_> =
                    ours.iter().zip(theirs).map(|(our, their)| our / their).collect();
                let (theirs, ratio) = (spread(theirs), number(quantile(&ratios, 0.5)));
                say(&format!("| {name} | {shown} | {other} | {theirs} | {ratio} |"));
            }
        }
    }
}

fn spread(figures: &[f64]) -> String {
    let [low, median, high] = [0.0, 0.5, 1.0].map(|share| number(quantile(figures, share)));
    format!("{median} ({low} … {high})")
}

/// The figure that so large a share of them does not exceed. NaN if there is none.
pub(crate) fn quantile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

/// Three digits, or all before the point, in groups.
fn number(figure: f64) -> String {
    let decimals = match figure {
        ..1.0 => 3,
        1.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    let digits = format!("{figure:.decimals$}");
    if decimals > 0 || digits.len() < 4 {
        return digits;
    }
    let group = |(place, digit)| {
        let comma = place > 0 && (digits.len() - place) % 3 == 0;
        comma.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(group).collect()
}

/// One line for the reader.
#[expect(clippy::print_stdout, reason = "it is what the program is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
