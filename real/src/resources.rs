//! What workers have for tasks that need it, such as `gpu=1` or `memory=0.5`: amounts with names.
//!
//! This module must not know who has it or who needs it.

use std::collections::BTreeMap;

use raddle_net::limits::{MAX_NAME, MAX_RESOURCES};

/// Units of one.
const UNITS: f64 = 10_000.0;
/// The largest amount: above it units are not exact.
const LARGEST: f64 = 1e9;

/// Names with amounts in units of 1/10,000, in the order of names.
pub(crate) type Resources = Vec<(String, u64)>;

/// Amounts as users give them; the last one of a name counts.
///
/// # Errors
///
/// What is wrong, in words: too many or too long names, amounts that are no number or below 0.
pub(crate) fn units<N: Into<String>>(
    amounts: impl IntoIterator<Item = (N, f64)>,
) -> Result<Resources, String> {
    let mut units = BTreeMap::new();
    for (name, amount) in amounts {
        let name = name.into();
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(format!("the name of a resource has 1 to {MAX_NAME} bytes"));
        }
        if !(0.0..=LARGEST).contains(&amount) {
            return Err(format!("{amount} is no amount of `{name}`: expected 0 to {LARGEST}"));
        }
        units.insert(name, (amount * UNITS).round() as u64);
    }
    if units.len() > MAX_RESOURCES {
        return Err(format!("there are at most {MAX_RESOURCES} resources"));
    }
    Ok(units.into_iter().collect())
}

/// Reads `NAME=AMOUNT,NAME=AMOUNT,…`.
///
/// # Errors
///
/// What is wrong, in words.
pub(crate) fn parse(text: &str) -> Result<Resources, String> {
    let mut amounts = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let amount = part
            .split_once('=')
            .and_then(|(name, amount)| Some((name.trim().to_owned(), amount.trim().parse().ok()?)));
        amounts.push(amount.ok_or_else(|| format!("`{part}` is not NAME=AMOUNT, as in gpu=1"))?);
    }
    units(amounts)
}

/// The reverse of [`parse`].
pub(crate) fn print(resources: &Resources) -> String {
    let one = |(name, units): &(String, u64)| format!("{name}={}", *units as f64 / UNITS);
    resources.iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read() {
        for text in ["", "gpu=1", "gpu=0.5,memory=1234.5678"] {
            assert_eq!(print(&parse(text).unwrap()), text);
        }
        let units = vec![("cpu".to_owned(), 20_000), ("gpu".to_owned(), 5000)];
        assert_eq!(parse(" gpu=0.5, cpu=1 ,cpu=2,"), Ok(units));
    }

    #[test]
    fn what_is_no_amount_is_said_to_be_none() {
        for wrong in ["gpu", "gpu=", "gpu=x", "gpu=-1", "gpu=nan", "gpu=inf", "=1", "gpu=1e30"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
