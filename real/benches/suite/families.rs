//! Further families of the RSDS paper, with bodies that do nothing. Its graphs of tables, bags and
//! arrays are records of Dask's collections and have no formula: these have the shapes of such
//! collections, as those of `cargo sim -- quality` do.
//!
//! It must not know how figures are shown.

use raddle::prelude::*;

use crate::graphs::{add, one, sum};

/// A table of so many partitions: each is read, a column is taken, both are grouped; groups are reduced
/// in eights.
pub(crate) async fn groupby(client: &Client, parts: u64) -> raddle::Result<u64> {
    let read = client.map(one, 0..parts);
    let columns = client.map(one, read.iter());
    let mut level =
        client.map(|(a, b): (&TaskFuture<u64>, &_)| add(a, b), read.iter().zip(&columns));
    let mut tasks = 3 * parts;
    while level.len() > 1 {
        level = client.map(|some: &[_]| sum(some), level.chunks(8));
        tasks += level.len() as u64;
    }
    assert_eq!(client.gather(&level).await?, [parts * (parts - 1)]);
    Ok(tasks)
}

/// Two tables are joined: the partitions of each are split for all of the result, which are made of a
/// piece of every partition of both.
pub(crate) async fn join(client: &Client, parts: u64) -> raddle::Result<u64> {
    let tables = client.map(one, 0..2 * parts);
    let split = client.map(one, tables.iter());
    let cuts = (0..parts).flat_map(|to| split.iter().map(move |part| (part, to)));
    let pieces = client.map(|(part, to): (&TaskFuture<u64>, u64)| add(part, to), cuts);
    let merged = client.map(|pieces: &[_]| sum(pieces), pieces.chunks(2 * parts as usize));
    let of = |to: u64| parts * (2 * parts - 1) + 2 * parts * to;
    assert!(client.gather(&merged).await?.into_iter().eq((0..parts).map(of)));
    Ok(5 * parts + 2 * parts * parts)
}

/// Chunks along time are cut anew, each new one of three neighbours; each gives a mean, and those of a
/// season one more.
pub(crate) async fn xarray(client: &Client, chunks: usize) -> raddle::Result<u64> {
    let opened = client.map(one, 0..chunks as u64);
    let joined = client.map(|three: &[_]| sum(three), opened.windows(3));
    let means = client.map(one, joined.iter());
    let seasons: Vec<Vec<_>> =
        (0..4).map(|season| means.iter().skip(season).step_by(4).cloned().collect()).collect();
    let seasons = client.map(|season: &Vec<_>| sum(season.as_slice()), &seasons);
    let all: u64 = (1..chunks as u64 - 1).map(|middle| 3 * middle).sum();
    assert_eq!(client.submit(sum(&seasons)).await?, all);
    Ok((3 * chunks - 4) as u64 + 5)
}

/// Texts are read, cleaned and counted, each in a chain of three; counts are put together.
pub(crate) async fn wordbag(client: &Client, texts: u64) -> raddle::Result<u64> {
    let read = client.map(one, 0..texts);
    let cleaned = client.map(one, read.iter());
    let counted = client.map(one, cleaned.iter());
    assert_eq!(client.submit(sum(&counted)).await?, texts * (texts - 1) / 2);
    Ok(3 * texts + 1)
}
