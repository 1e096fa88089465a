//! What was measured: as Markdown, and as JSON. What it means is written by people, around it.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::measure::Instance;
use super::policies::Kind;
use super::view::Knowledge;

/// Where the figures begin and end in a page that says more.
const BEGIN: &str = "<!-- figures: begin -->\n";
const END: &str = "<!-- figures: end -->\n";
/// Instances that are told one by one: those on which we are furthest from the best policy.
const WORST: usize = 15;

/// Puts the figures into the page at `path`, in place of earlier ones.
pub(super) fn write(path: &Path, figures: &str) -> io::Result<()> {
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let (before, after) = match (page.split_once(BEGIN), page.split_once(END)) {
        (Some((before, _)), Some((_, after))) => (before, after),
        (None | Some(_), None) | (None, Some(_)) => (page.as_str(), ""),
    };
    std::fs::write(path, format!("{before}{BEGIN}{figures}{END}{after}"))
}

/// The figures.
pub(super) fn page(all: &[Instance]) -> String {
    let mut page = String::new();
    let fast: Vec<&Instance> = all.iter().filter(|one| one.mib >= 1024).collect();
    let exact: Vec<&Instance> = of(all, Knowledge::Exact);
    let learned: Vec<&Instance> = of(all, Knowledge::Learned);
    let all: Vec<&Instance> = all.iter().collect();
    let families = ["elementary", "irw", "pegasus", "rsds"];
    let sets: Vec<(String, Vec<&Instance>)> = [
        ("all".to_owned(), all.clone()),
        ("2 GiB/s".to_owned(), fast),
        ("256 MiB/s".to_owned(), all.iter().copied().filter(|one| one.mib == 256).collect()),
        ("32 MiB/s".to_owned(), all.iter().copied().filter(|one| one.mib == 32).collect()),
        ("durations known".to_owned(), exact),
        ("durations learned".to_owned(), learned),
    ]
    .into_iter()
    .chain(
        families.map(|f| (f.to_owned(), all.iter().copied().filter(|o| o.family == f).collect())),
    )
    .filter(|(_, set): &(String, Vec<&Instance>)| !set.is_empty())
    .collect();
    table(&mut page, "Makespan / lower bound", &sets, |one, kind| {
        one.makespan(kind) / one.bound.max(1) as f64
    });
    table(&mut page, "Makespan / best policy of the instance", &sets, |one, kind| {
        one.makespan(kind) / one.best()
    });
    table(&mut page, "Bytes moved / Dask's (1 MiB added to both)", &sets, |one, kind| {
        plus(one.outcomes[&kind].moved) / plus(one.outcomes[&Kind::Dask].moved)
    });
    table(&mut page, "Peak memory / Dask's (1 MiB added to both)", &sets, |one, kind| {
        plus(one.outcomes[&kind].peak) / plus(one.outcomes[&Kind::Dask].peak)
    });
    graphs(&mut page, &all);
    worst(&mut page, all);
    page
}

fn plus(bytes: u64) -> f64 {
    (bytes + (1 << 20)) as f64
}

fn of(all: &[Instance], knowledge: Knowledge) -> Vec<&Instance> {
    all.iter().filter(|one| one.knowledge == knowledge).collect()
}

/// The geometric mean of these.
pub(super) fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = numbers.fold((0.0, 0_u32), |(sum, count), n| (sum + n.ln(), count + 1));
    (sum / f64::from(count.max(1))).exp()
}

fn head(page: &mut String, title: &str, first: &str) {
    let names = Kind::ALL.map(Kind::name).join(" | ");
    let rule = "|---:".repeat(Kind::ALL.len());
    let _ = writeln!(page, "\n### {title}\n\n| {first} | {names} |\n|---{rule}|");
}

fn table(
    page: &mut String,
    title: &str,
    sets: &[(String, Vec<&Instance>)],
    ratio: impl Fn(&Instance, Kind) -> f64,
) {
    head(page, title, "geometric mean over");
    for (name, set) in sets {
        let means = Kind::ALL.map(|kind| mean(set.iter().map(|one| ratio(one, kind))));
        row(page, &format!("{name} ({})", set.len()), means);
    }
}

fn row(page: &mut String, name: &str, numbers: [f64; Kind::ALL.len()]) {
    let numbers = numbers.map(|number| format!("{number:.3}")).join(" | ");
    let _ = writeln!(page, "| {name} | {numbers} |");
}

fn graphs(page: &mut String, all: &[&Instance]) {
    head(page, "By graph: makespan / best policy of the instance", "graph (tasks)");
    let mut rest = all;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|one| one.graph == first.graph).count();
        let (these, others) = rest.split_at(count);
        let ratio = |kind| mean(these.iter().map(|one| one.makespan(kind) / one.best()));
        row(page, &format!("{} ({})", first.graph, first.tasks), Kind::ALL.map(ratio));
        rest = others;
    }
}

fn worst(page: &mut String, mut all: Vec<&Instance>) {
    let ratio = |one: &Instance| one.makespan(Kind::Ours) / one.best();
    let beyond = all.iter().filter(|one| ratio(one) > 1.3).count();
    let above =
        all.iter().filter(|one| one.makespan(Kind::Ours) > one.makespan(Kind::Dask) * 1.001);
    let _ = writeln!(
        page,
        "\nOf {} instances we are beyond 1.3 × the best policy on {beyond}, and above Dask's on {}. \
         Those on which we are furthest from the best:",
        all.len(),
        above.count()
    );
    all.sort_by(|a, b| ratio(b).total_cmp(&ratio(a)));
    head(page, "Where we are worst: makespan / best policy", "instance");
    for one in all.into_iter().take(WORST) {
        let known = match one.knowledge {
            Knowledge::Exact => "known",
            Knowledge::Learned => "learned",
        };
        let (workers, slots) = one.shape;
        let name = format!("{}, {workers}×{slots}, {} MiB/s, {known}", one.graph, one.mib);
        row(page, &name, Kind::ALL.map(|kind| one.makespan(kind) / one.best()));
    }
}

/// A line for each instance.
pub(super) fn json(all: &[Instance]) -> String {
    let mut lines = Vec::new();
    for one in all {
        let policies = one.outcomes.iter().map(|(kind, outcome)| {
            format!(
                "\"{}\":{{\"makespan_ns\":{},\"moved\":{},\"peak\":{}}}",
                kind.name(),
                outcome.makespan,
                outcome.moved,
                outcome.peak
            )
        });
        lines.push(format!(
            "{{\"graph\":\"{}\",\"workers\":{},\"slots\":{},\"mib_per_s\":{},\"durations\":\"{:?}\",\
             \"bound_ns\":{},{}}}",
            one.graph,
            one.shape.0,
            one.shape.1,
            one.mib,
            one.knowledge,
            one.bound,
            policies.collect::<Vec<String>>().join(",")
        ));
    }
    format!("[\n{}\n]\n", lines.join(",\n"))
}
