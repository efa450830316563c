//! Which sitters are booked by the same families: what counts, and what follows for a family.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::UserId;

/// Beyond so many sitters a family tells nothing of taste, and their pairs would fill a transaction.
const MOST: usize = 40;
/// So many tell enough of a family's taste; each costs a question.
const TELLING: usize = 5;

/// The pairs that somebody who is new to a family makes with those who have been compared already, in
/// both directions. Each counts one family more, so that every family counts once for every pair.
pub fn new_pairs(compared: &BTreeSet<UserId>, new: UserId) -> impl Iterator<Item = (UserId, UserId)> {
    let counts = compared.len() < MOST && !compared.contains(&new);
    compared.iter().filter(move |_| counts).flat_map(move |other| [(new, *other), (*other, new)])
}

/// Those whose families tell most of this family's taste: who has come most often.
pub fn telling(booked: &BTreeMap<UserId, u32>) -> Vec<UserId> {
    let mut by_times: Vec<_> = booked.iter().collect();
    by_times.sort_by_key(|(id, times)| (u32::MAX - **times, **id));
    by_times.into_iter().take(TELLING).map(|(id, _)| *id).collect()
}

/// How many families at least have booked each other sitter besides one of this family's, out of what was
/// counted for each of [`telling`]. Nobody knows whether two of those counted the same family, so they
/// are not added up.
///
/// Whom the family has booked itself is left out: there it would count itself as one like it.
pub fn similar(
    booked: &BTreeMap<UserId, u32>,
    counted: impl IntoIterator<Item = BTreeMap<UserId, u32>>,
) -> BTreeMap<UserId, u32> {
    let mut similar: BTreeMap<UserId, u32> = BTreeMap::new();
    for (other, families) in counted.into_iter().flatten() {
        if !booked.contains_key(&other) {
            let most = similar.entry(other).or_default();
            *most = families.max(*most);
        }
    }
    similar
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn ids(count: usize) -> Vec<UserId> {
        let mut ids: Vec<UserId> = (0..count).map(|_| crate::id::new(Timestamp::UNIX_EPOCH)).collect();
        ids.sort();
        ids
    }

    #[test]
    fn every_pair_counts_once_in_both_directions() {
        let ids = ids(4);
        let mut compared = BTreeSet::new();
        let mut pairs = Vec::new();
        for id in ids.iter().chain(&ids) {
            pairs.extend(new_pairs(&compared, *id));
            compared.insert(*id);
        }
        pairs.sort();
        let all = ids.iter().flat_map(|one| ids.iter().map(move |other| (*one, *other)));
        assert_eq!(pairs, all.filter(|(one, other)| one != other).collect::<Vec<_>>());
    }

    #[test]
    fn who_books_everybody_tells_nothing() {
        let ids = ids(MOST + 1);
        let compared = |count: usize| ids[..count].iter().copied().collect();
        assert_eq!(new_pairs(&compared(MOST - 1), ids[MOST]).count(), 2 * (MOST - 1));
        assert_eq!(new_pairs(&compared(MOST), ids[MOST]).count(), 0);
    }

    #[test]
    fn a_family_is_not_like_itself() {
        let ids = ids(8);
        let booked = BTreeMap::from([(ids[0], 1), (ids[1], 3), (ids[2], 1)]);
        assert_eq!(telling(&booked), [ids[1], ids[0], ids[2]]);
        let many = ids.iter().map(|id| (*id, 1)).collect();
        assert_eq!(telling(&many), ids[..TELLING]);
        let counted = [[(ids[1], 1), (ids[3], 2)].into(), [(ids[0], 1), (ids[3], 1), (ids[4], 1)].into()];
        assert_eq!(similar(&booked, counted), [(ids[3], 2), (ids[4], 1)].into());
    }
}
