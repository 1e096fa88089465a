//! The numbered keys of one session, in pages that are found by array index.
//!
//! A client draws numbers in ascending order and forgets them in about the same: the pages in use
//! stand in one row, that grows at its end and is given up at its beginning. What does not is found
//! by search. This module must not know what is kept under a number.

use std::collections::{BTreeMap, VecDeque};

/// Numbers of one page. A page is the unit of allocation, and so of what a client that leaves gaps
/// between its numbers can waste.
const PAGE: u64 = 64;
/// Places that the row may grow by at once: as many as a page has.
const STEP: usize = PAGE as usize;
/// Places of the row, for each page in it, beyond which its oldest pages have to leave it.
const SPARSE: usize = 16;

/// What is kept under each number.
#[derive(Clone, Debug)]
pub struct Pages<V> {
    /// Neither the first place nor the last is empty.
    row: VecDeque<Option<Box<Page<V>>>>,
    /// The number of the first page of the row.
    first: u64,
    /// How many pages stand in the row.
    standing: usize,
    /// Pages before the row, and far behind it.
    aside: BTreeMap<u64, Box<Page<V>>>,
}

#[derive(Clone, Debug)]
struct Page<V> {
    values: [Option<V>; PAGE as usize],
    used: u32,
}

impl<V: Copy> Pages<V> {
    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.row.is_empty() && self.aside.is_empty()
    }

    /// What is kept under `number`.
    pub fn get(&self, number: u64) -> Option<V> {
        let page = number / PAGE;
        let page = match self.place(page) {
            Some(place) if place < self.row.len() => self.row[place].as_ref(),
            Some(_) | None => self.aside.get(&page),
        };
        page?.values[slot(number)]
    }

    /// Keeps `value` under `number`; returns what was there.
    pub fn insert(&mut self, number: u64, value: V) -> Option<V> {
        let page = self.page_for(number / PAGE);
        let previous = page.values[slot(number)].replace(value);
        page.used += u32::from(previous.is_none());
        previous
    }

    /// Removes `number`; returns what was there. Nothing is left of an empty page.
    pub fn remove(&mut self, number: u64) -> Option<V> {
        let page = number / PAGE;
        let place = self.place(page).filter(|place| *place < self.row.len());
        let found = match place {
            Some(place) => self.row[place].as_mut(),
            None => self.aside.get_mut(&page),
        };
        let found = found?;
        let removed = found.values[slot(number)].take()?;
        found.used -= 1;
        if found.used == 0 {
            match place {
                Some(place) => self.empty(place),
                None => drop(self.aside.remove(&page)),
            }
        }
        Some(removed)
    }

    /// Everything that is kept under `number` or a higher one, in ascending order.
    pub fn iter_from(&self, number: u64) -> impl Iterator<Item = (u64, V)> + '_ {
        let (from, first) = (number / PAGE, self.first);
        let end = first + self.row.len() as u64;
        let skipped = self.place(from).unwrap_or(0).min(self.row.len());
        let row = (first..).zip(&self.row).skip(skipped);
        let row = row.filter_map(|(at, page)| Some((at, page.as_ref()?)));
        let aside = |pages| self.aside.range(pages).map(|(at, page)| (*at, page));
        let (before, behind) = (from.min(first)..first, from.max(end)..u64::MAX);
        let pages = aside(before).chain(row).chain(aside(behind));
        let values = pages.flat_map(|(at, page)| {
            let slots = (0..PAGE).zip(&page.values);
            slots.filter_map(move |(slot, value)| Some((at * PAGE + slot, (*value)?)))
        });
        values.skip_while(move |(at, _)| *at < number)
    }

    fn place(&self, page: u64) -> Option<usize> {
        usize::try_from(page.checked_sub(self.first)?).ok()
    }

    /// The page; a new one if it is not there.
    fn page_for(&mut self, page: u64) -> &mut Page<V> {
        if self.row.is_empty() {
            self.first = page;
        }
        match self.place(page) {
            Some(place) if place < self.row.len() + STEP => {
                while self.row.len() <= place {
                    let known = self.aside.remove(&(self.first + self.row.len() as u64));
                    self.standing += usize::from(known.is_some());
                    self.row.push_back(known);
                }
                let standing = &mut self.standing;
                self.row[place].get_or_insert_with(|| {
                    *standing += 1;
                    Page::new()
                })
            }
            Some(_) | None => self.aside.entry(page).or_insert_with(Page::new),
        }
    }

    /// The page at this place of the row is not used any more. A few old pages do not keep the row
    /// long.
    fn empty(&mut self, place: usize) {
        self.row[place] = None;
        self.standing -= 1;
        while self.row.back().is_some_and(Option::is_none) {
            self.row.pop_back();
        }
        self.begin_with_a_page();
        while self.row.len() > STEP + self.standing * SPARSE {
            let oldest = self.row.pop_front().flatten().expect("a row begins with a page");
            self.aside.insert(self.first, oldest);
            self.first += 1;
            self.standing -= 1;
            self.begin_with_a_page();
        }
        if self.row.capacity() > STEP.max(self.row.len() * SPARSE) {
            self.row.shrink_to(self.row.len() * 2);
        }
    }

    fn begin_with_a_page(&mut self) {
        while self.row.front().is_some_and(Option::is_none) {
            self.row.pop_front();
            self.first += 1;
        }
    }
}

impl<V> Default for Pages<V> {
    fn default() -> Self {
        Self { row: VecDeque::new(), first: 0, standing: 0, aside: BTreeMap::new() }
    }
}

impl<V: Copy> Page<V> {
    fn new() -> Box<Self> {
        Box::new(Self { values: [None; PAGE as usize], used: 0 })
    }
}

const fn slot(number: u64) -> usize {
    (number % PAGE) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_old_number_does_not_keep_the_row_long() {
        let mut pages = Pages::default();
        assert_eq!(pages.insert(0, 0), None);
        for number in 1..100_000 {
            assert_eq!(pages.insert(number, number), None);
            if number > 100 {
                assert_eq!(pages.remove(number - 100), Some(number - 100));
            }
        }
        let numbers = std::iter::once(0).chain(99_900..100_000);
        assert!(pages.iter_from(0).eq(numbers.map(|number| (number, number))));
        assert!(pages.row.len() <= 2 * STEP && pages.row.capacity() <= 4 * STEP);
    }
}
