//! The table: rows of figures, one figure a round, each beside its goal and what it is held against.
//!
//! It must not know what is measured.

use serde_json::json;

/// A figure that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// What it is, and after the last semicolon its unit.
    pub(crate) name: &'static str,
    pub(crate) goal: Goal,
}

/// What is asked of a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    None,
    AtLeast(f64),
    AtMost(f64),
    /// So many times this floor or peer, of the same round.
    AtLeastTimes(f64, &'static str),
    AtMostTimes(f64, &'static str),
}

impl Figure {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, goal: Goal::None }
    }

    pub(crate) const fn at_least(name: &'static str, goal: f64) -> Self {
        Self { name, goal: Goal::AtLeast(goal) }
    }

    pub(crate) const fn at_most(name: &'static str, goal: f64) -> Self {
        Self { name, goal: Goal::AtMost(goal) }
    }

    pub(crate) const fn at_least_times(name: &'static str, goal: f64, other: &'static str) -> Self {
        Self { name, goal: Goal::AtLeastTimes(goal, other) }
    }

    pub(crate) const fn at_most_times(name: &'static str, goal: f64, other: &'static str) -> Self {
        Self { name, goal: Goal::AtMostTimes(goal, other) }
    }
}

/// Figures, in the order in which they were measured first.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

/// What was measured of a figure.
pub(crate) struct Row {
    pub(crate) figure: Figure,
    ours: Vec<f64>,
    beside: Vec<(&'static str, Vec<f64>)>,
}

impl Report {
    /// This round's figure of ours.
    pub(crate) fn ours(&mut self, figure: Figure, value: f64) {
        self.row(figure).ours.push(value);
    }

    /// This round's figure of a floor or a peer.
    pub(crate) fn beside(&mut self, figure: Figure, other: &'static str, value: f64) {
        let beside = &mut self.row(figure).beside;
        match beside.iter_mut().find(|(known, _)| *known == other) {
            Some((_, values)) => values.push(value),
            None => beside.push((other, vec![value])),
        }
    }

    /// This round's figure of a floor for itself: of the machine, not of raddle.
    pub(crate) fn floor(&mut self, figure: Figure, value: f64) {
        self.beside(figure, "floor", value);
    }

    /// All rows.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn row(&mut self, figure: Figure) -> &mut Row {
        let place = self.rows.iter().position(|row| row.figure.name == figure.name);
        let place = place.unwrap_or(self.rows.len());
        if place == self.rows.len() {
            self.rows.push(Row { figure, ours: Vec::new(), beside: Vec::new() });
        }
        &mut self.rows[place]
    }

    /// As a table.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "| median (min … max) | raddle | goal | reached | floor or peer | | raddle ÷ it |\n\
             |---|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            let name = row.figure.name;
            let reached = row.is_reached().map_or("", |is| if is { "yes" } else { "no" });
            let shown = format!("| {name} | {} | {} | {reached} |", spread(&row.ours), row.goal());
            if row.beside.is_empty() {
                text += &format!("{shown} | | |\n");
            }
            for (other, theirs) in &row.beside {
                let ratio = number(row.ratio(theirs));
                text += &format!("{shown} {other} | {} | {ratio} |\n", spread(theirs));
            }
        }
        text
    }

    /// For programs: every figure of every round.
    pub(crate) fn json(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            let beside = row.beside.iter().map(|(other, theirs)| (*other, theirs));
            let beside: std::collections::BTreeMap<_, _> = beside.collect();
            json!({
                "name": row.figure.name,
                "goal": row.goal(),
                "reached": row.is_reached(),
                "ours": row.ours,
                "beside": beside,
            })
        });
        serde_json::Value::Array(rows.collect()).to_string()
    }
}

impl Row {
    /// The median of ours.
    pub(crate) fn median(&self) -> f64 {
        quantile(&self.ours, 0.5)
    }

    /// What it is held against, with the median of the rounds' ratios.
    pub(crate) fn ratios(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.beside.iter().map(|(other, theirs)| (*other, self.ratio(theirs)))
    }

    fn ratio(&self, theirs: &[f64]) -> f64 {
        let ratios: Vec<_> = self.ours.iter().zip(theirs).map(|(our, their)| our / their).collect();
        quantile(&ratios, 0.5)
    }

    /// Whether the median is as good as asked; `None` if nothing is, or what it is held against was
    /// not there.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        let median = Some(self.median()).filter(|median| !median.is_nan());
        let times = |wanted| {
            let mut ratios = self.ratios();
            ratios
                .find(|(other, ratio)| *other == wanted && !ratio.is_nan())
                .map(|(_, ratio)| ratio)
        };
        match self.figure.goal {
            Goal::None => None,
            Goal::AtLeast(goal) => median.map(|median| median >= goal),
            Goal::AtMost(goal) => median.map(|median| median <= goal),
            Goal::AtLeastTimes(goal, other) => times(other).map(|ratio| ratio >= goal),
            Goal::AtMostTimes(goal, other) => times(other).map(|ratio| ratio <= goal),
        }
    }

    fn goal(&self) -> String {
        match self.figure.goal {
            Goal::None => String::new(),
            Goal::AtLeast(goal) => format!("≥ {}", number(goal)),
            Goal::AtMost(goal) => format!("≤ {}", number(goal)),
            Goal::AtLeastTimes(goal, other) => format!("≥ {} × {other}", number(goal)),
            Goal::AtMostTimes(goal, other) => format!("≤ {} × {other}", number(goal)),
        }
    }
}

fn spread(figures: &[f64]) -> String {
    if figures.is_empty() {
        return String::new();
    }
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

/// Three digits, or all before the point, in groups; nothing if it is no number.
pub(crate) fn number(figure: f64) -> String {
    if figure.is_nan() {
        return String::new();
    }
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
